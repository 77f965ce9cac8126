"""Differences between two variants measured on the same tokens, and what may be said of them."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

from pyengine.statistics.distributions import student_quantile, student_two_sided
from pyengine.statistics.estimates import Clusters, Estimate, Floats, clustered_mean

Verdict: TypeAlias = Literal["different", "equivalent", "undecided"]

# Differences under this part of their standard error carry no information about sample size.
SMALLEST_INFORMATIVE_RATIO = 0.25


def paired_difference(
    first: Floats, second: Floats, clusters: Clusters, *, level: float = 0.95
) -> Estimate:
    """Return the mean of (first - second) over the same tokens; what both have in common cancels.

    Tokens where either value is not finite are left out.
    """
    finite = np.isfinite(first) & np.isfinite(second)
    return clustered_mean(first[finite] - second[finite], clusters[finite], level=level)


def p_value(estimate: Estimate) -> float:
    """Return the two-sided p-value of "the mean is zero", by Student's t over documents.

    1 where both variants agree on every token, NaN with fewer than two documents.
    """
    if estimate.n_clusters < 2:
        return float("nan")
    if estimate.error == 0.0:
        return 1.0 if estimate.value == 0.0 else 0.0
    return student_two_sided(estimate.value / estimate.error, estimate.n_clusters - 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for their number by Holm's step-down method (Holm 1979).

    The i-th smallest of m becomes max over j <= i of min(1, (m - j + 1) p_j). NaN stays NaN and
    does not count.
    """
    adjusted = np.full(len(p_values), np.nan)
    known = [i for i, p in enumerate(p_values) if not np.isnan(p)]
    running = 0.0
    for place, i in enumerate(sorted(known, key=lambda i: p_values[i])):
        running = max(running, min(1.0, (len(known) - place) * p_values[i]))
        adjusted[i] = running
    return [float(p) for p in adjusted]


def verdict(estimate: Estimate, *, margin: float, adjusted_p: float | None = None) -> Verdict:
    """Say what the data support at the interval's level.

    equivalent: the whole interval lies within +-margin (confidence-interval inclusion, Schuirmann
    1987, here at the wider two-sided level). different: it excludes zero and, where an adjusted p
    is given, that is below 1 - level too. undecided: neither. A difference that is real and
    smaller than the margin counts as equivalent.
    """
    if estimate.n_clusters < 2 or np.isnan(estimate.error):
        return "undecided"
    if max(abs(estimate.low), abs(estimate.high)) <= margin:
        return "equivalent"
    p = p_value(estimate) if adjusted_p is None else adjusted_p
    return "different" if p < 1 - estimate.level else "undecided"


def documents_to_separate(
    estimate: Estimate, *, corrections: float = 1.0, power: float = 0.8
) -> int | None:
    """Return how many more documents would show the difference, were the one seen the true one.

    The smallest G with (t_level + t_power) s / sqrt(G) <= |d|, where s = se sqrt(G_0) is the spread
    over documents and both quantiles are Student's with G - 1 degrees of freedom, less the G_0 that
    there are; to two figures. None where it already shows, or where the difference is under a
    quarter of its standard error and such a forecast would mean nothing.

    Args:
        corrections: by how much Holm's method multiplies the p-value: 1 - level is divided by it.
        power: chance of showing it.
    """
    if not np.isfinite(estimate.error) or estimate.error == 0.0:
        return None
    if abs(estimate.value) < SMALLEST_INFORMATIVE_RATIO * estimate.error:
        return None
    spread = estimate.error * np.sqrt(estimate.n_clusters) / abs(estimate.value)
    tail = (1 - estimate.level) / corrections / 2

    def shows(n: int) -> bool:
        quantiles = student_quantile(1 - tail, n - 1) + student_quantile(power, n - 1)
        return bool(quantiles * spread <= np.sqrt(n))

    enough = estimate.n_clusters
    if shows(enough):
        return None
    while not shows(enough):
        enough *= 2
    # Fewer than half of these are not enough.
    enough = bisect_left(range(enough), True, lo=max(2, enough // 2), key=shows)
    more = enough - estimate.n_clusters
    scale = 10 ** max(len(str(more)) - 2, 0)
    return int(max(round(more / scale) * scale, 1))
