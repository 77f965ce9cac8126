"""What the notes of a run tell, each where it is there, and how to measure the same again."""

from __future__ import annotations

import errno
import os
from collections.abc import Container, Iterable, Mapping
from typing import Any

from pyengine.errors import problem_sentence
from pyengine.report.words import has_words, member_name, say
from pyengine.run.record import Note, Provenance, Run

NAMED = 6  # names that a note spells out


def note_sentence(note: Note) -> str:
    """Say what a note tells; one of an unknown code by its code and values."""
    values = note.values
    if not has_words("notes", note.code):
        return f"{note.model}: {note.code} {values}"
    chunk, language, outcome = (values.get(name, "") for name in ("chunk", "language", "outcome"))
    written = {
        "model": note.model,
        "language": member_name("language", language),
        "chunk": None if chunk == "open" else chunk,
        "strerror": os.strerror(getattr(errno, values.get("errno", ""), 0)),
        "install": say("install", language) if has_words("install", language) else "",
        "in_words": outcome_words(outcome) if has_words("outcomes", outcome) else None,
    }
    if note.code == "differs":
        written["what"] = [say("differences", code) for code in values["codes"]]
    if note.code == "left-out":
        written["told"] = problem_sentence(values["problem"])
    if note.code == "rules-move-others":
        names = values["names"]
        written |= {
            "n": len(names),
            "first": names[0],
            "changed": "has" if len(names) == 1 else "have",
        }
    if note.code == "rounded-to-nearest":
        types = values["types"]
        written |= {
            "others": sum(types.values()),
            "named": [f"{n} {name}" for name, n in types.items()],
        }
    if note.code == "tensors-unused":
        written |= {"n": len(values["names"]), "first": values["names"][0]}
    if note.code == "known-tasks":
        written |= _known_tasks(values)
    return say("notes", note.code, **{**values, **written})


def _known_tasks(values: Mapping[str, Any]) -> dict[str, object]:
    """Return what is known of some tasks, and the first of their names."""
    names, why = values["names"], values["why"]
    return {
        "told": say("known-tasks", why) if has_words("known-tasks", why) else why,
        "some": ", ".join(names[:NAMED]),
        "others": len(names) - NAMED if len(names) > NAMED else None,
    }


def note_sentences(notes: Iterable[Note], codes: Container[str] | None = None) -> list[str]:
    """Say what notes tell: all of them, or those of some codes."""
    return [note_sentence(note) for note in notes if codes is None or note.code in codes]


def infinite_sentences(run: Run) -> list[str]:
    """Say of which variants tokens are left out of the mean."""
    return note_sentences(run.notes, ["infinite-divergence"])


def ended_sentences(run: Run) -> list[str]:
    """Say what ended a measurement before its last document, where something did."""
    return note_sentences(run.notes, ["stopped-early"])


def outcome_words(outcome: str) -> str:
    """Name an outcome of a sample."""
    return say("outcomes", outcome)


def repeat_words(made: Provenance, command: str) -> str:
    """Say what measures the same again, and whether options are missing in it."""
    return say("origin", "repeat", command=command, place=None if made.words else "Python")
