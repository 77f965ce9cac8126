"""Render a document as Markdown, ready for a model card."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

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
from pyengine.report.tables import Cell, Table

_RULES = {"left": ":--", "right": "--:", "center": ":-:"}
_MARKUP = re.compile(r"[\\`*|~$<]|(?<![^\W_])_|_(?![^\W_])|^[#>+-]|\[(?=[^\]]*\][(\[:])")


def render_markdown(document: Document) -> str:
    """Render a document as GitHub-flavoured Markdown that ends in a newline."""
    parts = [f"# {escape(document.title)}", *_blocks(document.blocks, 2)]
    return "\n\n".join(parts) + "\n"


def table_markdown(table: Table) -> str:
    """Render one table, its title in bold above and its notes below."""
    lines = [_row(escape(column.title) for column in table.columns)]
    lines.append(_row(_RULES[column.align] for column in table.columns))
    lines += [_row(_cell(cell) for cell in row) for row in table.rows]
    parts = [f"**{escape(table.title)}**"] if table.title else []
    parts.append("\n".join(lines))
    if table.notes:
        parts.append("\n\n".join(escape(note) for note in table.notes))
    return "\n\n".join(parts)


def escape(text: str) -> str:
    """Escape what Markdown would read as markup; line breaks become spaces."""
    line = safe(text).replace("\n", " ").replace("\t", " ").replace("&", "&amp;")
    return _MARKUP.sub(r"\\\g<0>", line)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    text = escape(cell.text)
    return f"**{text}**" if cell.tone == "strong" and text else text


def _blocks(blocks: Iterable[Block], level: int) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, Section):
            yield f"{'#' * min(level, 6)} {escape(block.title)}"
            yield from _blocks(block.blocks, level + 1)
        elif not isinstance(block, Picture | Choice):
            yield _block(block)


def _block(block: Paragraph | Table | Facts | Passage | Code) -> str:
    if isinstance(block, Paragraph):
        text = escape(block.text)
        return f"**{text}**" if block.tone == "strong" else text
    if isinstance(block, Table):
        return table_markdown(block)
    if isinstance(block, Facts):
        lines = [f"- {escape(name)}: {escape(value)}" for name, value in block.pairs]
        title = [f"**{escape(block.title)}**", ""] if block.title else []
        return "\n".join([*title, *lines])
    if isinstance(block, Code):
        return _indented(block.title, "\n".join(safe(line) for line, _ in block.lines))
    text = "".join(safe(t.text) + ("\n" if t.ends_line else "") for t in block.tokens)
    return _indented(block.title, text.rstrip("\n"), block.notes)


def _indented(title: str, text: str, notes: Iterable[str] = ()) -> str:
    body = "\n".join(f"    {line}" for line in text.split("\n"))
    head = [f"**{escape(title)}**"] if title else []
    return "\n\n".join([*head, body, *(escape(note) for note in notes)])
