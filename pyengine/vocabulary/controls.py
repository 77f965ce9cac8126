"""English controls: for each keyword token a common English word that is as long and as early.

A change of keyword probability means something only beside the change of other words of the same
length and token-id range: if both move, the whole distribution moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pyengine.vocabulary.coverage import bare_tokens
from pyengine.vocabulary.keywords import KeywordTable

if TYPE_CHECKING:
    from pyengine.vocabulary.tokens import VocabularyLike

DECILES = 10
_WORDS = Path(__file__).resolve().parent.parent / "data" / "english" / "common_words.txt"


@cache
def english_words() -> tuple[str, ...]:
    """Return the shipped list of common English words, in alphabetical order."""
    lines = _WORDS.read_text(encoding="ascii").splitlines()
    return tuple(sorted({w for line in lines if not line.startswith("#") for w in line.split()}))


def match_controls(
    vocabulary: VocabularyLike,
    keywords: Iterable[str],
    *,
    size: int,
    tables: Mapping[str, KeywordTable],
    seed: int = 0,
) -> dict[str, str]:
    """Match each keyword that is one bare token with a common English word that is one, too.

    The word has the same length in bytes, is in no table, and its id is in the same tenth of the
    vocabulary (`size` tokens) or in a neighbouring one; among those left, the one with the nearest
    id. Every word is used once; the keywords choose in an order drawn with `seed`.

    Returns:
        the word of each keyword for which one was left.
    """
    excluded = {word.lower() for table in tables.values() for word in table.words()}
    english = bare_tokens(vocabulary, (w for w in english_words() if w not in excluded))
    pool: dict[int, dict[str, int]] = {}
    for word, token in english.items():
        pool.setdefault(len(word), {})[word] = token
    present = list(bare_tokens(vocabulary, dict.fromkeys(keywords)).items())
    pairs: dict[str, str] = {}
    for position in np.random.default_rng(seed).permutation(len(present)).tolist():
        keyword, token = present[position]
        candidates = pool.get(len(keyword.encode()), {})
        chosen = _nearest(token, candidates, size)
        if chosen is not None:
            pairs[keyword] = chosen
            del candidates[chosen]
    return pairs


def _nearest(token: int, candidates: Mapping[str, int], size: int) -> str | None:
    decile = token * DECILES // size
    near = [w for w, t in candidates.items() if abs(t * DECILES // size - decile) <= 1]
    return min(near, key=lambda word: (abs(candidates[word] - token), word), default=None)
