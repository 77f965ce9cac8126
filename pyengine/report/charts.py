"""What pictures are made of: typed data, already computed, for `plots` to draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from pyengine.run.measurement import Measurement


@dataclass(frozen=True, slots=True)
class Point:
    """Hold a labelled point with an interval in y; `on_front` marks the Pareto line."""

    label: str
    x: float
    y: float
    low: float | None = None
    high: float | None = None
    on_front: bool = False


@dataclass(frozen=True, slots=True)
class Scatter:
    """Hold points with intervals, axes' names and whether y is logarithmic."""

    x_label: str
    y_label: str
    points: tuple[Point, ...]
    log_y: bool = False
    floor: float | None = None


@dataclass(frozen=True, slots=True)
class Heatmap:
    """Hold a matrix of values by row and column; None where nothing was measured."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    texts: tuple[tuple[str, ...], ...]
    value_label: str
    logarithmic: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """Hold one named series of values with intervals, one for each category."""

    name: str
    values: tuple[float | None, ...]
    lows: tuple[float | None, ...] = ()
    highs: tuple[float | None, ...] = ()

    @classmethod
    def of(cls, name: str, rows: Sequence[Measurement | None]) -> Series:
        """Return a series of measurements, with their intervals where they have some."""

        def numbers(field: str) -> tuple[float | None, ...]:
            values = (getattr(row, field) if row else None for row in rows)
            return tuple(value if value == value else None for value in values)

        return cls(name, numbers("value"), numbers("low"), numbers("high"))


@dataclass(frozen=True, slots=True)
class Bars:
    """Hold grouped horizontal bars: categories down, series side by side."""

    categories: tuple[str, ...]
    series: tuple[Series, ...]
    x_label: str


@dataclass(frozen=True, slots=True)
class Dots:
    """Hold one line of marks for each category, a mark for each series; no zeros where it is log.

    A series without values but with an interval draws a bar behind the marks.
    """

    categories: tuple[str, ...]
    series: tuple[Series, ...]
    x_label: str
    log_x: bool = True
    reference: float | None = None


@dataclass(frozen=True, slots=True)
class Panel:
    """Hold one panel of labelled bars."""

    title: str
    labels: tuple[str, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Panels:
    """Hold panels of labelled bars side by side, on one scale."""

    panels: tuple[Panel, ...]
    x_label: str


@dataclass(frozen=True, slots=True)
class Lines:
    """Hold curves, such as the distribution function of per-token divergence."""

    x_label: str
    y_label: str
    curves: tuple[Curve, ...]
    log_x: bool = False


@dataclass(frozen=True, slots=True)
class Curve:
    """Hold one named curve."""

    name: str
    xs: tuple[float, ...]
    ys: tuple[float, ...]


Chart: TypeAlias = Scatter | Heatmap | Bars | Dots | Panels | Lines
