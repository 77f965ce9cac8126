"""The paper's numbers about tokenizers beside ours, line by line (arXiv 2601.02563)."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pyengine.vocabulary.keywords import KeywordTable, load_tables
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


def holds_paper_lists(collections: Mapping[str, Mapping[str, KeywordTable]]) -> bool:
    """Say whether the collection "paper" is the paper's lists, all of them and nothing else."""
    return "paper" in collections and dict(collections["paper"]) == dict(load_tables("paper"))


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
        *_total_lines(entry, collection),
        *_rank_lines(entry, collection),
        *_rule_lines(entry, found),
    ]
    return PaperRecord(path=found.path, column=entry["name"], lines=lines)


def _coverage_lines(entry: Mapping[str, Any], collection: CollectionRecord) -> Iterator[PaperLine]:
    for language in collection.languages:
        name, theirs = language.language, entry["missing"][language.language]
        label = f"{language.title}: whole words"
        yield _line(label, PUBLISHED, entry["present"][name], language.bare)
        here = _percent(language.bare, language.words)
        yield _line(f"{label}, %", RECOMPUTED, entry["present_percent"][name], here)
        ours = ", ".join(sorted(word.word for word in language.missing))
        yield _line(f"{language.title}: missing words", RECOMPUTED, ", ".join(sorted(theirs)), ours)


def _total_lines(entry: Mapping[str, Any], collection: CollectionRecord) -> Iterator[PaperLine]:
    words = sum(language.words for language in collection.languages)
    bare = sum(language.bare for language in collection.languages)
    yield _line("whole words, all lists", RECOMPUTED, entry["present_in_total"], bare)
    theirs = entry["present_in_total_percent"]
    yield _line("whole words, all lists, %", RECOMPUTED, theirs, _percent(bare, words))
    yield _line("missing, all lists", PUBLISHED, entry["missing_in_total"], words - bare)
    if "missing_in_union" in entry:
        union = collection.union
        here = union.words - union.bare
        yield _line("missing, distinct words", RECOMPUTED, entry["missing_in_union"], here)
        both = sum("space" not in word.forms for word in union.missing)
        theirs = entry["missing_in_union_after_space_too"]
        yield _line("missing, after a space too", RECOMPUTED, theirs, both)


def _rank_lines(entry: Mapping[str, Any], collection: CollectionRecord) -> Iterator[PaperLine]:
    parts = {language.language: language for language in collection.languages}
    parts["union"] = collection.union
    for name, numbers in entry.get("ranks", {}).items():
        part = parts[name]
        label = part.title if name != "union" else "distinct words"
        here = _ranks(part)[: len(numbers)]
        wording = "mean, median, max id" if len(numbers) == 3 else "mean, median id"
        yield _line(f"{label}: {wording}", RECOMPUTED, _joined(numbers), _joined(here))
    if "union_mean_share" in entry and collection.union.mean is not None:
        here_share = f"{collection.union.mean / entry['base_tokens']:.4f}"
        label = "distinct words: mean id / tokens"
        yield _line(label, RECOMPUTED, entry["union_mean_share"], here_share)


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


def _percent(part: int, total: int) -> str:
    return f"{100 * part / total:.1f}"


def _joined(numbers: Sequence[_Value]) -> str:
    return ", ".join(map(str, numbers))
