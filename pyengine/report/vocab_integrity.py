"""What is broken or surprising in one tokenizer, as facts and a table."""

from __future__ import annotations

from collections.abc import Mapping

from pyengine.report.document import Facts
from pyengine.report.numbers import count
from pyengine.report.pieces import visible
from pyengine.report.tables import Cell, Column, Field, Table, listing, number, text
from pyengine.report.vocab_found import Found

_UNTESTED = {
    "wordpiece": "WordPiece marks the beginning of words outside of the token's bytes",
    "unigram": "Unigram normalizes text and adds spaces, so a token's bytes are not its text",
    "no-newline": "the tokenizer has no token for a newline, after which the others would be "
    "tested",
}


def integrity_facts(found: Found) -> Facts:
    """Show what is broken or surprising."""
    faults = {name: found.tokens("fault", name) for name in found.members("token_share", "fault")}
    special = "; ".join(map(_special_token, found.notes("special-token")))
    pairs = (
        ("own bytes encode to others", _unreachable(found)),
        ("parts of characters", f"{count(faults['fragment'])}, not testable on their own"),
        ("same bytes twice", count(faults["duplicate"]) + _examples(found, "duplicate")),
        (
            "same decoded text",
            f"{count(faults['colliding'])}; a table keyed by text loses "
            f"{count(faults['lost'])} tokens",
        ),
        ("invalid UTF-8", count(faults["invalid UTF-8"])),
        ("special tokens", special or "as declared"),
    )
    return Facts("Integrity", pairs)


def _unreachable(found: Found) -> str:
    for note in found.notes("reachability-untested"):
        return _UNTESTED[note["why"]]
    broken, tested = found.count("unreachable"), found.n("unreachable")
    return f"{count(broken)} of {count(tested)} tested{_examples(found, 'unreachable')}"


def _special_token(fault: Mapping[str, str]) -> str:
    """Say what is wrong with a special token."""
    if fault["fault"] == "undeclared":
        return f"a {fault['token']} token is to be added and none is declared"
    wrong = {
        "outside": "outside of the vocabulary",
        "empty": "whose piece is empty",
        "normal": "which is a normal token of text",
    }[fault["fault"]]
    return f"{fault['token']} is declared as {fault['declared']}, {wrong}"


def _examples(found: Found, fault: str) -> str:
    examples = found.exhibit("pieces", fault=fault)
    if examples is None:
        return ""
    return f", such as {' '.join(visible(text) for text in examples['pieces'][:8])}"


def round_trips_table(found: Found) -> Table:
    """Show how many texts do not come back from their tokens."""

    def changed(kind: str) -> Cell:
        failed = found.count("round_trip_failures", texts=kind)
        return Cell(count(failed), failed, "warn" if failed else "plain")

    fields = (
        text("texts", str),
        number("tested", lambda kind: found.n("round_trip_failures", texts=kind), count),
        Field(Column("changed", "right"), changed),
        number("by pieces", lambda kind: found.count("round_trip_misspellings", texts=kind), count),
        text(
            "first that changed",
            lambda kind: _shortened(found.exhibit("round-trip", texts=kind)),
            min_width=16,
        ),
    )
    notes = [
        "changed: decode(encode(x)) is not x. by pieces: the pieces in a row are not x either; "
        "what is changed but not by pieces, the detokenizer's clean-up of spaces changed."
    ]
    kinds = found.members("round_trip_failures", "texts")
    return listing("Do texts come back?", fields, kinds, notes=notes)


def _shortened(trip: Mapping[str, str] | None) -> str:
    """Show where a text and what came back part, with a little around it."""
    if trip is None:
        return ""
    example, came_back = trip["text"], trip["came_back"]
    pairs = zip(example, came_back, strict=False)
    same = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(example), len(came_back)))
    start = max(same - 8, 0)
    back = visible(came_back[start : same + 8]) or "nothing"
    return f"{visible(example[start : same + 8])} → {back}"
