"""Show the models on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyengine.errors import problem_sentence
from pyengine.report import numbers
from pyengine.report.document import Block, Document, Facts, Paragraph
from pyengine.report.listing import listing
from pyengine.report.tables import Cell, Table
from pyengine.report.words import note_sentence, say
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
        return say("answers", "models-none")
    copies = _bytes(run, "copy_bytes") or None
    return say("answers", "models", n=n, on_disk=_bytes(run, "disk_bytes"), copies=copies)


def _bytes(run: Run, metric: str) -> int:
    (row,) = run.select(metric)
    return int(row.value)


def _table(files: Sequence[Mapping[str, Any]]) -> Table:
    notes = [
        f"{file['reference']}: {problem_sentence(file['problem'])}"
        for file in files
        if file["problem"]
    ]
    if any(file["same_bytes"] for file in files):
        notes.append("Files with the same number are the same bytes; (link): one file on disk.")
    return listing("model-files", map(_row, files), notes=notes)


def _row(file: Mapping[str, Any]) -> dict[str, Any]:
    parts = f" in {file['n_parts']} parts" if file["n_parts"] > 1 else ""
    same = None
    if file["same_bytes"] is not None:
        same = f"#{file['same_bytes']}{' (link)' if file['same_file'] else ''}"
    return {
        "reference": Cell(file["reference"], tone="bad" if file["problem"] else "plain"),
        "name": file["name"],
        "type": "no weights" if file["vocabulary_only"] else file["file_type"],
        "size": numbers.size(file["n_bytes"]) + parts,
        "architecture": file["architecture"],
        "same": same,
    }
