"""Two variants on the same tokens: the ratio of their divergences, and what may be said of it."""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from pyengine.statistics.distributions import student_quantile, student_two_sided
from pyengine.statistics.estimates import NAN, Estimate
from pyengine.statistics.looks import at_look, over_looks

# Tests err with this probability: what is told apart has a p-value below it, corrected.
ALPHA = 0.05
# Logarithms under this part of their standard error carry no information about sample size.
SMALLEST_INFORMATIVE_RATIO = 0.25
MOST_LOG = 709.0


def logarithm(ratio: Estimate) -> Estimate:
    """Return the logarithm of a positive ratio: by the delta method its error is error / value.

    What both variants have in common cancels in it, so that it is known better than either level.
    """
    low, high = (math.log(end) if end > 0 else NAN for end in (ratio.low, ratio.high))
    error = ratio.error / ratio.value
    return replace(ratio, value=math.log(ratio.value), low=low, high=high, error=error)


def interval_at(estimate: Estimate, level: float) -> tuple[float, float]:
    """Return the ends of Student's interval over documents; NaN with fewer than two of them."""
    if estimate.n_clusters < 2 or not math.isfinite(estimate.error):
        return NAN, NAN
    reach = student_quantile(0.5 + level / 2, estimate.freedom) * estimate.error
    return estimate.value - reach, estimate.value + reach


def p_value(estimate: Estimate) -> float:
    """Return the two-sided p-value of "the mean is zero", by Student's t.

    1 where both variants agree on every token, NaN with fewer than two documents.
    """
    if estimate.n_clusters < 2:
        return float("nan")
    if estimate.error == 0.0:
        return 1.0 if estimate.value == 0.0 else 0.0
    return student_two_sided(estimate.value / estimate.error, estimate.freedom)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for their number by Holm's step-down method (Holm 1979).

    The i-th smallest of m becomes max over j <= i of min(1, (m - j + 1) p_j). NaN stays NaN and
    does not count.
    """
    adjusted = np.full(len(p_values), np.nan)
    known = [i for i, p in enumerate(p_values) if not np.isnan(p)]
    running = 0.0
    for place, i in enumerate(sorted(known, key=lambda i: p_values[i])):
        running = max(running, (len(known) - place) * p_values[i])
        adjusted[i] = min(1.0, running)
    return [float(p) for p in adjusted]


def holm_factors(p_values: Sequence[float], alpha: float = ALPHA) -> list[float]:
    """Return by how much each p-value is multiplied in Holm's procedure at level `alpha`.

    The i-th smallest of m by m - i + 1, as long as all before it are rejected; the first that is
    not, and all after it, by how many are left. So the interval at level 1 - alpha / factor leaves
    out zero exactly where `holm` gives less than alpha. NaN stays NaN and does not count.
    """
    factors = np.full(len(p_values), np.nan)
    known = sorted((p, i) for i, p in enumerate(p_values) if not np.isnan(p))
    left = len(known)
    for p, i in known:
        factors[i] = left
        # Once one is not rejected, no later one is either, as none has a smaller p.
        left -= p * left < alpha
    return [float(factor) for factor in factors]


def holm_intervals(
    changes: Sequence[Callable[[float], Estimate]],
    p_values: Sequence[float],
    *,
    looks: int = 1,
    alpha: float = ALPHA,
) -> list[Estimate]:
    """Give differences intervals that exclude zero exactly where Holm's method tells them apart.

    Each has the level 1 - alpha / f over all looks, where f is by how much the method multiplies
    its p-value. A p-value may come from an exact test, which an interval by Student's t does not
    always follow: an end that lies beyond zero where the test tells nothing apart is put to zero,
    and one that lies on the wrong side of zero where it does is put next to zero, on the right one.

    Args:
        changes: each gives the difference with its interval at a level.
        p_values: of each, at this look; a p-value counts as `over_looks` has it.
        looks: how often the data may have been looked at.
    """
    found = []
    p_values = [over_looks(p, looks) for p in p_values]
    factors = holm_factors(p_values, alpha)
    for change, adjusted, factor in zip(changes, holm(p_values), factors, strict=True):
        known = not math.isnan(adjusted)
        level = 1 - alpha / factor if known else 1 - alpha
        leveled = replace(change(at_look(level, looks)), level=level)
        if looks > 1:
            leveled = replace(leveled, interval="sequence")
        found.append(_agreeing(leveled, different=adjusted < alpha) if known else leveled)
    return found


def _agreeing(estimate: Estimate, *, different: bool) -> Estimate:
    if not different:
        return replace(estimate, low=min(estimate.low, 0.0), high=max(estimate.high, 0.0))
    if estimate.value > 0:
        return replace(estimate, low=max(estimate.low, np.nextafter(0.0, 1.0)))
    return replace(estimate, high=min(estimate.high, np.nextafter(0.0, -1.0)))


@dataclass(frozen=True)
class JudgedRatio:
    """What the ratio of two means supports, beside the others of its run.

    Attributes:
        p: two-sided, of "the ratio is 1", for all looks and by Holm's method for all ratios.
        factor: by how much looks and Holm's method divide alpha.
        level: of the interval, 1 - alpha / factor.
        low, high: the interval; it leaves out 1 exactly where p is below alpha.
        within: it lies between 1 / (1 + margin) and 1 + margin.
        verdict: "different" where p is below alpha, else "alike" where it is within, else
            "undecided".
    """

    p: float
    factor: float
    level: float
    low: float
    high: float
    within: bool
    verdict: Literal["different", "alike", "undecided"]


def judge_ratios(
    ratios: Sequence[Estimate], *, margin: float, looks: int = 1, alpha: float = ALPHA
) -> list[JudgedRatio]:
    """Judge ratios of means, all at once, by Student's t of their logarithms.

    A p-value counts as much as it does at any of all looks, see `over_looks`, and Holm's method
    corrects it for the number of ratios. Where there is one document everything is NaN and
    undecided.

    Args:
        margin: ratios between 1 / (1 + margin) and 1 + margin are of no interest.
        looks: how often the data may have been looked at.
    """
    logs = [logarithm(ratio) for ratio in ratios]
    p_values = [over_looks(p_value(log), looks) for log in logs]
    found = []
    for log, p, factor in zip(logs, holm(p_values), holm_factors(p_values, alpha), strict=True):
        level = at_look(1 - alpha / factor, looks)
        low, high = interval_at(log, level)
        within = max(-low, high) <= math.log1p(margin)
        verdict: Literal["different", "alike", "undecided"] = "alike" if within else "undecided"
        if p < alpha:
            verdict = "different"
        found.append(
            JudgedRatio(
                p, alpha / (1 - level), level, exponential(low), exponential(high), within, verdict
            )
        )
    return found


def exponential(log: float) -> float:
    """Return e to some power; infinite beyond all floats, as the end of an interval may be."""
    return math.inf if log > MOST_LOG else math.exp(log)


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
