"""The paper's numbers about tokenizers beside ours, line by line (arXiv 2601.02563)."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from pyengine.vocabulary import piece_features as bits
from pyengine.vocabulary.coverage import Covered, bare_ids, each_once, id_statistics, missing
from pyengine.vocabulary.tokenizer import Tokenizer
from pyengine.vocabulary.tokens import Pieces, TokenKind

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PUBLISHED = "published"
RECOMPUTED = "recomputed"
PAPER = Path(__file__).resolve().parent.parent / "data" / "paper"


def paper_data(name: str) -> Mapping[str, Any]:
    """Read a file of the paper's numbers."""
    found: Mapping[str, Any] = tomllib.loads((PAPER / name).read_text(encoding="utf-8"))
    return found


@cache
def paper_tokenizers() -> tuple[Mapping[str, Any], ...]:
    """Return the paper's tokenizers: name, identifying hash, and the numbers stated of each."""
    return tuple(paper_data("tokenizers.toml")["tokenizers"])


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


def paper_counts(tokenizer: Tokenizer) -> tuple[int, int]:
    """Count the paper's special and its dead tokens, kinds as the file declares them.

    llama.cpp takes a few normal tokens, such as `</s>`, for control tokens; the paper does not.
    """
    features, file_kinds = tokenizer.features, tokenizer.file_kinds
    special = tokenizer.classes.sets["paper: special"]
    if file_kinds.size == features.pieces.size:
        control = features.pieces.kinds == TokenKind.CONTROL
        declared = np.flatnonzero(control & (file_kinds == TokenKind.NORMAL))
        special = np.concatenate((special, declared[features.has(bits.PUNCTUATION)[declared]]))
    return len(special), len(tokenizer.classes.sets["paper: dead"])


def paper_lines(
    entry: Mapping[str, Any], found: Mapping[str, Covered], tokenizer: Tokenizer
) -> list[dict[str, str]]:
    """Set the paper's numbers for one of its tokenizers beside what was found here.

    Args:
        entry: of `paper_tokenizers`.
        found: coverage of the paper's lists by language.

    Returns:
        for each statement: quantity (a code), language (empty where it is about all), source
        ("published", or "recomputed" from the paper's lists), and the texts paper and here.
    """
    union = each_once(found.values())
    return [
        *_coverage_lines(entry, found),
        *_total_lines(entry, found, union),
        *_rank_lines(entry, found, union, tokenizer),
        *_rule_lines(entry, paper_counts(tokenizer), tokenizer.size),
    ]


def _coverage_lines(
    entry: Mapping[str, Any], found: Mapping[str, Covered]
) -> Iterator[dict[str, str]]:
    for name, part in found.items():
        bare = len(bare_ids(part))
        yield _line("whole_words", PUBLISHED, entry["present"][name], bare, name)
        theirs = entry["present_percent"][name]
        here = _percent(bare, len(part))
        yield _line("whole_words_percent", RECOMPUTED, theirs, here, name)
        listed = _joined(sorted(entry["missing"][name]))
        ours = _joined(sorted(missing(part, "bare")))
        yield _line("missing_words", RECOMPUTED, listed, ours, name)


def _total_lines(
    entry: Mapping[str, Any], found: Mapping[str, Covered], union: Covered
) -> Iterator[dict[str, str]]:
    words = sum(len(part) for part in found.values())
    bare = sum(len(bare_ids(part)) for part in found.values())
    yield _line("whole_words", RECOMPUTED, entry["present_in_total"], bare)
    theirs = entry["present_in_total_percent"]
    yield _line("whole_words_percent", RECOMPUTED, theirs, _percent(bare, words))
    yield _line("missing", PUBLISHED, entry["missing_in_total"], words - bare)
    if "missing_in_union" in entry:
        here = len(missing(union, "bare"))
        yield _line("missing_distinct", RECOMPUTED, entry["missing_in_union"], here)
        both = len(missing(union, "bare", "space"))
        theirs = entry["missing_in_union_after_space_too"]
        yield _line("missing_after_space_too", RECOMPUTED, theirs, both)


def _rank_lines(
    entry: Mapping[str, Any],
    found: Mapping[str, Covered],
    union: Covered,
    tokenizer: Tokenizer,
) -> Iterator[dict[str, str]]:
    parts = {**found, "union": union}
    for name, numbers in entry.get("ranks", {}).items():
        ids = id_statistics(bare_ids(parts[name]), n_text=tokenizer.n_text)
        here = [round(value) for value in ids.values()][: len(numbers)]
        quantity = "mean_median_max_id" if len(numbers) == 3 else "mean_median_id"
        yield _line(quantity, RECOMPUTED, _joined(numbers), _joined(here), name)
    ids = id_statistics(bare_ids(union), n_text=tokenizer.n_text)
    if "union_mean_share" in entry and ids:
        here_share = f"{ids['mean'] / entry['base_tokens']:.4f}"
        yield _line("mean_id_share", RECOMPUTED, entry["union_mean_share"], here_share, "union")


def _rule_lines(
    entry: Mapping[str, Any], counts: tuple[int, int], size: int
) -> Iterator[dict[str, str]]:
    special, dead = counts
    yield _line("dead", PUBLISHED, entry["dead_tokens"], dead)
    dead_share = 100 * dead / entry["base_tokens"]
    yield _line("dead_percent", PUBLISHED, entry["dead_percent"], f"{dead_share:.4f}")
    share = 100 * (special / size)
    if "special_percent" in entry:
        yield _line("special_percent", PUBLISHED, entry["special_percent"], f"{share:.1f}")
    if "special_percent_recomputed" in entry:
        theirs = entry["special_percent_recomputed"]
        yield _line("special_percent", RECOMPUTED, theirs, f"{share:.2f}")
    theirs = entry["special_tokens_recomputed"]
    yield _line("special", RECOMPUTED, theirs, special)


def _line(
    quantity: str, source: str, paper: object, here: object, language: str = ""
) -> dict[str, str]:
    return {
        "quantity": quantity,
        "language": language,
        "source": source,
        "paper": str(paper),
        "here": str(here),
    }


def _percent(part: int, total: int) -> str:
    return f"{100 * part / total:.1f}"


def _joined(items: Sequence[object]) -> str:
    return ", ".join(map(str, items))
