"""English controls: for each keyword token a common English word that is as long and as early.

A change of keyword probability means something only beside the change of other words of the same
length and token-id range: if both move, the whole distribution moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from pyengine.vocabulary.coverage import TokenLookup
from pyengine.vocabulary.keywords import KeywordTable, union

DECILES = 10
_WORDS = Path(__file__).resolve().parent.parent / "data" / "english" / "common_words.txt"


@dataclass(frozen=True)
class Control:
    """A keyword and the English word matched to it, both with their bare tokens."""

    keyword: str
    keyword_token: int
    word: str
    word_token: int


@dataclass(frozen=True)
class Controls:
    """The matched pairs, the keywords for which no word was left, and the seed of the order."""

    pairs: tuple[Control, ...]
    unmatched: tuple[str, ...]
    seed: int


@cache
def english_words() -> tuple[str, ...]:
    """Return the shipped list of common English words, in alphabetical order."""
    lines = _WORDS.read_text(encoding="ascii").splitlines()
    return tuple(sorted({w for line in lines if not line.startswith("#") for w in line.split()}))


def match_controls(
    vocabulary: TokenLookup,
    keywords: Iterable[str],
    *,
    size: int,
    tables: Mapping[str, KeywordTable],
    seed: int = 0,
) -> Controls:
    """Match each keyword that is one bare token with a common English word that is one, too.

    The word has the same length in bytes, is in no table, and its id is in the same tenth of the
    vocabulary (`size` tokens) or in a neighbouring one; among those left, the one with the nearest
    id. Every word is used once; the keywords choose in an order drawn with `seed`.
    """
    excluded = {word.lower() for word in union(tables.values())}
    pool: dict[int, dict[str, int]] = {}
    for word in english_words():
        token = None if word in excluded else vocabulary.token(word.encode())
        if token is not None:
            pool.setdefault(len(word), {})[word] = token
    wanted = [(w, vocabulary.token(w.encode())) for w in dict.fromkeys(keywords)]
    present = [(word, token) for word, token in wanted if token is not None]
    pairs: dict[str, Control] = {}
    for position in np.random.default_rng(seed).permutation(len(present)).tolist():
        keyword, token = present[position]
        candidates = pool.get(len(keyword.encode()), {})
        chosen = _nearest(token, candidates, size)
        if chosen is not None:
            pairs[keyword] = Control(keyword, token, chosen, candidates.pop(chosen))
    return Controls(
        pairs=tuple(pairs[word] for word, _ in present if word in pairs),
        unmatched=tuple(word for word, _ in present if word not in pairs),
        seed=seed,
    )


def _nearest(token: int, candidates: Mapping[str, int], size: int) -> str | None:
    decile = token * DECILES // size
    near = [w for w, t in candidates.items() if abs(t * DECILES // size - decile) <= 1]
    return min(near, key=lambda word: (abs(candidates[word] - token), word), default=None)
