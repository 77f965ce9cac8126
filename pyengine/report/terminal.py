"""Render a document for a terminal: good in 80 columns, plain when piped."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table as RichTable
from rich.text import Text

from pyengine.plain_text import safe
from pyengine.report.document import (
    Block,
    Choice,
    Code,
    Document,
    Facts,
    Paragraph,
    Passage,
    Picture,
    Section,
)
from pyengine.report.tables import Cell, Column, Table, Tone

STYLES: dict[Tone, str] = {
    "plain": "",
    "strong": "bold",
    "good": "green",
    "warn": "yellow",
    "bad": "red",
    "dim": "dim",
}
_HEAT = ("", "on color(230)", "on color(222)", "on color(215)", "on color(209)", "on color(203)")
_WRAPPED_WIDTH = 12
_GAP = 2


def render_terminal(
    document: Document, *, width: int | None = None, color: bool | None = None
) -> str:
    """Render a document as text; 80 columns and no colour unless asked."""
    target = io.StringIO()
    console = Console(
        file=target,
        width=width or 80,
        height=100,
        force_terminal=bool(color),
        color_system="256" if color else None,
        no_color=not color,
        legacy_windows=False,
        highlight=False,
        emoji=False,
        _environ={},
    )
    print_document(document, console)
    return "\n".join(line.rstrip() for line in target.getvalue().split("\n"))


def print_document(document: Document, console: Console) -> None:
    """Print a document on a console, within its width."""
    console.print(Text(safe(document.title), style="bold"))
    for renderable in _blocks(document.blocks, console):
        console.print()
        console.print(renderable)


def _blocks(blocks: Sequence[Block], console: Console) -> Iterator[RenderableType]:
    for block in blocks:
        if isinstance(block, Section):
            yield Rule(Text(safe(block.title), style="bold"), align="left", style="dim")
            yield from _blocks(block.blocks, console)
        elif not isinstance(block, Picture | Choice):
            yield _block(block, console)


def _block(block: Paragraph | Table | Facts | Passage | Code, console: Console) -> RenderableType:
    if isinstance(block, Paragraph):
        return Text(safe(block.text), style=STYLES[block.tone])
    if isinstance(block, Table):
        return _table(block, console.width)
    if isinstance(block, Facts):
        return _facts(block)
    if isinstance(block, Code):
        return _code(block)
    return _passage(block, coloured=console.color_system is not None)


def _table(table: Table, width: int) -> RenderableType:
    kept = fitting_columns(table, width)
    parts: list[RenderableType] = [Text(safe(table.title), style="bold")] if table.title else []
    for number, block in enumerate(column_blocks(table, kept, width)):
        parts += [Text("")] * (number > 0)
        parts.append(_grid(table, block, width))
    parts += [Text(safe(note), style="dim") for note in _notes(table, kept)]
    return Group(*parts)


def _grid(table: Table, kept: Sequence[int], width: int) -> RichTable:
    grid = RichTable(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        header_style="bold",
    )
    for index, column_width in zip(kept, column_widths(table, kept, width), strict=True):
        column = table.columns[index]
        grid.add_column(
            Text(safe(column.title)), justify=column.align, width=column_width, overflow="fold"
        )
    for row in table.rows:
        grid.add_row(*(_text(row[index]) for index in kept))
    return grid


def _text(cell: Cell) -> Text:
    return Text(safe(cell.text), style=STYLES[cell.tone])


def _notes(table: Table, kept: Sequence[int]) -> list[str]:
    dropped = [c.header for i, c in enumerate(table.columns) if i not in kept]
    if not dropped:
        return list(table.notes)
    return [*table.notes, f"Not shown at this width: {', '.join(dropped)}."]


def fitting_columns(table: Table, width: int) -> list[int]:
    """Return the indices of the columns that fit, after dropping the least important ones."""
    kept = list(range(len(table.columns)))
    while _least_sum(table, kept) > width:
        droppable = [i for i in kept if table.columns[i].drop]
        if not droppable:
            break
        kept.remove(max(droppable, key=lambda i: (table.columns[i].drop, i)))
    return kept


def column_blocks(table: Table, kept: Sequence[int], width: int) -> list[list[int]]:
    """Cut columns that do not fit beside each other into blocks that do.

    Each begins with the first column, which names the rows.
    """
    blocks = [list(kept[:1])]
    for index in kept[1:]:
        if len(blocks[-1]) > 1 and _least_sum(table, [*blocks[-1], index]) > width:
            blocks.append([kept[0]])
        blocks[-1].append(index)
    return blocks


def _least_sum(table: Table, kept: Sequence[int]) -> int:
    return sum(_least_width(table, index) + _GAP for index in kept) - _GAP


def column_widths(table: Table, kept: Sequence[int], width: int) -> list[int]:
    """Give each column its least width, then what is left to those that wrap most.

    Cells come before titles, which wrap once. rich would shrink the widest columns first, numbers
    included.
    """
    widths = [_least_width(table, index) for index in kept]
    left = width - sum(widths) - _GAP * (len(kept) - 1)
    cells = [max((_cell_width(row[index]) for row in table.rows), default=0) for index in kept]
    titles = [cell_len(safe(table.columns[index].title)) for index in kept]
    for natural in (cells, titles):
        left -= _widen(widths, natural, left)
    return widths


def _widen(widths: list[int], natural: Sequence[int], left: int) -> int:
    """Spend what is left on the columns that lack most, and return what was spent."""
    spent = 0
    while spent < left:
        needs = [most - now for most, now in zip(natural, widths, strict=True)]
        if max(needs, default=0) <= 0:
            break
        widths[needs.index(max(needs))] += 1
        spent += 1
    return spent


def _cell_width(cell: Cell) -> int:
    return max(cell_len(line) for line in safe(cell.text).split("\n"))


def _least_width(table: Table, index: int) -> int:
    """Return the least width of a column: numbers never wrap, long texts may."""
    column = table.columns[index]
    head = _longest_word(column)
    natural = max([head, *(_cell_width(row[index]) for row in table.rows)])
    if column.align == "right":
        return natural
    return min(natural, max(column.min_width or _WRAPPED_WIDTH, head))


def _longest_word(column: Column) -> int:
    return max((cell_len(word) for word in safe(column.title).split()), default=0)


def _facts(facts: Facts) -> RenderableType:
    grid = RichTable.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", max_width=28)
    grid.add_column(overflow="fold")
    for name, value in facts.pairs:
        grid.add_row(Text(safe(name)), Text(safe(value)))
    title = [Text(safe(facts.title), style="bold")] if facts.title else []
    return Group(*title, grid)


def _code(code: Code) -> RenderableType:
    lines = [Text(safe(line), style=STYLES[tone]) for line, tone in code.lines]
    title = [Text(safe(code.title), style="bold")] if code.title else []
    return Group(*title, *(Padding(line, (0, 0, 0, 2)) for line in lines))


def _passage(passage: Passage, *, coloured: bool) -> RenderableType:
    body = Text()
    for token in passage.tokens:
        level = min(int(max(token.weight, 0.0) * len(_HEAT)), len(_HEAT) - 1)
        if coloured:
            body.append(safe(token.text), style=f"black {_HEAT[level]}" if level else "")
        else:
            marked = level >= len(_HEAT) // 2
            body.append(f"«{safe(token.text)}»" if marked else safe(token.text))
        if token.ends_line:
            body.append("\n")
    notes = [Text(safe(note), style="dim") for note in passage.notes]
    title = [Text(safe(passage.title), style="bold")] if passage.title else []
    return Group(*title, Padding(body, (0, 0, 0, 2)), *notes)
