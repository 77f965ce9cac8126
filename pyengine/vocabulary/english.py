"""English words as a control: what keywords' probability is held against.

The paper's control list is unpublished. Ours is a plain list of everyday words; which of them
stand against which keywords is decided by a rule, separately for every vocabulary.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pyengine.vocabulary.coverage import TokenLookup
from pyengine.vocabulary.keywords import COLLECTIONS, load_tables

_WORDS = Path(__file__).resolve().parent.parent / "data" / "english_words.txt"
# A control may lie this many tenths of the vocabulary away from its keyword.
MAX_DECILE_DISTANCE = 1


@dataclass(frozen=True)
class EnglishMatch:
    """Keywords and the English words that stand against them, pair by pair.

    Attributes:
        pairs: (keyword, English word). Keywords without a fitting word are left out.
        keyword_ids, control_ids: their bare tokens.
    """

    pairs: tuple[tuple[str, str], ...]
    keyword_ids: tuple[int, ...]
    control_ids: tuple[int, ...]


@cache
def english_words() -> tuple[str, ...]:
    """Return the shipped words that are a keyword of no shipped table, sorted."""
    lines = _WORDS.read_text(encoding="utf-8").splitlines()
    listed = {word for line in lines if not line.startswith("#") for word in line.split()}
    keywords = {
        word.lower()
        for collection in COLLECTIONS
        for table in load_tables(collection).values()
        for word in table.words()
    }
    return tuple(sorted(listed - keywords))


def match_english(
    vocabulary: TokenLookup, keywords: Mapping[str, int], *, size: int
) -> EnglishMatch:
    """Match each keyword with an English word of its byte length, case and token-id decile.

    Keywords take turns in order of their ids. Each takes, among the unused words of the same
    length in bytes and the same case that are one bare token, the one in the nearest decile of
    ids, at most one decile away; of several, the one with the nearest id.

    Args:
        vocabulary: looked up by exact bytes.
        keywords: word and id of its bare token.
        size: number of tokens, whose tenths are the deciles.
    """
    free: dict[tuple[int, str], dict[str, int]] = {}
    pairs: list[tuple[str, str]] = []
    keyword_ids: list[int] = []
    control_ids: list[int] = []
    for keyword, token in sorted(keywords.items(), key=lambda item: item[1]):
        case = _case(keyword)
        if case is None:
            continue
        length = len(keyword.encode())
        if (length, case) not in free:
            free[length, case] = _candidates(vocabulary, length, _CASES[case])
        word = _nearest(free[length, case], token, size)
        if word is not None:
            pairs.append((keyword, word))
            keyword_ids.append(token)
            control_ids.append(free[length, case].pop(word))
    return EnglishMatch(tuple(pairs), tuple(keyword_ids), tuple(control_ids))


_CASES: Mapping[str, Callable[[str], str]] = {
    "lower": str.lower,
    "upper": str.upper,
    "capitalized": str.capitalize,
}


def _case(word: str) -> str | None:
    """Return the case of a word of letters; None for camelCase and for words with other marks."""
    if not word.isalpha():
        return None
    return next((case for case, write in _CASES.items() if write(word) == word), None)


def _candidates(
    vocabulary: TokenLookup, length: int, write: Callable[[str], str]
) -> dict[str, int]:
    words = (write(word) for word in english_words() if len(word.encode()) == length)
    found = ((word, vocabulary.token(word.encode())) for word in words)
    return {word: token for word, token in found if token is not None}


def _nearest(candidates: Mapping[str, int], token: int, size: int) -> str | None:
    def distance(word: str) -> tuple[int, int, str]:
        other = candidates[word]
        return (abs(_decile(other, size) - _decile(token, size)), abs(other - token), word)

    best = min(candidates, key=distance, default=None)
    if best is None or distance(best)[0] > MAX_DECILE_DISTANCE:
        return None
    return best


def _decile(token: int, size: int) -> int:
    return 10 * token // size
