"""The words of a record's notes."""

from __future__ import annotations

from collections.abc import Sequence

from pyengine.reports.names import file_name
from pyengine.reports.numbers import count
from pyengine.reports.tables import Paragraph
from pyengine.results import Note


def note_paragraphs(notes: Sequence[Note]) -> list[Paragraph]:
    """Return one warning for each note."""
    return [Paragraph(note_words(note), "warn") for note in notes]


def note_words(note: Note) -> str:
    """Say a note in a sentence; one of an unknown code by its code and values."""
    name, values = file_name(note.model, note.model), note.values
    if note.code == "beyond-trained-context":
        return (
            f"{name} was given contexts of up to {_count(values['positions'])} tokens and was "
            f"trained with {_count(values['trained'])}: its numbers beyond these say little of "
            "its weights."
        )
    if note.code == "model-failed":
        return f"{name} is left out: it {values['reason']}."
    return f"{note.code} {name} {values}"


def _count(value: int | str) -> str:
    return count(value) if isinstance(value, int) else value
