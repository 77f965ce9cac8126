"""Draw charts with matplotlib, which is imported only here and only when a picture is drawn."""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pyengine.errors import DrawingError
from pyengine.extras import import_extra
from pyengine.plain_text import safe
from pyengine.report.charts import Chart, Series
from pyengine.report.colors import LIGHT, themed
from pyengine.report.document import Picture
from pyengine.report.pieces import brief
from pyengine.report.scatter import draw_scatter, inches_wide, plain_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

# Stands in the metadata of every picture file, by which it is known again.
_MARK = "drawn by pyengine"
_WIDTH = 7.2  # inches
_NARROW = 4.2  # on a phone
_POINTS_OF_A_NUMBER = 24
_MARKS = ("o", "s", "D", "^", "v", "P")
_STYLE: dict[str, object] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": LIGHT.quiet,
    "axes.labelcolor": LIGHT.ink,
    "text.color": LIGHT.ink,
    "xtick.color": LIGHT.quiet,
    "ytick.color": LIGHT.quiet,
    "xtick.labelcolor": LIGHT.ink,
    "ytick.labelcolor": LIGHT.ink,
    "grid.color": LIGHT.faint,
    "grid.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "axes.axisbelow": True,
}


def draw_svg(picture: Picture) -> str:
    """Draw a picture as an SVG file with a white background.

    Raises:
        MissingExtraError: matplotlib is not installed.
        DrawingError: it cannot draw the picture.
    """
    return _draw(picture, "svg").decode()


def draw_png(picture: Picture, *, dpi: int = 160) -> bytes:
    """Draw a picture as a PNG file with a white background.

    Raises:
        MissingExtraError, DrawingError: as `draw_svg`.
    """
    return _draw(picture, "png", dpi=dpi)


def is_picture_of_ours(path: Path) -> bool:
    """Return whether a file is a picture that `draw_svg` or `draw_png` made."""
    with path.open("rb") as file:
        return _MARK.encode() in file.read(4096)


def draw_inline_svg(picture: Picture, *, narrow: bool = False) -> str:
    """Draw a picture as SVG to stand inside a page: transparent, in the page's colours."""
    width, form = (_NARROW, "narrow") if narrow else (_WIDTH, "wide")
    svg = _draw(picture, "svg", width=width, transparent=True).decode()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r'(<svg [^>]*?) width="[^"]*"', r"\1", svg, count=1)
    named = f' class="{form}" role="img" aria-label="{escape(safe(picture.title), quote=True)}"'
    svg = re.sub(r'(<svg [^>]*?) height="[^"]*"', lambda m: m.group(1) + named, svg, count=1)
    return themed(_own_ids(svg, f"{picture.name}-{form}"))


def _own_ids(svg: str, name: str) -> str:
    """Keep the ids that the picture refers to, made its own; drop all others."""
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg))

    def replace(match: re.Match[str]) -> str:
        return f' id="{name}-{match.group(1)}"' if match.group(1) in used else ""

    svg = re.sub(r' id="([^"]*)"', replace, svg)
    return re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", svg)


def _draw(
    picture: Picture,
    form: Literal["svg", "png"],
    *,
    width: float = _WIDTH,
    transparent: bool = False,
    dpi: int = 72,
) -> bytes:
    mpl = import_extra("matplotlib", f"the picture {picture.name}")
    try:
        return _drawn(mpl, picture, form, width=width, transparent=transparent, dpi=dpi)
    except (TypeError, AttributeError) as error:
        if not picture.chart.is_sound:
            raise
        raise DrawingError(
            f"matplotlib {mpl.__version__} cannot draw the picture {picture.name}: "
            f"{type(error).__name__}: {error!s:.200}; see which versions "
            '"pyengine-gguf[plots]" asks for'
        ) from error


def _drawn(
    mpl: Any,  # noqa: ANN401 - a module
    picture: Picture,
    form: Literal["svg", "png"],
    *,
    width: float,
    transparent: bool,
    dpi: int,
) -> bytes:
    target = io.BytesIO()
    style: Any = {**_STYLE, "svg.hashsalt": picture.name}
    with mpl.rc_context(style), warnings.catch_warnings():
        # A font lacks some token's glyph: the page's fonts will have it, a PNG shows a box.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        # Names without end leave the chart no room; the tables say the same.
        warnings.filterwarnings("ignore", message="constrained_layout not applied")
        figure = _figure(picture.chart, width)
        metadata = {"Date": None, "Creator": _MARK} if form == "svg" else {"Software": _MARK}
        figure.savefig(
            target,
            format=form,
            dpi=dpi,
            transparent=transparent,
            metadata=metadata,
            bbox_inches="tight",
            pad_inches=0.05,
        )
    return target.getvalue()


