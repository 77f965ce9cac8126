"""A line of the paper beside what is found here, and the rules by which the two agree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from pyengine.statistics.distributions import normal_quantile
from pyengine.statistics.success import wilson
from pyengine.vocabulary.token_sets import Doubles

Value: TypeAlias = str | float | None
# How a value is written: a text, a whole number, a share as per cent, a probability, a ratio.
Unit: TypeAlias = Literal["text", "count", "share", "probability", "ratio", "size"]
# "exact": no sampling; "starts": from least to largest over the starts; "wilson": of a share;
# "katz": of a ratio of two shares.
Interval: TypeAlias = Literal["", "exact", "starts", "wilson", "fisher", "katz"]
Agrees: TypeAlias = Literal["yes", "no", "cannot"]
LEVEL = 0.95


@dataclass(frozen=True, kw_only=True)
class Line:
    """One statement of the paper.

    Attributes:
        table: the paper's number of it, such as "D.5", "B.3" or "E.6".
        quantity: code of what is stated.
        about: of which word, language, type or model.
        model: id of the variant that `here` is of; empty where it is of none, or of several.
        source: "published", or "recomputed" from what the paper publishes.
        paper, here: the two values; None where there is none.
        paper_low, paper_high, low, high: ends of the intervals of the two.
        reason: code of why it cannot be answered, or why the two differ.
    """

    table: str
    quantity: str
    about: str = ""
    model: str = ""
    source: str = "published"
    unit: Unit = "text"
    paper: Value = None
    paper_low: float | None = None
    paper_high: float | None = None
    here: Value = None
    low: float | None = None
    high: float | None = None
    interval: Interval = ""
    agrees: Agrees = "cannot"
    reason: str = ""

    def content(self) -> dict[str, Any]:
        """Return what an exhibit of its table holds of it; a number that is none is null."""
        values = asdict(self)
        del values["table"]
        return {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in values.items()
        }

    def exact(self) -> Line:
        """Decide where nothing is sampled: equal to every digit that the paper prints."""
        return replace(self, interval="exact", agrees="yes" if self.paper == self.here else "no")

    def unless(self, *reasons: str) -> Line:
        """Leave undecided what one of the reasons that are not empty keeps from being decided."""
        told = next(filter(None, reasons), "")
        return replace(self, agrees="cannot", reason=told) if told else self

    def over_starts(self, values: Doubles) -> Line:
        """Decide a number that is one row of logits for each start, the first of them natural.

        A cold start has no sampling error, and the paper does not say where it starts: its number
        agrees where it lies in the range over the starts.
        """
        inside = isinstance(self.paper, float) and values.min() <= self.paper <= values.max()
        return replace(self._ranging(values), agrees="yes" if inside else "no")

    def claim(self, values: Doubles, holds: Sequence[bool]) -> Line:
        """Decide a statement about a direction: whether it holds at every start, or at none."""
        found = self._ranging(values)
        if all(holds) or not any(holds):
            return replace(found, agrees="yes" if all(holds) else "no")
        return replace(found, agrees="cannot", reason="depends-on-start")

    def _ranging(self, values: Doubles) -> Line:
        first, low, high = (float(x) for x in (values[0], values.min(), values.max()))
        return replace(self, here=first, low=low, high=high, interval="starts")

    def share_of(self, theirs: tuple[int, int], ours: tuple[int, int]) -> Line:
        """Decide two shares, each of so many trials: whether Newcombe's interval holds 0."""
        low, high = shares_interval(*ours)
        paper, here = theirs[0] / theirs[1], ours[0] / ours[1]
        less, more = difference_interval(theirs, ours)
        found = replace(self, unit="share", paper=paper, here=here, low=low, high=high)
        agrees: Agrees = "yes" if less <= 0.0 <= more else "no"
        return replace(found, interval="wilson", agrees=agrees)


def shares_interval(passed: int, of: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share."""
    return wilson(passed / of, of, z=normal_quantile(0.5 + LEVEL / 2))


def difference_interval(first: tuple[int, int], second: tuple[int, int]) -> tuple[float, float]:
    """Return the 95 % interval of second - first for two shares that are not paired.

    Newcombe (1998), method 10: the ends of both Wilson intervals, joined by squares.
    """
    p, q = first[0] / first[1], second[0] / second[1]
    (a, b), (c, d) = shares_interval(*first), shares_interval(*second)
    return q - p - math.hypot(q - c, b - p), q - p + math.hypot(d - q, p - a)


def ratio_interval(first: tuple[int, int], second: tuple[int, int]) -> tuple[float, float]:
    """Return the 95 % interval of second / first for two shares that are not paired, none 0.

    Katz et al. (1978): the logarithm of the ratio is taken for normal.
    """
    (a, m), (b, n) = first, second
    error = math.sqrt(1 / a - 1 / m + 1 / b - 1 / n)
    wide = math.exp(normal_quantile(0.5 + LEVEL / 2) * error)
    ratio = b * m / (n * a)
    return ratio / wide, ratio * wide


def relative(values: Doubles, baseline: Doubles) -> Doubles:
    """Return values / baseline - 1, start by start; NaN where the baseline is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(baseline > 0, values / baseline - 1, np.nan)
