"""How often a model succeeds, and whether two differ: few tasks, so exact where it can be."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pyengine.statistics.distributions import normal_quantile, student_quantile
from pyengine.statistics.estimates import (
    NAN,
    Estimate,
    Floats,
    linearised,
    satterthwaite_degrees,
)

# Of so many a rank correlation says something.
FEWEST_RANKED = 4


def pass_at_k(n: int, correct: int, k: int) -> float:
    """Return the chance that at least one of k samples is correct.

    1 - C(n - c, k) / C(n, k), unbiased for k draws without replacement from the n samples made
    (Chen et al. 2021, arXiv 2107.03374, equation 1), as a product that cannot overflow.

    Raises:
        ValueError: not 1 <= k <= n, or not 0 <= correct <= n.
    """
    if not 1 <= k <= n or not 0 <= correct <= n:
        raise ValueError(f"pass@{k} of {n} samples, {correct} of them correct")
    if n - correct < k:
        return 1.0
    misses = np.arange(n - correct + 1, n + 1, dtype=np.float64)
    return float(1.0 - np.prod(1.0 - k / misses))


def wilson(share: float, n: float, *, z: float) -> tuple[float, float]:
    """Return the ends of Wilson's score interval (Wilson 1927), without continuity term.

    They are (p + z^2 / 2n +- z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n).
    """
    middle, whole = share + z * z / (2 * n), 1 + z * z / n
    reach = z * math.sqrt(max(share * (1 - share), 0.0) / n + (z / (2 * n)) ** 2)
    low = 0.0 if share <= 0.0 else (middle - reach) / whole
    high = 1.0 if share >= 1.0 else (middle + reach) / whole
    return low, high


def clustered_share(sums: Floats, sizes: Floats, *, level: float = 0.95) -> Estimate:
    """Estimate the share sum(sums) / sum(sizes) of what lies between 0 and 1 and comes in clusters.

    Wilson's interval, at an effective number of trials (Korn and Graubard 1998; Franco, Little,
    Louis and Slud 2019 compare such intervals). With Kish's effective number of clusters
    e = N^2 / sum n_c^2 (1965), clusters that are wholly 0 or 1 are worth e trials. Where they are
    not, with residuals r_c = (S_c - p n_c) / (N / e) and shares h_c of N, they are worth

        e (e^2 / (e - 1) p (1 - p) + 1) / (sum r_c^2 / (1 - h_c) + 1)

    since a share that varies less from cluster to cluster is known better; the ones keep a variance
    that few clusters show, as near 0 and 1, from being believed. Student's t replaces the normal
    quantile, with the degrees of freedom of `satterthwaite_degrees`. For n single tasks that are
    solved or not these are n trials.
    """
    total, n_clusters = float(np.sum(sizes)), len(sums)
    if total == 0.0:
        return Estimate(NAN, level=level, interval="wilson")
    share, shares = float(np.sum(sums)) / total, sizes / total
    found = Estimate(share, level=level, n=round(total), n_clusters=n_clusters, interval="wilson")
    if np.count_nonzero(shares) < 2:
        return found
    z = student_quantile(0.5 + level / 2, satterthwaite_degrees(shares))
    low, high = wilson(share, _trials(sums, sizes), z=z)
    return replace(found, low=min(low, share), high=max(high, share))


def _trials(sums: Floats, sizes: Floats) -> float:
    """Return the effective number of trials of a share in clusters, see `clustered_share`."""
    total = float(np.sum(sizes))
    share, shares = float(np.sum(sums)) / total, sizes / total
    effective = float(1 / np.sum(shares**2))
    residuals = (sums - share * sizes) * effective / total
    spread = float(np.sum(residuals**2 / (1 - shares)))
    binomial = effective**2 / (effective - 1) * share * (1 - share)
    return effective * (binomial + 1) / (spread + 1)


def clustered_share_change(differences: Floats, sizes: Floats, *, level: float = 0.95) -> Estimate:
    """Estimate the difference of two shares of the same things, paired, in clusters.

    The linearised interval of `clustered_ratio` over the clusters' differences, to whose variance
    sum n_c^2 / N^3 is added: for single tasks that is a half task more that was lost and a half
    that was gained (as Agresti and Min 2005 add to every cell), so that none that changes, or only
    such as were lost, is no certainty.

    Its end away from zero is at least that of Wilson's interval for as large a share: a change of
    m needs at least the share |m| that changes, so its variance is at least |m| (1 - |m|) / trials,
    taken at the end itself as scores do (Tango 1998 for single tasks). The linearised end promises
    too much where few change and none the other way, the more so at high levels.
    """
    total = float(np.sum(sizes))
    shares = sizes / total
    value = float(np.sum(differences)) / total
    residuals = (differences - value * sizes) / total
    more = float(np.sum(shares**2)) / total
    found = linearised(value, residuals, shares, more=more, level=level)
    found = replace(found, n=round(total))
    if not math.isfinite(found.low):
        return found
    z = student_quantile(0.5 + level / 2, found.freedom)
    if value <= 0.0:
        _, far = wilson(-value, _trials(np.maximum(-differences, 0.0), sizes), z=z)
        found = replace(found, low=min(found.low, -far))
    if value >= 0.0:
        _, far = wilson(value, _trials(np.maximum(differences, 0.0), sizes), z=z)
        found = replace(found, high=max(found.high, far))
    return found


def sign_flip_p(differences: Sequence[int]) -> float:
    """Return the exact two-sided p-value that the signs of the clusters' differences are chance.

    The chance of |sum of +-d_c| at least as large as the one seen, over all 2^G signs: if both
    models are equally good, what differs in a cluster could as well have been the other way
    (Fisher 1935). For single tasks that are solved or not it is McNemar's exact test (1947); for
    clusters of them it is the modified Obuchowski test (Yang, Sun and Hardin 2010) with its exact
    distribution in place of the normal. That is built one cluster at a time, since the sums are
    whole numbers. 1 where nothing differs.
    """
    steps = [abs(d) for d in differences if d]
    reach = sum(steps)
    chances = np.zeros(2 * reach + 1)  # of each sum, from -reach on
    chances[reach] = 1.0
    for step in steps:
        up, down = np.zeros_like(chances), np.zeros_like(chances)
        up[step:], down[:-step] = chances[:-step], chances[step:]
        chances = (up + down) / 2
    far = np.abs(np.arange(-reach, reach + 1)) >= abs(sum(differences))
    return min(1.0, float(np.sum(chances[far])))


def _ranks(values: Floats) -> Floats:
    """Return places from 1 in rising order, equal values sharing the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[place])


