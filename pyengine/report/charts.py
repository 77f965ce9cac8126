"""What pictures are made of: data, already computed, for `plots` to draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from pyengine.run.measurement import Measurement

Kind: TypeAlias = Literal["scatter", "heatmap", "bars", "dots", "panels", "lines"]
Values: TypeAlias = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """Hold a labelled point with an interval in y.

    Attributes:
        on_front: whether it belongs to the Pareto line.
        floor: what the order of computation alone gives of y; None where that is not known.
        chosen: whether it has a ring.
    """

    label: str
    x: float
    y: float
    low: float | None = None
    high: float | None = None
    on_front: bool = False
    floor: float | None = None
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """Hold one named series of values; None where nothing was measured.

    Attributes:
        lows, highs: their intervals, where there are any.
        xs: of a curve.
        texts: what is written of each: in a cell of a heat map, beside a bar of a panel.
    """

    name: str
    values: Values
    lows: Values = ()
    highs: Values = ()
    xs: tuple[float, ...] = ()
    texts: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: str, rows: Sequence[Measurement | None]) -> Series:
        """Return a series of measurements, with their intervals where they have some."""

        def numbers(field: str) -> Values:
            values = (getattr(row, field) if row else None for row in rows)
            return tuple(value if value == value else None for value in values)

        return cls(name, numbers("value"), numbers("low"), numbers("high"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Hold what a picture shows.

    Attributes:
        kind: "scatter" of points with intervals; "heatmap" with a row for each series and a column
            for each category; "bars", or "dots", of the series at each category; "panels" of bars
            side by side on one scale, one for each series; "lines", a curve for each series. In
            dots a series without values but with an interval is a bar behind the marks.
        x_label: of the axis, or of the heat map's values.
        log: whether the values are on a logarithmic scale: no zeros there.
        log_y: of lines, whether the vertical axis is, too.
        line: of bars, a value to hold the others against.
        inches: width and height, where they are not what suits the kind.
    """

    kind: Kind
    x_label: str
    y_label: str = ""
    categories: tuple[str, ...] = ()
    series: tuple[Series, ...] = ()
    points: tuple[Point, ...] = ()
    log: bool = False
    log_y: bool = False
    line: float | None = None
    inches: tuple[float, float] | None = None

    @property
    def is_sound(self) -> bool:
        """Whether names are texts, and numbers numbers: a damaged record may hold anything."""
        points, series = self.points, self.series
        names = [*self.categories, *(p.label for p in points), *(s.name for s in series)]
        numbers = [value for p in points for value in (p.x, p.y, p.low, p.high, p.floor)]
        for each in series:
            names += each.texts
            numbers += (*each.values, *each.lows, *each.highs, *each.xs)
        return all(isinstance(name, str) for name in names) and all(
            number is None or isinstance(number, (int, float)) for number in numbers
        )

    def transposed(self) -> Chart:
        """Return a heat map with a row for each category and a column for each series."""
        rows = tuple(
            Series(
                name,
                tuple(one.values[i] for one in self.series),
                texts=tuple(one.texts[i] for one in self.series),
            )
            for i, name in enumerate(self.categories)
        )
        return replace(self, categories=tuple(one.name for one in self.series), series=rows)
