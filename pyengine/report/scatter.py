"""Draw points with intervals, each with a label that can be told to be its own."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pyengine.report.charts import Chart, Point
from pyengine.report.colors import LIGHT
from pyengine.report.label_places import Box, along, place_labels
from pyengine.report.numbers import significant
from pyengine.report.pieces import brief

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

# Noise floors lower than the lowest point by this factor are left out of the picture.
_FAR_BELOW = 30


def draw_scatter(axes: Axes, chart: Chart) -> None:
    """Draw labelled points with intervals, the line of the best, and the noise floors.

    What is zero cannot stand on a logarithmic axis: it is drawn below everything else, and says so.
    """
    known = [p for p in chart.points if math.isfinite(p.y)]
    zero = _place_of_zero(chart, known)
    points = [p if p.y > 0 or zero is None else replace(p, y=zero) for p in known]
    front = sorted((p for p in points if p.on_front), key=lambda p: p.x)
    axes.grid(visible=True)
    if chart.log and all(p.y > 0 for p in points):
        axes.set_yscale("log")
        plain_ticks(axes.yaxis)
    axes.plot(
        [p.x for p in front], [p.y for p in front], color=LIGHT.faint, linewidth=2.5, zorder=1
    )
    for point in points:
        color = LIGHT.series1 if point.on_front else LIGHT.quiet
        if point.y != zero and point.low is not None and point.high is not None:
            axes.vlines(point.x, point.low, point.high, color=color, linewidth=1.4)
        axes.plot(point.x, point.y, "v" if point.y == zero else "o", color=color, markersize=5)
        if point.chosen:
            axes.plot(point.x, point.y, "o", color=color, markersize=9, fillstyle="none")
    axes.set_xlabel(chart.x_label)
    axes.set_ylabel(chart.y_label)
    axes.margins(x=0.12, y=0.12)
    if chart.log:
        _draw_floors(axes, known)
    _label_points(axes, points, zero)


def _place_of_zero(chart: Chart, points: Sequence[Point]) -> float | None:
    """Return where a logarithmic axis shows what is zero; None where it need not or cannot."""
    if not chart.log or all(point.y > 0 for point in points):
        return None
    shown = [v for p in points for v in (p.y, p.low, p.high) if v is not None and v > 0]
    return min(shown) / 3 if shown else None


def _draw_floors(axes: Axes, points: Sequence[Point]) -> None:
    """Draw a dash at each point's noise floor; what is far below all points stretches no axis."""
    lowest = min((point.y for point in points if point.y > 0), default=0.0)
    shown = [(p.x, p.floor) for p in points if p.floor and p.floor >= lowest / _FAR_BELOW]
    if not shown:
        return
    xs, floors = zip(*shown, strict=True)
    axes.plot(xs, floors, "_", color=LIGHT.series2, markersize=9, zorder=1)
    axes.annotate(
        "— the order of arithmetic alone",
        (0, 0),
        xycoords="axes fraction",
        xytext=(4, 4),
        textcoords="offset points",
        fontsize=8,
        color=LIGHT.bad,
    )


def _label_points(axes: Axes, drawn: Sequence[Point], zero: float | None) -> None:
    """Write labels beside points where they hide little, with a line to those that are far."""
    if not drawn:
        return
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # only now is it known where the points will lie
    points = sorted(drawn, key=lambda p: (p.x, p.y))
    texts = [f"{brief(p.label)}: 0" if p.y == zero else brief(p.label) for p in points]
    pixel = figure.dpi / 72
    labels = place_labels(
        [_text_size(axes, text) for text in texts],
        _pixels(axes, [(p.x, p.y) for p in points]),
        _drawn_lines(axes, points, pixel),
        Box(*axes.bbox.extents),
        mark=6 * pixel,
        gap=5 * pixel,
    )
    line = {"arrowstyle": "-", "color": LIGHT.quiet, "linewidth": 0.6, "shrinkA": 1, "shrinkB": 3}
    for point, text, label in zip(points, texts, labels, strict=True):
        ((x, y),) = _pixels(axes, [(point.x, point.y)])
        axes.annotate(
            text,
            (point.x, point.y),
            xytext=((label.box.left - x) / pixel, (label.box.bottom - y) / pixel),
            textcoords="offset points",
            ha="left",
            va="bottom",
            fontsize=8,
            arrowprops=line if label.led else None,
        )


def _pixels(axes: Axes, places: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in axes.transData.transform(places)]


def _drawn_lines(axes: Axes, points: Sequence[Point], pixel: float) -> list[Box]:
    """Return boxes around the intervals, and along the line that joins the front."""
    boxes = []
    for p in points:
        if p.low is not None and p.high is not None and 0 < p.high < math.inf:
            ends = _pixels(axes, [(p.x, max(p.low, p.high * 1e-9)), (p.x, p.high)])
            (x, low), (_, high) = ends
            boxes.append(Box(x - 1.5 * pixel, low, x + 1.5 * pixel, high))
    front = _pixels(axes, [(p.x, p.y) for p in points if p.on_front])
    for start, end in itertools.pairwise(front):
        boxes += along(start, end, width=3 * pixel)
    return boxes


def _text_size(axes: Axes, text: str) -> tuple[float, float]:
    """Return width and height of a label in pixels."""
    drawn = axes.text(0, 0, text, fontsize=8)
    extent = drawn.get_window_extent()
    drawn.remove()
    return extent.width, extent.height


def inches_wide(axes: Axes) -> float:
    """Return the width of the whole picture."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    return float(figure.get_figwidth())


def plain_ticks(axis: Axis) -> None:
    """Write a logarithmic axis as plain numbers; matplotlib's own way needs mathematical text.

    Where it spans less than two decades, some of the ticks between powers of ten are written, too.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator

    def between(value: float, _: object) -> str:
        low, high = axis.get_view_interval()
        digit = value / 10 ** math.floor(math.log10(value) + 1e-9)
        wanted = (2, 5) if high > 12 * low else (2, 3, 5, 7)
        few = high < 3 * low
        if high > 120 * low or not (few or round(digit, 6) in wanted):
            return ""
        text = significant(value, 3)
        return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text

    if isinstance(locator := axis.get_major_locator(), LogLocator):
        locator.set_params(numticks=int(1.25 * inches_wide(axis.axes)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: significant(value, 1)))
    axis.set_minor_formatter(FuncFormatter(between))
    axis.set_tick_params(which="minor", pad=5)  # in line with the longer ticks' numbers