def spearman(first: Floats, second: Floats, *, level: float = 0.95) -> Estimate:
    """Return Spearman's rank correlation over variants with an interval that suits few of them.

    The interval is Fisher's, with the variance (1 + rho^2 / 2) / (n - 3) of Bonett and Wright
    (2000): resampling eight or twelve variants breaks their ranks into ties and covers worse, and
    of variants in perfect order it makes only more of the same. Pairs with a value that is not
    finite are left out.
    """
    both = np.isfinite(first) & np.isfinite(second)
    x, y = first[both], second[both]
    n = len(x)
    if n < 3 or len(np.unique(x)) < 2 or len(np.unique(y)) < 2:
        return Estimate(NAN, level=level, n=n, n_clusters=n, interval="fisher")
    rho = float(np.clip(np.corrcoef(_ranks(x), _ranks(y))[0, 1], -1.0, 1.0))
    if n < 4:
        return Estimate(rho, level=level, n=n, n_clusters=n, interval="fisher")
    # A perfect order counts as half a swap of neighbours short of it: Fisher's value would be
    # infinite, and four variants in order are no certainty.
    most = 1.0 - 6.0 / (n**3 - n)
    taken = float(np.clip(rho, -most, most))
    reach = normal_quantile(0.5 + level / 2) * np.sqrt((1 + taken**2 / 2) / (n - 3))
    low, high = (float(np.tanh(np.arctanh(taken) + side * reach)) for side in (-1, 1))
    return Estimate(rho, min(low, rho), max(high, rho), level, n=n, n_clusters=n, interval="fisher")
