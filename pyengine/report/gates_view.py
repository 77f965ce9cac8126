"""Show what became of gates."""

from __future__ import annotations

from collections.abc import Sequence

from pyengine.choose.gates import Check
from pyengine.report.document import Document
from pyengine.report.listing import listing
from pyengine.report.sentences import gates
from pyengine.report.tables import Cell, Tone


def gates_document(checks: Sequence[Check]) -> Document:
    """Show each gate for each variant, and which metrics were held against an earlier run."""
    tables = [
        listing(
            "gates",
            [_row(check) for check in checks if check.title == title],
            notes=gates.compared_sentences([c for c in checks if c.title == title]),
            title=title,
        )
        for title in dict.fromkeys(check.title for check in checks)
    ]
    return Document("Gates", tuple(tables))


def _row(check: Check) -> dict[str, Cell]:
    return {
        "variant": Cell(check.model, tone="strong"),
        "result": Cell(gates.result_words(check), tone=_tone(check)),
        "words": Cell(gates.check_words(check)),
    }


def _tone(check: Check) -> Tone:
    return "dim" if check.skipped else "good" if check.passed else "bad"
