"""Show what `pyengine doctor` found."""

from __future__ import annotations

from pyengine.doctor.records import Check, DoctorResult, Status
from pyengine.reports.tables import Block, Cell, Column, Document, Facts, Paragraph, Tone, table

_TONES: dict[Status, Tone] = {"good": "good", "note": "dim", "warn": "warn", "bad": "bad"}
_GRAVITY: tuple[Status, ...] = ("good", "note", "warn", "bad")
_WORDS: dict[Status, str] = {"good": "ok", "note": "note", "warn": "look", "bad": "wrong"}
_SUMMARY: dict[Status, str] = {
    "good": "Everything is in order.",
    "note": "Everything needed is in order; something optional is missing.",
    "warn": "It works, with something to look at.",
    "bad": "Something is wrong and needs mending.",
}


def doctor_document(result: DoctorResult) -> Document:
    """Show the checks by topic, then what to do about them."""
    blocks: list[Block] = [Paragraph(_SUMMARY[result.worst], "strong")]
    for topic in dict.fromkeys(check.topic for check in result.checks):
        rows = [_row(check) for check in result.checks if check.topic == topic]
        columns = (
            Column(topic.capitalize(), min_width=16),
            Column(""),
            Column("found", min_width=30),
        )
        blocks.append(table("", columns, rows))
    gravest = sorted(result.checks, key=lambda check: -_GRAVITY.index(check.status))
    advice = [(check.name, check.advice) for check in gravest if check.advice]
    if advice:
        blocks.append(Facts("What to do", tuple(advice)))
    return Document("pyengine doctor", tuple(blocks))


def _row(check: Check) -> list[Cell | str]:
    status = Cell(_WORDS[check.status], check.status, _TONES[check.status])
    return [check.name, status, check.found]
