"""A report: what stands in it one after the other; every view only decorates it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from pyengine.report.tables import Table, Tone

if TYPE_CHECKING:
    from pyengine.report.charts import Chart


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
class Code:
    """Hold source text by lines; in a difference of two texts a tone marks what only one has."""

    title: str
    lines: tuple[tuple[str, Tone], ...]


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
    """Hold blocks under a heading; `folded` sections start closed in HTML.

    By its marks a `Choice` shows or hides it.
    """

    title: str
    blocks: tuple[Block, ...]
    folded: bool = False
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """Let the reader of a page choose which of the sections behind it are shown.

    Attributes:
        marks: pairs of a mark of sections and what the reader sees of it. The text views, in which
            nothing can be chosen, leave it out.
    """

    title: str
    marks: tuple[tuple[str, str], ...]


Block: TypeAlias = Paragraph | Table | Facts | Passage | Code | Picture | Section | Choice


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
