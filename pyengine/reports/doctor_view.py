"""Show what `pyengine doctor` found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyengine.reports.doctor_words import advice_words, found_words
from pyengine.reports.tables import Block, Cell, Column, Document, Facts, Paragraph, Tone, table
from pyengine.run.record import Run

# Status of a check, the gravest last: its tone, its word, and what it says of the whole.
_STATUSES: Mapping[str, tuple[Tone, str, str]] = {
    "good": ("good", "ok", "Everything is in order."),
    "note": ("dim", "note", "Everything needed is in order; something optional is missing."),
    "warn": ("warn", "look", "It works, with something to look at."),
    "bad": ("bad", "wrong", "Something is wrong and needs mending."),
}
_GRAVITY = tuple(_STATUSES)


def doctor_document(run: Run) -> Document:
    """Show the checks by topic, then what to do about them."""
    checks = run.shown("check")
    worst = max((check["status"] for check in checks), key=_GRAVITY.index, default="good")
    blocks: list[Block] = [Paragraph(_STATUSES[worst][2], "strong")]
    for topic in dict.fromkeys(check["topic"] for check in checks):
        rows = [_row(check) for check in checks if check["topic"] == topic]
        columns = (
            Column(topic.capitalize(), min_width=16),
            Column(""),
            Column("found", min_width=30),
        )
        blocks.append(table("", columns, rows))
    gravest = sorted(checks, key=lambda check: -_GRAVITY.index(check["status"]))
    advice = [
        (check["name"], advice_words(check["advice"], check["values"]))
        for check in gravest
        if check["advice"]
    ]
    if advice:
        blocks.append(Facts("What to do", tuple(advice)))
    return Document("pyengine doctor", tuple(blocks))


def _row(check: Mapping[str, Any]) -> list[Cell | str]:
    tone, word, _ = _STATUSES[check["status"]]
    status = Cell(word, check["status"], tone)
    return [check["name"], status, found_words(check["found"], check["values"])]
