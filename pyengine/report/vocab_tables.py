"""The tables of `pyengine vocab` about one tokenizer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from pyengine.report.document import Block, Facts, Paragraph
from pyengine.report.listing import listing
from pyengine.report.numbers import count
from pyengine.report.pieces import visible
from pyengine.report.sentences import vocabulary
from pyengine.report.tables import Cell, Table
from pyengine.report.vocab_found import Found, Words
from pyengine.report.words import facts
from pyengine.run.record import Run

Split: TypeAlias = Mapping[str, Any]
CLASSES = ("reserved", "contextual", "builtin", "framework", "listed")
# Rules of the paper, by which it counts tokens.
PAPER_RULES = {
    "special": "ASCII punctuation other than _ in it",
    "dead": "decoded and stripped, nothing is left",
}
_SYNTAX = (
    *("keyword", "identifier", "literal", "operator", "bracket", "punctuation", "comment"),
    *("indentation", "white space"),
)


def tables_of(found: Found) -> tuple[Block, ...]:
    """Return all that there is to show of one tokenizer."""
    return (
        _identity(found),
        _coverage(found),
        listing(
            "vocab-forms",
            [
                part.telling(words=part.words, in_none=part.words - part.form("any"))
                for part in found.parts
            ],
        ),
        _missing_words(found),
        _ranks(found),
        _fertility(found),
        _syntax(found),
        _classes(found, "class", "vocab-classes"),
        _classes(found, "set", "vocab-sets"),
        listing("vocab-indentation", map(_white, found.run.shown("white-space", found.model))),
        _paper_rules(found),
        _integrity(found),
        _round_trips(found),
    )


def _identity(found: Found) -> Facts:
    """Say which tokenizer it is."""
    return facts(
        "Identity",
        found=found,
        rows=found.n("token_share"),
        n_text=found.of("part", "text"),
        padding=found.of("part", "padding"),
        **vocabulary.identity_words(found),
    )


def _coverage(found: Found) -> Table:
    """Show the words that are one bare token, by language and class."""
    present = [c for c in CLASSES if any(_divided(part, c) for part in found.languages())]
    more = [{"head": _class_name(c), "of": c, "align": "right"} for c in present]
    rows = []
    for part in found.parts:
        inner = {name: _divided(part, name) for name in present}
        words = {name: None if one is None else _of(one) for name, one in inner.items()}
        rows.append(
            {
                **(dict.fromkeys(present, "") if part.is_union else words),
                "language": Cell(part.title, tone="dim" if part.is_union else "plain"),
                "all": _of(part),
                "share": part.bare / part.words if part.words else None,
            }
        )
    return listing("vocab-coverage", rows, more=more)


def _divided(part: Words, name: str) -> Words | None:
    """Return the words of a class; None where that is none, or all words of the language."""
    inner = part.of_class(name)
    return inner if inner is not None and inner.words < part.words else None


def _class_name(name: str) -> str:
    return name.replace("builtin", "built-in")


def _of(part: Words) -> str:
    return f"{part.bare}/{part.words}"


def _missing_words(found: Found) -> Table:
    """Name the words that are no bare token, with their splits."""
    rows = [
        {"language": part.title, "class": name, "words": ", ".join(map(_missing, words))}
        for part in found.languages()
        for name, words in _by_class((found.exhibit("splits", **part.members) or {})["words"])
    ]
    return listing("vocab-missing", rows)


def _by_class(missing: Sequence[Split]) -> Iterable[tuple[str, list[Split]]]:
    for name in CLASSES:
        words = [word for word in missing if word["class"] == name]
        if words:
            yield _class_name(name), words


def _missing(word: Split) -> str:
    mark = "‣" if word["forms"] else ""
    pieces = "¦".join(map(visible, word["pieces"]))
    if "".join(word["pieces"]) == word["word"]:
        return mark + pieces
    return f"{mark}{visible(word['word'])} ({pieces or 'no tokens'})"


def _ranks(found: Found) -> Table:
    """Show the ids of bare keywords."""
    more: list[dict[str, Any]] = []
    if found.identity["cl100k"]:
        more = [
            {"head": "in cl100k", "of": "in_cl100k", "write": "whole"},
            {"head": "mean place", "metric": "keyword_place_mean", "write": "whole"},
        ]
    rows = [
        part.telling(bare=part.bare, in_cl100k=part.n("keyword_place_mean")) for part in found.parts
    ]
    return listing("vocab-ranks", rows, more=more, notes=vocabulary.rank_sentences(found))


def _fertility(found: Found) -> Table:
    """Show how many tokens code costs."""
    rows = [text.telling(n_bytes=text.n_bytes, tokens=text.tokens) for text in found.texts()]
    notes = vocabulary.fertility_sentences(found)
    return listing("vocab-fertility", rows, notes=notes, origin=found.text_origin)


def _syntax(found: Found) -> Table | Paragraph:
    """Show which syntactic class the tokens of code belong to."""
    if told := vocabulary.no_syntax_sentence(found):
        return Paragraph(told, "dim")
    rows = []
    for part in found.texts():
        shares = {
            name: part.value("syntax_token_share", **{"class": name})
            for name in (*_SYNTAX, "other")
        }
        if any(share is not None for share in shares.values()):
            percents = {name: 100 * (share or 0.0) for name, share in shares.items()}
            rows.append({"title": part.title, **percents})
    return listing("vocab-syntax", rows)


def _classes(found: Found, dimension: str, name: str) -> Table:
    """Show a partition of the vocabulary, or the sets of tokens that code is made of."""
    rows = []
    for member in found.names("token_share", dimension):
        if not member.startswith("paper:"):
            part = found.titled(member, **{dimension: member})
            n, longest = part.n("piece_bytes"), part.value("piece_bytes_max") or 0
            rows.append(part.telling(name=member, n=n, longest=longest))
    return listing(name, rows)


def _white(white: Mapping[str, Any]) -> dict[str, Any]:
    """Say which widths of pure white space are one token."""
    complete = white["complete_to"]
    return {
        "kind": white["kind"],
        "n": len(white["widths"]),
        "complete": f"1 to {complete}" if complete else "none",
        "widest": max(white["widths"], default=0),
    }


def _paper_rules(found: Found) -> Table:
    """Show the counts under the paper's rules."""
    rows = [
        found.titled(name, rule=name).telling(name=name, rule=rule, n=found.of("rule", name))
        for name, rule in PAPER_RULES.items()
    ]
    return listing("vocab-rules", rows)


def method(run: Run) -> Facts:
    """Say how it was measured."""
    return facts("vocab-method", title="Method", p=run.population, made=run.provenance)


def _integrity(found: Found) -> Facts:
    """Show what is broken or surprising."""
    faults = {name: found.of("fault", name) for name in found.names("token_share", "fault")}
    return facts(
        "Integrity",
        faults=faults,
        unreachable=vocabulary.reachable_words(found),
        duplicates=vocabulary.examples_words(found, "duplicate"),
        special=vocabulary.special_faults_words(found),
    )


def _round_trips(found: Found) -> Table:
    """Show how many texts do not come back from their tokens."""
    rows = []
    for kind in found.names("round_trip_failures", "texts"):
        failed = found.count("round_trip_failures", texts=kind)
        rows.append(
            {
                "kind": kind,
                "tested": found.n("round_trip_failures", texts=kind),
                "changed": Cell(count(failed), failed, "warn" if failed else "plain"),
                "misspelled": found.count("round_trip_misspellings", texts=kind),
                "first": _shortened(found.exhibit("round-trip", texts=kind)),
            }
        )
    return listing("round-trips", rows)


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
