"""Show the models on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyengine.reports import numbers
from pyengine.reports.tables import Block, Cell, Column, Document, Facts, Paragraph, Table, table
from pyengine.run.record import Run

_COLUMNS = (
    Column("reference", min_width=30),
    Column("name", min_width=12, drop=3),
    Column("type"),
    Column("size", align="right", name="n_bytes"),
    Column("architecture", drop=2),
    Column("same bytes", align="right", drop=1),
)


def models_document(run: Run) -> Document:
    """Show the list of models, their sum, and where was looked."""
    files = run.shown("file")
    blocks: list[Block] = [Paragraph(_summary(run, len(files)))]
    if files:
        blocks.append(_table(files))
    else:
        pairs = [
            (place["store"], ", ".join(place["folders"]))
            for place in run.shown("place")
            if place["folders"]
        ]
        blocks.append(Facts("Looked in", tuple(pairs)))
    blocks += [
        Paragraph(f"{note.values['folder']} was not looked into: {note.values['reason']}.", "warn")
        for note in run.notes
        if note.code == "folder-unreadable"
    ]
    return Document("Models on this machine", tuple(blocks))


def _summary(run: Run, n: int) -> str:
    if not n:
        return "No GGUF file was found. Any command also takes a path or hf:OWNER/REPO:TYPE."
    noun = "model" if n == 1 else "models"
    text = f"{numbers.count(n)} {noun}, {numbers.size(_bytes(run, 'disk_bytes'))} on disk."
    copies = _bytes(run, "copy_bytes")
    if copies:
        text += f" {numbers.size(copies)} are copies of files that are here already."
    return text


def _bytes(run: Run, metric: str) -> int:
    (row,) = run.select(metric)
    return int(row.value)


def _table(files: Sequence[Mapping[str, Any]]) -> Table:
    notes = ["Any command takes the reference in place of a path."]
    notes += [
        f"{file['reference']}: {_problem(file['problem'])}" for file in files if file["problem"]
    ]
    if any(file["same_bytes"] for file in files):
        notes.append("Files with the same number are the same bytes; (link): one file on disk.")
        return table("", _COLUMNS, [_row(file) for file in files], notes=notes)
    return table("", _COLUMNS[:-1], [_row(file)[:-1] for file in files], notes=notes)


def _problem(problem: Mapping[str, Any]) -> str:
    if problem["code"] == "parts-missing":
        return f"{problem['here']} of {problem['parts']} parts are here"
    return str(problem["reason"])


def _row(file: Mapping[str, Any]) -> list[Cell | str | None]:
    parts = f" in {file['n_parts']} parts" if file["n_parts"] > 1 else ""
    same = None
    if file["same_bytes"] is not None:
        link = " (link)" if file["same_file"] else ""
        same = Cell(f"#{file['same_bytes']}{link}", file["same_bytes"])
    return [
        Cell(file["reference"], tone="bad" if file["problem"] else "plain"),
        file["name"],
        "no weights" if file["vocabulary_only"] else file["file_type"],
        Cell(numbers.size(file["n_bytes"]) + parts, file["n_bytes"]),
        file["architecture"],
        same,
    ]
