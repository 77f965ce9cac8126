"""Measurements of one metric as a small table: what the rows are, what the columns are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from pyengine.run.measurement import Measurement

# The fields of a measurement that a table may be laid out by; anything else is a dimension.
FIELDS = ("model", "metric", "reference")
WHOLE = "all"


@dataclass(frozen=True)
class Pivot:
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

    def to_pandas(self) -> Any:  # noqa: ANN401 - a pandas.DataFrame, which need not be installed
        """Return the numbers as a pandas.DataFrame.

        Raises:
            ImportError: pandas is not installed.
        """
        import pandas as pd

        return pd.DataFrame(self.values(), index=list(self.rows), columns=list(self.columns))

    def __str__(self) -> str:
        lines = [[self.title, *self.columns]]
        lines += [[name, *map(_text, row)] for name, row in zip(self.rows, self.cells, strict=True)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
        return "\n".join(
            "  ".join(
                text.ljust(width) if i == 0 else text.rjust(width)
                for i, (text, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        )

    def __repr__(self) -> str:
        text = str(self)
        return text if len(text) < 2000 else text[:1900].rpartition("\n")[0] + "\n…"

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(name)}</th>" for name in (self.title, *self.columns))
        body = "".join(
            f"<tr><th>{escape(name)}</th>"
            + "".join(f"<td>{escape(_text(cell))}</td>" for cell in row)
            + "</tr>"
            for name, row in zip(self.rows, self.cells, strict=True)
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def pivot(
    measurements: Sequence[Measurement], *, rows: str, columns: str, title: str = ""
) -> Pivot:
    """Lay measurements out as a table.

    Args:
        rows, columns: each "model", "metric", "reference", or a dimension of the groups such as
            "language"; a measurement over all data stands under "all". Measurements with another
            dimension than these are left out; of several for one cell the first counts.
    """
    dimensions = [name for name in (rows, columns) if name not in FIELDS]
    cells: dict[tuple[str, str], Measurement] = {}
    for measurement in measurements:
        if set(measurement.members) <= set(dimensions):
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
