"""The paper's numbers about tokenizers beside ours, line by line (arXiv 2601.02563)."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pyengine.vocabulary.records import (
    CollectionRecord,
    CoverageRecord,
    PaperLine,
    PaperRecord,
    VocabularyRecord,
)
from pyengine.vocabulary.tokens import Pieces

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PUBLISHED = "published"
RECOMPUTED = "recomputed"
_DATA = Path(__file__).resolve().parent.parent / "data" / "paper" / "tokenizers.toml"
_Value = TypeVar("_Value")


@cache
def paper_tokenizers() -> tuple[Mapping[str, Any], ...]:
    """Return the paper's tokenizers: name, identifying hash, and the numbers stated of each."""
    return tuple(tomllib.loads(_DATA.read_text(encoding="utf-8"))["tokenizers"])


def find_paper_tokenizer(pieces: Pieces) -> Mapping[str, Any] | None:
    """Return the paper's tokenizer whose pieces this vocabulary begins with, or None."""
    for entry in paper_tokenizers():
        size = entry["base_tokens"]
        if pieces.size < size:
            continue
        digest = hashlib.sha256(pieces.data[: pieces.offsets[size]].tobytes())
        digest.update(np.diff(pieces.offsets[: size + 1]).astype("<i8").tobytes())
        if digest.hexdigest() == entry["sha256"]:
            return entry
    return None


def paper_record(entry: Mapping[str, Any], found: VocabularyRecord) -> PaperRecord:
    """Set the paper's numbers for one of its tokenizers beside what was found here."""
    collection = next(c for c in found.collections if c.name == "paper")
    lines = [
        *_coverage_lines(entry, collection),
        *_rank_lines(entry, collection),
        *_rule_lines(entry, found),
    ]
    return PaperRecord(path=found.path, column=entry["name"], lines=lines)


def _coverage_lines(entry: Mapping[str, Any], collection: CollectionRecord) -> Iterator[PaperLine]:
    missing = 0
    for language in collection.languages:
        missing += language.words - language.bare
        name = f"{language.title}: whole words"
        yield _line(name, PUBLISHED, entry["present"][language.language], language.bare)
        theirs = sorted(entry["missing"][language.language])
        ours = sorted(word.word for word in language.missing)
        name = f"{language.title}: missing words"
        yield _line(name, RECOMPUTED, ", ".join(theirs), ", ".join(ours))
    yield _line("missing, all lists", PUBLISHED, entry["missing_in_total"], missing)
    if "missing_in_union" in entry:
        union = collection.union
        here = union.words - union.bare
        yield _line("missing, distinct words", RECOMPUTED, entry["missing_in_union"], here)


def _rank_lines(entry: Mapping[str, Any], collection: CollectionRecord) -> Iterator[PaperLine]:
    parts = {language.language: language for language in collection.languages}
    parts["union"] = collection.union
    for name, numbers in entry.get("ranks", {}).items():
        part = parts[name]
        label = part.title if name != "union" else "distinct words"
        here = _ranks(part)[: len(numbers)]
        wording = "mean, median, max id" if len(numbers) == 3 else "mean, median id"
        yield _line(f"{label}: {wording}", RECOMPUTED, _joined(numbers), _joined(here))


def _ranks(part: CoverageRecord) -> list[int]:
    if part.mean is None or part.median is None or part.maximum is None:
        return []
    return [round(part.mean), round(part.median), part.maximum]


def _rule_lines(entry: Mapping[str, Any], found: VocabularyRecord) -> Iterator[PaperLine]:
    rules = found.paper_rules
    yield _line('"dead" tokens', PUBLISHED, entry["dead_tokens"], rules.dead)
    dead_share = 100 * rules.dead / entry["base_tokens"]
    yield _line('"dead", %', PUBLISHED, entry["dead_percent"], f"{dead_share:.4f}")
    share = 100 * rules.special_share
    if "special_percent" in entry:
        yield _line('"special", %', PUBLISHED, entry["special_percent"], f"{share:.1f}")
    if "special_percent_recomputed" in entry:
        theirs = entry["special_percent_recomputed"]
        yield _line('"special", % of rows', RECOMPUTED, theirs, f"{share:.2f}")
    theirs = entry["special_tokens_recomputed"]
    yield _line('"special" tokens', RECOMPUTED, theirs, rules.special)


def _line(quantity: str, source: str, paper: object, here: object) -> PaperLine:
    theirs, ours = str(paper), str(here)
    return PaperLine(quantity=quantity, source=source, paper=theirs, here=ours, same=theirs == ours)


def _joined(numbers: Sequence[_Value]) -> str:
    return ", ".join(map(str, numbers))
