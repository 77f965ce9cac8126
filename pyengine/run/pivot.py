"""Measurements of one metric as a small table: what the rows are, what the columns are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyengine.run.measurement import Measurement
from pyengine.run.small_table import SmallTable

# The fields of a measurement that a table may be laid out by; anything else is a dimension.
FIELDS = ("model", "metric", "reference")
WHOLE = "all"


@dataclass(frozen=True, repr=False)
class Pivot(SmallTable):
    """A table of measurements.

    Attributes:
        rows, columns: their names, in the order in which the measurements come.
        cells: the measurement of each row and column; None where there is none.
        title: what the cells hold.
    """

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[Measurement | None, ...], ...]

    def values(self) -> list[list[float | None]]:
        """Return the numbers alone, a list for each row."""
        return [[None if cell is None else cell.value for cell in row] for row in self.cells]

    def columns_of_values(self) -> tuple[Sequence[str], Mapping[str, Sequence[Any]]]:
        """Return the names of the rows, and the numbers of each column."""
        by_column = zip(*self.values(), strict=True) if self.cells else ((),) * len(self.columns)
        return self.rows, dict(zip(self.columns, by_column, strict=True))

    def lines(self) -> list[list[str]]:
        """Return the texts of the head and of each row."""
        head = [self.title, *self.columns]
        return [head, *([n, *map(_text, r)] for n, r in zip(self.rows, self.cells, strict=True))]


def pivot(
    measurements: Sequence[Measurement],
    *,
    rows: str,
    columns: str,
    title: str = "",
    where: Mapping[str, str] | None = None,
) -> Pivot:
    """Lay measurements out as a table.

    Args:
        rows, columns: each "model", "metric", "reference", or a dimension of the groups such as
            "language"; a measurement over all data stands under "all". Measurements with another
            dimension than these are left out; of several for one cell the first counts.
        where: further dimensions, and the member that counts of each.
    """
    wanted = dict(where or {})
    dimensions = {name for name in (rows, columns) if name not in FIELDS} | wanted.keys()
    cells: dict[tuple[str, str], Measurement] = {}
    for measurement in measurements:
        members = measurement.members
        if members.keys() <= dimensions and wanted.items() <= members.items():
            cells.setdefault((_key(measurement, rows), _key(measurement, columns)), measurement)
    names = tuple(dict.fromkeys(row for row, _ in cells))
    heads = tuple(dict.fromkeys(column for _, column in cells))
    return Pivot(
        title or rows,
        names,
        heads,
        tuple(tuple(cells.get((name, head)) for head in heads) for name in names),
    )


def _key(measurement: Measurement, by: str) -> str:
    if by in FIELDS:
        return str(getattr(measurement, by))
    return measurement.members.get(by, WHOLE)


def _text(cell: Measurement | None, write: Callable[[float], str] = "{:.4g}".format) -> str:
    if cell is None:
        return "–"
    if cell.error != cell.error:
        return write(cell.value)
    return f"{write(cell.value)} ± {cell.error:.2g}"