def _figure(chart: Chart, width: float) -> Figure:
    if chart.kind == "panels":
        return _panels(chart, width)
    if chart.kind == "heatmap" and width < _WIDTH:
        chart = chart.transposed()
    n_categories, n_series = len(chart.categories), len(chart.series)
    bars = 0.9 + 0.17 * n_categories * n_series + 0.1 * n_categories
    draw, height = {
        "scatter": (draw_scatter, 4.3),
        "heatmap": (_heatmap, 1.1 + 0.3 * n_series),
        "bars": (_bars, bars),
        "dots": (_dots, 1.0 + 0.3 * n_categories),
        "lines": (_lines, 4.0),
    }[chart.kind]
    width, height = chart.inches or (width, height)
    return _single(width, height, lambda axes: draw(axes, chart))


def _single(width: float, height: float, draw: Callable[[Axes], None]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    draw(figure.add_subplot())
    return figure


def _heatmap(axes: Axes, chart: Chart) -> None:
    levels = heat_levels(chart)
    cell = 0.75 * 72 * inches_wide(axes) / max(len(chart.categories), 1)
    for r, row in enumerate(levels):
        for c, level in enumerate(row):
            if level is not None:
                axes.add_patch(_cell(c, r, level))
            if cell >= _POINTS_OF_A_NUMBER:
                axes.text(c, r, chart.series[r].texts[c], ha="center", va="center", fontsize=8)
    axes.set_xlim(-0.5, len(chart.categories) - 0.5)
    axes.set_ylim(len(chart.series) - 0.5, -0.5)
    crowded = len(chart.categories) > 8 or any(len(name) > 8 for name in chart.categories)
    axes.set_xticks(range(len(chart.categories)), [brief(name) for name in chart.categories])
    axes.tick_params(axis="x", labelrotation=(60 if len(chart.categories) > 10 else 40) * crowded)
    for label in axes.get_xticklabels():
        label.set_horizontalalignment("left" if crowded else "center")
        label.set_rotation_mode("anchor")
    axes.set_yticks(range(len(chart.series)), [brief(row.name) for row in chart.series])
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xlabel(chart.x_label, fontsize=9)


def _legend(name: str) -> str:
    """Return a series' name; matplotlib would hide one that begins with an underscore."""
    return f" {brief(name)}" if name.startswith("_") else brief(name)


def _cell(column: int, row: int, level: float) -> Rectangle:
    from matplotlib.patches import Rectangle

    return Rectangle(
        (column - 0.48, row - 0.46), 0.96, 0.92, color=LIGHT.accent, alpha=level, linewidth=0
    )


def heat_levels(chart: Chart) -> list[list[float | None]]:
    """Scale the values to [0.03, 0.8] for opacity, over logarithms where asked."""

    def scale(value: float | None) -> float | None:
        if value is None or not math.isfinite(value):
            return None
        return math.log(max(value, 1e-12)) if chart.log else value

    scaled = [[scale(value) for value in row.values] for row in chart.series]
    known = [value for row in scaled for value in row if value is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    span = (high - low) or 1.0
    return [
        [None if v is None else round(0.03 + 0.77 * (v - low) / span, 3) for v in row]
        for row in scaled
    ]


def _bars(axes: Axes, chart: Chart) -> None:
    n = len(chart.series)
    height = 0.8 / max(n, 1)
    for s, series in enumerate(chart.series):
        places = [c - 0.4 + height * (s + 0.5) for c in range(len(chart.categories))]
        values = [0.0 if value is None else value for value in series.values]
        axes.barh(places, values, height * 0.9, color=LIGHT.series(s), label=_legend(series.name))
    _categories(axes, chart)


def _dots(axes: Axes, chart: Chart) -> None:
    """Draw a mark for each value; series of one category are set a little apart."""
    if chart.log:
        axes.set_xscale("log")
        plain_ticks(axes.xaxis)
    rows = range(len(chart.categories))
    marked = [series for series in chart.series if any(v is not None for v in series.values)]
    apart = min(0.6 / max(len(marked), 1), 0.16)
    for series in chart.series:
        if series not in marked:
            known = zip(rows, _bounds(series, chart), strict=False)
            bounds = [(r, *ends) for r, ends in known if ends]
            for number, (row, low, high) in enumerate(bounds):
                label = "_nolegend_" if number else _legend(series.name)
                axes.hlines(row, low, high, color=LIGHT.faint, linewidth=9, label=label, zorder=1)
    for index, series in enumerate(marked):
        color, shift = LIGHT.series(index), apart * (index - (len(marked) - 1) / 2)
        for row, ends in zip(rows, _bounds(series, chart), strict=False):
            if ends:
                axes.hlines(row + shift, *ends, color=color, linewidth=1.2)
        points = [
            (v, r + shift)
            for v, r in zip(series.values, rows, strict=True)
            if v is not None and (v > 0 or not chart.log)
        ]
        xs, ys = zip(*points, strict=True) if points else ((), ())
        axes.plot(
            xs,
            ys,
            _MARKS[index % len(_MARKS)],
            color=color,
            markersize=5,
            label=_legend(series.name),
        )
    if chart.line is not None:
        axes.axvline(chart.line, color=LIGHT.quiet, linewidth=1)
    _categories(axes, chart)


def _bounds(series: Series, chart: Chart) -> list[tuple[float, float] | None]:
    """Return the ends of each interval that can be drawn."""
    return [
        (low, high)
        if low is not None and high is not None and (high > 0 or not chart.log)
        else None
        for low, high in zip(series.lows, series.highs, strict=True)
    ]


def _categories(axes: Axes, chart: Chart) -> None:
    """Write the categories from the top down, the grid and the legend."""
    axes.set_yticks(range(len(chart.categories)), [brief(name) for name in chart.categories])
    axes.set_ylim(len(chart.categories) - 0.5, -0.5)
    axes.grid(visible=True, axis="x")
    axes.set_xlabel(chart.x_label)
    axes.tick_params(axis="y", length=0)
    if len(chart.series) > 1:
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(0, 1),
            fontsize=8,
            ncols=min(len(chart.series), 3 if inches_wide(axes) >= _WIDTH else 1),
        )


def _lines(axes: Axes, chart: Chart) -> None:
    axes.grid(visible=True)
    if chart.log:
        axes.set_xscale("log")
        plain_ticks(axes.xaxis)
    if chart.log_y:
        axes.set_yscale("log")
        plain_ticks(axes.yaxis)
    styles = ("-", "--", ":", "-.")
    for index, curve in enumerate(chart.series):
        axes.plot(
            curve.xs,
            [value for value in curve.values if value is not None],
            color=LIGHT.series(index),
            linestyle=styles[index // 6 % len(styles)],
            linewidth=1.5,
            label=_legend(curve.name),
        )
        if curve.lows:
            lows, highs = ([v or 0.0 for v in ends] for ends in (curve.lows, curve.highs))
            color = LIGHT.series(index)
            axes.fill_between(curve.xs, lows, highs, color=color, alpha=0.15, linewidth=0)
    axes.set_xlabel(chart.x_label)
    axes.set_ylabel(chart.y_label)
    if chart.series:
        several = len(chart.series) > 8 and inches_wide(axes) >= _WIDTH
        axes.legend(fontsize=8, ncols=2 if several else 1)


def _panels(chart: Chart, width: float) -> Figure:
    from matplotlib.figure import Figure

    across = min(len(chart.series), 3 if width >= _WIDTH else 1)
    down = -(-len(chart.series) // across)
    longest = max((len(panel.texts) for panel in chart.series), default=1)
    figure = Figure(figsize=(width, down * (0.7 + 0.24 * longest)), layout="constrained")
    grid = figure.subplots(down, across, squeeze=False, sharex=True)
    for index, axes in enumerate(grid.flat):
        if index >= len(chart.series):
            axes.set_visible(False)
            continue
        panel = chart.series[index]
        axes.barh(range(len(panel.values)), panel.values, 0.75, color=LIGHT.series1)
        axes.set_yticks(range(len(panel.texts)), [brief(label) for label in panel.texts])
        axes.set_ylim(longest - 0.5, -0.5)
        axes.set_title(brief(panel.name), fontsize=9, loc="left")
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=True, axis="x")
    figure.supxlabel(chart.x_label, fontsize=9)
    return figure
