"""Show what `pyengine doctor` found, and say in words what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyengine.report.document import Block, Document, Facts, Paragraph
from pyengine.report.listing import listing
from pyengine.report.sentences import machine
from pyengine.report.tables import Cell, Tone
from pyengine.run.record import Run

Values = Mapping[str, Any]

# The tone and the word of a status.
_STATUSES: Mapping[str, tuple[Tone, str]] = {
    "good": ("good", "ok"),
    "note": ("dim", "note"),
    "warn": ("warn", "look"),
    "bad": ("bad", "wrong"),
}


def doctor_document(run: Run) -> Document:
    """Show the checks by topic, then what to do about them."""
    checks = run.shown("check")
    blocks: list[Block] = [
        Paragraph(machine.checks_sentence(c["status"] for c in checks), "strong")
    ]
    for topic in dict.fromkeys(check["topic"] for check in checks):
        rows = [_row(check) for check in checks if check["topic"] == topic]
        blocks.append(listing("checks", rows, topic=topic.capitalize()))
    gravest = sorted(checks, key=lambda check: -machine.GRAVITY.index(check["status"]))
    advice = [
        (check["name"], machine.advice_words(check["advice"], check["values"]))
        for check in gravest
        if check["advice"]
    ]
    if advice:
        blocks.append(Facts("What to do", tuple(advice)))
    return Document("pyengine doctor", tuple(blocks))


def _row(check: Values) -> dict[str, Any]:
    tone, word = _STATUSES[check["status"]]
    return {
        "name": check["name"],
        "status": Cell(word, check["status"], tone),
        "found": machine.found_words(check["found"], check["values"]),
    }
