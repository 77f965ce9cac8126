"""The one table model: text is formatted here once, and every view only decorates it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from pyengine.reports.charts import Chart

Align: TypeAlias = Literal["left", "right", "center"]
Tone: TypeAlias = Literal["plain", "strong", "good", "warn", "bad", "dim"]
Value: TypeAlias = str | int | float | bool | None

MISSING = "–"


@dataclass(frozen=True, slots=True)
class Cell:
    """Hold one formatted text, the raw value behind it (CSV, sorting) and its emphasis."""

    text: str
    value: Value = None
    tone: Tone = "plain"

    @property
    def raw(self) -> Value:
        """Return the value for machine-readable views: the raw value, else the text."""
        if self.value is not None:
            return self.value
        return None if self.text == MISSING else self.text


CellLike: TypeAlias = Cell | str | None


def as_cell(cell: CellLike) -> Cell:
    """Turn a text, or nothing, into a cell."""
    if cell is None:
        return Cell(MISSING, None, "dim")
    return Cell(cell) if isinstance(cell, str) else cell


def measured(value: float | None, write: Callable[[float], str], *, tone: Tone = "plain") -> Cell:
    """Make the cell of a measured number, or of a missing one."""
    if value is None or value != value:
        return as_cell(None)
    return Cell(write(value), value, tone)


@dataclass(frozen=True, slots=True)
class Column:
    """Describe one column.

    `drop` says what gives way in a narrow terminal: 0 stays always, the highest number goes
    first. `name` is the machine name used in CSV; without it the header is used.
    """

    header: str
    align: Align = "left"
    unit: str | None = None
    min_width: int | None = None
    drop: int = 0
    name: str | None = None

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


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Hold running text; `strong` is for the answer that a report opens with."""

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Facts:
    """Hold named facts (method, provenance) as pairs."""

    title: str
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PassageToken:
    """Hold one visible token of a passage, its weight in [0, 1] and what hovering shows."""

    text: str
    weight: float = 0.0
    hint: str = ""
    ends_line: bool = False


@dataclass(frozen=True, slots=True)
class Passage:
    """Hold a piece of text cut into tokens that are coloured by a weight."""

    title: str
    tokens: tuple[PassageToken, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """Hold a chart's data, with a file-name stem and a caption that says what to see.

    The text views leave pictures out: their numbers also stand in tables.
    """

    name: str
    title: str
    caption: str
    chart: Chart


@dataclass(frozen=True, slots=True)
class Section:
    """Hold blocks under a heading; `folded` sections start closed in HTML."""

    title: str
    blocks: tuple[Block, ...]
    folded: bool = False


Block: TypeAlias = Paragraph | Table | Facts | Passage | Picture | Section


@dataclass(frozen=True, slots=True)
class Document:
    """Hold a whole report."""

    title: str
    blocks: tuple[Block, ...]

    def walk(self) -> Iterator[Block]:
        """Yield every block in reading order, those inside sections included."""
        yield from _walk(self.blocks)

    def tables(self) -> tuple[Table, ...]:
        """Return every table in reading order."""
        return tuple(block for block in self.walk() if isinstance(block, Table))

    def pictures(self) -> tuple[Picture, ...]:
        """Return every picture in reading order."""
        return tuple(block for block in self.walk() if isinstance(block, Picture))


def _walk(blocks: Iterable[Block]) -> Iterator[Block]:
    for block in blocks:
        yield block
        if isinstance(block, Section):
            yield from _walk(block.blocks)
