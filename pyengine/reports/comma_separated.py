"""Render a table as CSV: raw values, machine names as header."""

from __future__ import annotations

import csv
import io

from pyengine.plain_text import safe
from pyengine.reports.tables import Cell, Column, Table


def render_csv(table: Table) -> str:
    """Render one table as CSV with `\\n` line ends; a missing value is an empty field."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow([machine_name(column) for column in table.columns])
    writer.writerows([_field(cell) for cell in row] for row in table.rows)
    return target.getvalue()


def machine_name(column: Column) -> str:
    """Return the column's name, or its header in lower case with underscores."""
    if column.name:
        return column.name
    words = "".join(char if char.isalnum() else " " for char in column.title.lower()).split()
    return "_".join(words)


def _field(cell: Cell) -> str:
    raw = cell.raw
    if raw is None:
        return ""
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, str):
        return csv_text(raw)
    return repr(raw) if isinstance(raw, float) else str(raw)


def csv_text(text: str) -> str:
    """Return a text for CSV: safe, in one line, and no formula to a spreadsheet.

    The name of a model is what somebody wrote into a file, and a spreadsheet would run `=…`.
    """
    line = safe(text.replace("\n", "⏎").replace("\t", "⇥"))
    return f"'{line}" if line.lstrip().startswith(("=", "+", "-", "@")) else line
