"""A mean over tokens with both of its standard errors, labelled.

Tokens of one document resemble each other. Taking them as independent, as llama-perplexity does,
makes the standard error too small, commonly by a factor of two to four. The clustered one is exact
in the limit of many documents whatever happens inside them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pyengine.statistics.distributions import student_quantile

Floats = npt.NDArray[np.float64]
Clusters = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Estimate:
    """A mean with its uncertainty.

    Attributes:
        value: the mean over tokens.
        n: tokens.
        n_clusters: documents (or windows) that they came from.
        se_independent: s / sqrt(n), as if tokens were independent.
        se_clustered: cluster-robust standard error; NaN with fewer than two clusters.
        low: lower end of the interval, value - t(n_clusters - 1) * se_clustered.
        high: its upper end.
        level: coverage of the interval.
    """

    value: float
    n: int
    n_clusters: int
    se_independent: float
    se_clustered: float
    low: float
    high: float
    level: float = 0.95


def clustered_mean(values: Floats, clusters: Clusters, *, level: float = 0.95) -> Estimate:
    """Estimate a mean over tokens that come in clusters.

    With cluster sums S_c over n_c tokens, N tokens and G clusters, m = sum S_c / N and
    se^2 = G/(G-1) * sum (S_c - m n_c)^2 / N^2, the linearised ratio estimator (Cochran 1977,
    section 6.3; Liang and Zeger 1986 for an intercept). The interval takes Student's t with G-1
    degrees of freedom.

    Args:
        values: one number for each token.
        clusters: an integer for each token, equal within a document.

    Raises:
        ValueError: no token, or the lengths differ.
    """
    if len(values) == 0 or len(values) != len(clusters):
        raise ValueError(f"{len(values)} values and {len(clusters)} cluster numbers")
    n = len(values)
    independent = float(np.std(values, ddof=1) / np.sqrt(n)) if n > 1 else float("nan")
    sums, sizes = cluster_sums(values, clusters)
    return replace(clustered_ratio(sums, sizes, level=level), se_independent=independent)


def clustered_ratio(sums: Floats, sizes: Floats, *, level: float = 0.95) -> Estimate:
    """Estimate sum(sums) / sum(sizes) from one pair of numbers for each cluster.

    This is `clustered_mean` where only totals are known, such as bits and bytes of documents.
    """
    total, n_clusters = float(np.sum(sizes)), len(sums)
    mean = float(np.sum(sums)) / total
    clustered = float("nan")
    if n_clusters > 1:
        residuals = sums - mean * sizes
        spread = float(np.sum(residuals**2)) * n_clusters / (n_clusters - 1)
        clustered = float(np.sqrt(spread)) / total
    reach = half_width(clustered, n_clusters, level)
    nan = float("nan")
    return Estimate(mean, int(total), n_clusters, nan, clustered, mean - reach, mean + reach, level)


def half_width(standard_error: float, n_clusters: int, level: float) -> float:
    """Return t(n_clusters - 1) times the standard error; NaN with fewer than two clusters."""
    if n_clusters < 2:
        return float("nan")
    return student_quantile(0.5 + level / 2, n_clusters - 1) * standard_error


def cluster_sums(values: Floats, clusters: Clusters) -> tuple[Floats, Floats]:
    """Return the sum and the number of tokens of each cluster, in the order of their numbers."""
    _, place = np.unique(clusters, return_inverse=True)
    sums = np.bincount(place, weights=values).astype(np.float64)
    return sums, np.bincount(place).astype(np.float64)


def cluster_bootstrap(
    statistic: Callable[[Floats, Floats], float],
    values: Floats,
    clusters: Clusters,
    *,
    seed: int,
    resamples: int = 1000,
    level: float = 0.95,
) -> tuple[float, float, float]:
    """Return (standard error, low, high) of a statistic by resampling whole documents.

    Documents are drawn with replacement, as many as there are; a token's weight is how often its
    document was drawn (Davison and Hinkley 1997, section 3.8). The interval is the percentile one.

    Args:
        statistic: takes the values and one weight for each.
        seed: of NumPy's default generator; equal seeds give equal answers.
    """
    _, place = np.unique(clusters, return_inverse=True)
    n_clusters = int(place.max()) + 1
    if n_clusters < 2:
        return float("nan"), float("nan"), float("nan")
    generator = np.random.default_rng(seed)
    shares = np.full(n_clusters, 1.0 / n_clusters)
    draws = np.empty(resamples)
    for i in range(resamples):
        weights = generator.multinomial(n_clusters, shares).astype(np.float64)
        draws[i] = statistic(values, weights[place])
    low, high = np.quantile(draws, [0.5 - level / 2, 0.5 + level / 2])
    return float(np.std(draws, ddof=1)), float(low), float(high)


def pooled_rms(values: Floats) -> float:
    """Return sqrt(mean of squares)."""
    return float(np.sqrt(np.mean(values**2)))


def weighted_median(values: Floats, weights: Floats) -> float:
    """Return the smallest value at which half of the weight is reached."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, reached[-1] / 2)])
