"""The one table model: text is formatted here once, and every view only decorates it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Align: TypeAlias = Literal["left", "right", "center"]
Tone: TypeAlias = Literal["plain", "strong", "good", "warn", "bad", "dim"]
Value: TypeAlias = str | int | float | bool | None

MISSING = "–"


@dataclass(frozen=True, slots=True)
class Cell:
    """Hold one formatted text, the value behind it and its emphasis."""

    text: str
    value: Value = None
    tone: Tone = "plain"


CellLike: TypeAlias = Cell | str | None


def as_cell(cell: CellLike) -> Cell:
    """Turn a text, or nothing, into a cell."""
    if cell is None:
        return Cell(MISSING, None, "dim")
    return Cell(cell) if isinstance(cell, str) else cell


def measured(value: float | None, write: Callable[[float], str]) -> Cell:
    """Make the cell of a measured number, or of a missing one."""
    if value is None or value != value:
        return as_cell(None)
    return Cell(write(value), value)


@dataclass(frozen=True, slots=True)
class Column:
    """Describe one column.

    `drop` says what gives way in a narrow terminal: 0 stays always, the highest number goes first.
    """

    header: str
    align: Align = "left"
    unit: str | None = None
    min_width: int | None = None
    drop: int = 0

    @property
    def title(self) -> str:
        """Return the header with its unit."""
        return f"{self.header} [{self.unit}]" if self.unit else self.header


@dataclass(frozen=True, slots=True)
class Table:
    """Hold a titled table; make one with `table()`, which checks and completes the cells."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()


def table(
    title: str,
    columns: Iterable[Column | str],
    rows: Iterable[Sequence[CellLike]],
    *,
    notes: Iterable[str] = (),
) -> Table:
    """Build a table from columns or plain headers, and rows of cells, texts or None.

    Raises ValueError where a row has another number of cells than there are columns.
    """
    heads = tuple(Column(c) if isinstance(c, str) else c for c in columns)
    cells = tuple(tuple(as_cell(c) for c in row) for row in rows)
    for number, row in enumerate(cells):
        if len(row) != len(heads):
            raise ValueError(
                f"table {title!r}: row {number} has {len(row)} cells, not {len(heads)}"
            )
    return Table(title, heads, cells, tuple(notes))
