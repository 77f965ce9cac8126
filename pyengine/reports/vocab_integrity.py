"""What is broken or surprising in one tokenizer, as facts and a table."""

from __future__ import annotations

from collections.abc import Mapping

from pyengine.reports.numbers import count
from pyengine.reports.pieces import visible
from pyengine.reports.tables import Block, Cell, Column, Facts, Table, table
from pyengine.reports.vocab_found import Found
from pyengine.reports.vocab_tables import Columns, Rows, right

_UNTESTED = {
    "wordpiece": "WordPiece marks the beginning of words outside of the token's bytes",
    "unigram": "Unigram normalizes text and adds spaces, so a token's bytes are not its text",
    "no-newline": "the tokenizer has no token for a newline, after which the others would be "
    "tested",
}


def integrity_blocks(found: Found) -> tuple[Block, ...]:
    """Show what is broken or surprising."""
    faults = {
        name: found.count("token_share", {"fault": name})
        for name in found.members("token_share", "fault")
    }
    special = "; ".join(_special_token(fault) for fault in found.notes("special-token"))
    facts = Facts(
        "Integrity",
        (
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
        ),
    )
    return facts, _round_trips(found)


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


def _round_trips(found: Found) -> Table:
    rows: Rows = []
    for kind in found.members("round_trip_failures", "texts"):
        texts = {"texts": kind}
        tested, failed = (
            found.n("round_trip_failures", texts),
            found.count("round_trip_failures", texts),
        )
        misspelled = found.count("round_trip_misspellings", texts)
        rows.append(
            (
                kind,
                Cell(count(tested), tested),
                Cell(count(failed), failed, "warn" if failed else "plain"),
                Cell(count(misspelled), misspelled),
                _shortened(found.exhibit("round_trip", texts=kind)),
            )
        )
    columns: Columns = (
        "texts",
        *right("tested", "changed", "by pieces"),
        Column("first that changed", min_width=16),
    )
    notes = [
        "changed: decode(encode(x)) is not x. by pieces: the pieces in a row are not x either; "
        "what is changed but not by pieces, the detokenizer's clean-up of spaces changed."
    ]
    return table("Do texts come back?", columns, rows, notes=notes)


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


def _examples(found: Found, fault: str) -> str:
    examples = found.exhibit("pieces", fault=fault)
    if examples is None:
        return ""
    return f", such as {' '.join(visible(text) for text in examples['pieces'][:8])}"
