"""How often a model succeeds, and whether two differ: few tasks, so exact where it can be."""

import math
from collections.abc import Sequence

import numpy as np

from pyengine.statistics.distributions import normal_quantile
from pyengine.statistics.estimates import NAN, Estimate, Floats


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


def wilson(successes: int, n: int, *, level: float = 0.95) -> Estimate:
    """Return successes / n with Wilson's score interval (Wilson 1927), without continuity term.

    The ends are (p + z^2 / 2n +- z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n).
    """
    if n == 0:
        return Estimate(NAN, level=level, interval="wilson")
    p, z = successes / n, normal_quantile(0.5 + level / 2)
    middle, whole = p + z * z / (2 * n), 1 + z * z / n
    reach = z * math.sqrt(p * (1 - p) / n + (z / (2 * n)) ** 2)
    low = 0.0 if successes == 0 else (middle - reach) / whole
    high = 1.0 if successes == n else (middle + reach) / whole
    return Estimate(p, low, high, level, interval="wilson")


def share_over_tasks(values: Floats, resampled: Estimate) -> Estimate:
    """Return Wilson's interval over tasks where resampling cannot move a share from 0 or 1.

    Elsewhere what is given. A task's share lies between 0 and 1 and so varies no more than a task
    that is solved or not: the interval is, if anything, too wide.

    Args:
        values: the share of each task; NaN for a task that has none.
        resampled: the share over all tasks, its interval by resampling.
    """
    known, share = values[np.isfinite(values)], resampled.value
    if len(known) < 2 or share not in (0.0, 1.0) or not np.all(known == share):
        return resampled
    return wilson(round(share) * len(known), len(known), level=resampled.level)


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the exact two-sided p-value of McNemar's test (McNemar 1947).

    Under "both are equally good" a task that only one of them solves is a fair coin. 1 where no
    such task is.
    """
    discordant, fewer = only_first + only_second, min(only_first, only_second)
    ways = sum(math.comb(discordant, i) for i in range(fewer + 1))
    return min(1.0, 2 * ways / (1 << discordant))


def bootstrap_mean(
    values: Floats, *, seed: int, resamples: int = 2000, level: float = 0.95
) -> Estimate:
    """Return the mean over tasks with its percentile interval, tasks drawn with replacement.

    Args:
        values: one number for each task; of a paired difference, the differences.
        seed: of NumPy's default generator.
    """
    return bootstrap_ratio(
        values, np.ones_like(values), seed=seed, resamples=resamples, level=level
    )


def bootstrap_ratio(
    numerators: Floats,
    denominators: Floats,
    *,
    seed: int,
    resamples: int = 2000,
    level: float = 0.95,
) -> Estimate:
    """Return sum(numerators) / sum(denominators) with its percentile interval over tasks."""
    return _bootstrap([(numerators, denominators)], seed, resamples, level)


def bootstrap_ratio_difference(
    first: tuple[Floats, Floats],
    second: tuple[Floats, Floats],
    *,
    seed: int,
    resamples: int = 2000,
    level: float = 0.95,
) -> Estimate:
    """Return the difference of two ratios of sums over the same tasks, resampled together.

    Each argument is (numerators, denominators), one entry for each task, in the same order.
    """
    return _bootstrap([first, second], seed, resamples, level)


def _bootstrap(
    ratios: Sequence[tuple[Floats, Floats]], seed: int, resamples: int, level: float
) -> Estimate:
    """Return the first ratio of sums, less the second where there is one."""
    n = len(ratios[0][0])
    if n == 0 or any(float(below.sum()) == 0.0 for _, below in ratios):
        return Estimate(NAN, level=level, interval="bootstrap")
    value, *others = (float(above.sum()) / float(below.sum()) for above, below in ratios)
    for other in others:
        value -= other
    if n < 2:
        return Estimate(value, level=level, interval="bootstrap")
    generator = np.random.default_rng(seed)
    weights = generator.multinomial(n, np.full(n, 1.0 / n), size=resamples).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        draws, *rest = ((weights @ above) / (weights @ below) for above, below in ratios)
    for drawn in rest:
        draws = draws - drawn
    low, high = np.nanquantile(draws, [0.5 - level / 2, 0.5 + level / 2])
    return Estimate(value, float(low), float(high), level, interval="bootstrap")


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
