"""Means over tokens with their uncertainty, and quantiles.

Tokens of one document resemble each other. Taking them as independent, as llama-perplexity does,
makes the standard error too small, commonly by a factor of two to four. The clustered one is exact
in the limit of many documents whatever happens inside them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pyengine.statistics.distributions import student_quantile

Floats = npt.NDArray[np.float64]
Clusters = npt.NDArray[np.intp]
NAN = float("nan")

# The quantiles that llama-perplexity prints of Δp; of KL divergence it leaves out the quartiles.
LEVELS = (1.0, 0.999, 0.99, 0.95, 0.90, 0.75, 0.5, 0.25, 0.10, 0.05, 0.01, 0.001, 0.0)


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

    With cluster sums S_c over n_c tokens of N, m = sum S_c / N; see `clustered_ratio`.

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
    """Estimate m = sum(sums) / sum(sizes) from one pair of numbers for each cluster.

    With cluster sums S_c, sizes n_c of N in all and shares h_c = n_c / N, se^2 is the sum of
    (S_c - m n_c)^2 / (1 - h_c) / N^2: the linearised ratio estimator (Cochran 1977, section 6.3)
    with the correction CR2 (Bell and McCaffrey 2002), since a cluster pulls m towards itself. For
    equal sizes that is G / (G - 1) times the sum without it.
    """
    total = float(np.sum(sizes))
    mean = float(np.sum(sums)) / total
    found = linearised(mean, (sums - mean * sizes) / total, sizes / total, level=level)
    return replace(found, n=int(total))


def difference_of_ratios(
    first: tuple[Floats, Floats], second: tuple[Floats, Floats], *, level: float = 0.95
) -> Estimate:
    """Estimate the difference of two ratios of sums over the same clusters.

    Each argument is (sums, sizes), one entry for each cluster. What both have in common cancels:
    a cluster's residual is that of the first ratio less that of the second.
    """
    ratios = [float(np.sum(sums) / np.sum(sizes)) for sums, sizes in (first, second)]
    residuals, shares = [], []
    for (sums, sizes), ratio in zip((first, second), ratios, strict=True):
        residuals.append((sums - ratio * sizes) / np.sum(sizes))
        shares.append(sizes / np.sum(sizes))
    found = linearised(
        ratios[0] - ratios[1],
        residuals[0] - residuals[1],
        (shares[0] + shares[1]) / 2,
        level=level,
    )
    return replace(found, n=int(min(np.sum(first[1]), np.sum(second[1]))))


def linearised(
    value: float, residuals: Floats, shares: Floats, *, more: float = 0.0, level: float = 0.95
) -> Estimate:
    """Return a value with the interval that its clusters' residuals give.

    se^2 = sum r_c^2 / (1 - h_c), and Student's t with the degrees of freedom of
    `satterthwaite_degrees`.

    Args:
        residuals: what each cluster adds to the value beyond its share.
        shares: of each cluster in all that was counted.
        more: added to the variance.
    """
    n_clusters = len(shares)
    if np.count_nonzero(shares) < 2:
        return Estimate(value, level=level, n_clusters=n_clusters)
    error = float(np.sqrt(np.sum(residuals**2 / (1 - shares)) + more))
    freedom = satterthwaite_degrees(shares)
    reach = student_quantile(0.5 + level / 2, freedom) * error
    low, high = value - reach, value + reach
    return Estimate(value, low, high, level, error, 0, n_clusters, "t", freedom)


def satterthwaite_degrees(shares: Floats) -> float:
    """Return the degrees of freedom of a clustered variance: G - 1 where all sizes are equal.

    Satterthwaite's for the correction CR2, with tokens taken as independent (Bell and McCaffrey
    2002; Imbens and Kolesar 2016): 1 / (sum h^2 + (sum u)^2 - sum u^2) with u = h^2 / (1 - h). A
    cluster that holds much of all counts for more than one, but tells of one.
    """
    u = shares**2 / (1 - shares)
    return float(1 / (np.sum(shares**2) + np.sum(u) ** 2 - np.sum(u**2)))


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


def quantiles(values: Floats, levels: Sequence[float] = LEVELS) -> dict[float, float]:
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
