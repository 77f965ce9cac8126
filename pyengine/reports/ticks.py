"""Numbers on logarithmic axes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pyengine.reports.numbers import significant

if TYPE_CHECKING:
    from matplotlib.axis import Axis


def plain_ticks(axis: Axis) -> None:
    """Write a logarithmic axis as plain numbers; matplotlib's own way needs mathematical text.

    Where it spans less than two decades, some of the ticks between powers of ten are written, too.
    """
    from matplotlib.ticker import FuncFormatter

    def between(value: float, _: object) -> str:
        low, high = axis.get_view_interval()
        digit = value / 10 ** math.floor(math.log10(value) + 1e-9)
        wanted = (2, 5) if high > 12 * low else (2, 3, 5, 7)
        few = high < 3 * low
        if high > 120 * low or not (few or round(digit, 6) in wanted):
            return ""
        text = significant(value, 3)
        return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text

    axis.set_major_formatter(FuncFormatter(lambda value, _: significant(value, 1)))
    axis.set_minor_formatter(FuncFormatter(between))
    axis.set_tick_params(which="minor", pad=5)  # in line with the longer ticks' numbers
