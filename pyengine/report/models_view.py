"""Show the models on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyengine.errors import problem_sentence
from pyengine.report import numbers
from pyengine.report.document import Block, Document, Facts, Paragraph
from pyengine.report.notes import note_sentence
from pyengine.report.tables import Cell, Column, Field, Table, listing, text
from pyengine.run.record import Run


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
        Paragraph(note_sentence(note), "warn")
        for note in run.notes
        if note.code == "folder-unreadable"
    ]
    return Document("Models on this machine", tuple(blocks))


def _summary(run: Run, n: int) -> str:
    if not n:
        return "No GGUF file was found. Any command also takes a path or hf:OWNER/REPO:TYPE."
    words = f"{numbers.counted(n, 'model')}, {numbers.size(_bytes(run, 'disk_bytes'))} on disk."
    copies = _bytes(run, "copy_bytes")
    if copies:
        words += f" {numbers.size(copies)} are copies of files that are here already."
    return words


def _bytes(run: Run, metric: str) -> int:
    (row,) = run.select(metric)
    return int(row.value)


def _table(files: Sequence[Mapping[str, Any]]) -> Table:
    notes = ["Any command takes the reference in place of a path."]
    notes += [
        f"{file['reference']}: {problem_sentence(file['problem'])}"
        for file in files
        if file["problem"]
    ]
    fields: Sequence[Field] = _FIELDS[:-1]
    if any(file["same_bytes"] for file in files):
        notes.append("Files with the same number are the same bytes; (link): one file on disk.")
        fields = _FIELDS
    return listing("", fields, files, notes=notes)


def _reference(file: Mapping[str, Any]) -> Cell:
    return Cell(file["reference"], tone="bad" if file["problem"] else "plain")


def _size(file: Mapping[str, Any]) -> str:
    parts = f" in {file['n_parts']} parts" if file["n_parts"] > 1 else ""
    return numbers.size(file["n_bytes"]) + parts


def _same(file: Mapping[str, Any]) -> str | None:
    if file["same_bytes"] is None:
        return None
    return f"#{file['same_bytes']}{' (link)' if file['same_file'] else ''}"


_FIELDS = (
    Field(Column("reference", min_width=30), _reference),
    text("name", lambda file: file["name"], min_width=12, drop=3),
    text("type", lambda f: "no weights" if f["vocabulary_only"] else f["file_type"]),
    text("size", _size, align="right"),
    text("architecture", lambda file: file["architecture"], drop=2),
    text("same bytes", _same, align="right", drop=1),
)
