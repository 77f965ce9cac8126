"""Ratios of means over the same documents, and levels through the ratio to an anchor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pyengine.statistics.estimates import Clusters, Estimate, Floats, cluster_sums
from pyengine.statistics.paired import exponential, interval_at, logarithm


def ratio_of_means(
    first: Floats, second: Floats, clusters: Clusters, *, level: float = 0.95
) -> Estimate:
    """Estimate the mean of one quantity over that of another, both of the same tokens.

    r = sum S_d / sum T_d over the sums of both in each document d. Both quantities must be
    positive, as divergences are. The error is that of ln r by the jackknife, see `anchored_mean`.
    """
    numerators, _ = cluster_sums(first, clusters)
    denominators, _ = cluster_sums(second, clusters)
    value = float(numerators.sum() / denominators.sum())
    estimate = Estimate(value, n=len(first), n_clusters=len(numerators), level=level)
    if len(numerators) < 2:
        return estimate
    without = _left_out(numerators) - _left_out(denominators)
    variance = _jackknife(without - np.log(value))
    freedom = _effective(numerators, denominators) - 1
    return _with_logs(estimate, variance, freedom)


def anchored_mean(
    values: Floats, anchor: Floats, clusters: Clusters, *, level: float = 0.95
) -> Estimate:
    """Estimate the mean of a positive quantity, known for the first documents of an anchor's.

    Double sampling with a ratio estimator (Cochran 1977, section 12.9): with sums Y_d of the
    quantity over the first g documents, X_d of the anchor's over all G, and n_d tokens,

        m = (sum_g Y / sum_g X) * (sum_G X / sum_G n)

    What both have in common is thus taken from all documents. With as many documents as the
    anchor, m is the plain mean.

    The variance of ln m is that of the jackknife (Rao and Sitter 1995): with m_d what is left
    without document d, (g - 1) / g times the sum of (ln m_d - ln m)^2 over the first documents and
    (G - 1) / G times that over the others. The interval is exp(ln m +- t se). Where few documents
    hold most of a sum, the degrees of freedom are those of the effective number of documents,
    1 / sum of squared shares (Kish 1965), less one, and Satterthwaite's (1946) of both parts.

    Args:
        values: of the first tokens, whole documents.
        anchor: of all tokens.
        clusters: the document of each of the anchor's tokens.

    Raises:
        ValueError: no token, or a sum that is not positive.
    """
    n = len(values)
    _, place = np.unique(clusters, return_inverse=True)
    n_all = int(place.max()) + 1 if len(place) else 0
    is_first = np.bincount(place[:n], minlength=n_all) > 0
    own, beside, total, sizes = (
        np.bincount(place[: len(weights)], weights=weights, minlength=n_all).astype(np.float64)
        for weights in (values, anchor[:n], anchor, np.ones(len(place)))
    )
    if n == 0 or not min(own.sum(), beside.sum()) > 0:
        raise ValueError("an anchored mean needs tokens whose sums are positive")
    mean = float(own.sum() / beside.sum() * total.sum() / sizes.sum())
    estimate = Estimate(mean, n=n, n_clusters=int(is_first.sum()), level=level)
    if estimate.n_clusters < 2:
        return estimate
    without = _left_out(total) - _left_out(sizes) + _left_out(own) - _left_out(beside)
    moved = without - np.log(mean)
    parts = [(_jackknife(moved[is_first]), _effective(own[is_first], sizes[is_first]) - 1)]
    if not is_first.all():
        factor = (n_all - 1) / n_all
        rest = factor * float(np.sum(moved[~is_first] ** 2))
        parts.append((rest, _effective(total, sizes) - 1))
    return _with_logs(estimate, sum(variance for variance, _ in parts), _freedom(parts))


def _left_out(sums: Floats) -> Floats:
    """Return ln of the sum without each document."""
    left: Floats = np.log(np.maximum(sums.sum() - sums, np.finfo(np.float64).tiny))
    return left


def _jackknife(moved: Floats) -> float:
    """Return the variance of an estimate from how far leaving out each document moves it."""
    return (len(moved) - 1) / len(moved) * float(np.sum(moved**2))


def _effective(first: Floats, second: Floats) -> float:
    """Return the effective number of documents, by the mean of their shares in two sums."""
    shares = (first / first.sum() + second / second.sum()) / 2
    return float(1 / np.sum(shares**2))


def _freedom(parts: Sequence[tuple[float, float]]) -> float:
    """Return Satterthwaite's degrees of freedom of a sum of independent variances."""
    whole = sum(variance for variance, _ in parts)
    if whole == 0.0:
        return min(freedom for _, freedom in parts)
    return whole**2 / sum(variance**2 / max(freedom, 1.0) for variance, freedom in parts)


def _with_logs(estimate: Estimate, variance: float, freedom: float) -> Estimate:
    """Add the error and the interval that follow from the variance of the logarithm."""
    error = estimate.value * float(np.sqrt(variance))
    known = replace(estimate, error=error, freedom=max(freedom, 1.0), interval="t")
    low, high = (exponential(end) for end in interval_at(logarithm(known), estimate.level))
    return replace(known, low=low, high=high)
