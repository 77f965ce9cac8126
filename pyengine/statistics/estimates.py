"""Means over tokens with their uncertainty, and quantiles.

Tokens of one document resemble each other. Taking them as independent, as llama-perplexity does,
makes the standard error too small, commonly by a factor of two to four. The clustered one is exact
in the limit of many documents whatever happens inside them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyengine.statistics.distributions import student_quantile

Floats = npt.NDArray[np.float64]
Clusters = npt.NDArray[np.intp]
NAN = float("nan")

# The quantiles that llama-perplexity prints.
KL_LEVELS = (1.0, 0.999, 0.99, 0.95, 0.90, 0.5, 0.10, 0.05, 0.01, 0.001, 0.0)
DELTA_P_LEVELS = (1.0, 0.999, 0.99, 0.95, 0.90, 0.75, 0.5, 0.25, 0.10, 0.05, 0.01, 0.001, 0.0)


@dataclass(frozen=True)
class Estimate:
    """A number with its uncertainty; NaN where there is nothing to compute.

    Attributes:
        low, high: ends of the interval.
        level: coverage of the interval.
        error: standard error; of a mean over tokens the cluster-robust one.
        n: observations, such as tokens.
        n_clusters: documents, windows or tasks that they came from.
        interval: how the interval was made, see `Measurement`.
        freedom: degrees of freedom of Student's t.
    """

    value: float
    low: float = NAN
    high: float = NAN
    level: float = 0.95
    error: float = NAN
    n: int = 0
    n_clusters: int = 0
    interval: str = ""
    freedom: float = NAN


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
    return clustered_ratio(*cluster_sums(values, clusters), level=level)


def clustered_ratio(sums: Floats, sizes: Floats, *, level: float = 0.95) -> Estimate:
    """Estimate sum(sums) / sum(sizes) from one pair of numbers for each cluster.

    This is `clustered_mean` where only totals are known, such as bits and bytes of documents.
    """
    total, n_clusters = float(np.sum(sizes)), len(sums)
    mean = float(np.sum(sums)) / total
    error = reach = freedom = NAN
    if n_clusters > 1:
        freedom = n_clusters - 1.0
        residuals = sums - mean * sizes
        spread = float(np.sum(residuals**2)) * n_clusters / (n_clusters - 1)
        error = float(np.sqrt(spread)) / total
        reach = student_quantile(0.5 + level / 2, freedom) * error
    low, high, n = mean - reach, mean + reach, int(total)
    return Estimate(mean, low, high, level, error, n, n_clusters, "t", freedom)


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
        return NAN, NAN, NAN
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


def quantiles(values: Floats, levels: Sequence[float] = KL_LEVELS) -> dict[float, float]:
    """Return the quantiles of `values`: linear between order statistics.

    Q(f) = x[i] + (f(n-1) - i) (x[i+1] - x[i]) with i = floor(f(n-1)) over the sorted values
    (Hyndman and Fan 1996, type 7; NumPy's "linear"). Infinite values stay infinite.

    Raises:
        ValueError: there is no value.
    """
    if len(values) == 0:
        raise ValueError("no value to take a quantile of")
    ordered = np.sort(values)
    return {level: _between(ordered, level * (len(ordered) - 1)) for level in levels}


def _between(ordered: Floats, place: float) -> float:
    lower = int(place)
    fraction = place - lower
    if fraction == 0.0 or ordered[lower] == ordered[lower + 1]:
        return float(ordered[lower])
    return float(ordered[lower] + fraction * (ordered[lower + 1] - ordered[lower]))
