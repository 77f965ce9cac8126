"""Show the models on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyengine.report import numbers
from pyengine.report.document import Block, Document, Facts, Paragraph
from pyengine.report.listing import listing
from pyengine.report.sentences import files, notes
from pyengine.report.tables import Cell
from pyengine.run.record import Run


def models_document(run: Run) -> Document:
    """Show the list of models, their sum, and where was looked."""
    shown = run.shown("file")
    blocks: list[Block] = [Paragraph(files.models_sentence(run))]
    if shown:
        blocks.append(listing("model-files", map(_row, shown), notes=files.file_sentences(shown)))
    else:
        places = [place for place in run.shown("place") if place["folders"]]
        pairs = [(place["store"], ", ".join(place["folders"])) for place in places]
        blocks.append(Facts("Looked in", tuple(pairs)))
    unread = notes.note_sentences(run.notes, ["folder-unreadable"])
    blocks += [Paragraph(sentence, "warn") for sentence in unread]
    return Document("Models on this machine", tuple(blocks))


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
