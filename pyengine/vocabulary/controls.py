"""English controls: common English words that are as long as a keyword, in the same forms.

A probability of keywords means something only beside that of other words of the same length and
form: a token after a space is likelier than a bare one, whatever it says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from pyengine.vocabulary.coverage import CASED_FORMS, find_forms
from pyengine.vocabulary.keywords import KeywordTable

if TYPE_CHECKING:
    from pyengine.vocabulary.tokens import VocabularyLike

# What must be equal for words to be alike: length, and the forms in which they are one token.
Likeness: TypeAlias = tuple[int, tuple[str, ...]]
# Words by what makes them alike; the tokens of each.
LikeWords: TypeAlias = Mapping[Likeness, Mapping[str, tuple[int, ...]]]
_WORDS = Path(__file__).resolve().parent.parent / "data" / "english" / "common_words.txt"


@cache
def english_words() -> tuple[str, ...]:
    """Return the shipped list of common English words, in alphabetical order."""
    lines = _WORDS.read_text(encoding="ascii").splitlines()
    return tuple(sorted({w for line in lines if not line.startswith("#") for w in line.split()}))


def english_like_words(vocabulary: VocabularyLike, tables: Mapping[str, KeywordTable]) -> LikeWords:
    """Return the common English words that are a keyword in none of the tables."""
    keywords = {word.lower() for table in tables.values() for word in table.words()}
    return like_words(vocabulary, set(english_words()) - keywords)


def like_words(vocabulary: VocabularyLike, words: Iterable[str]) -> LikeWords:
    """Sort words that are one token by their length and the forms in which they are.

    Forms: bare or after a space; in lower case, capitalised, or in capitals. Words that differ in
    case only are one word with several forms. Only words of two or more ASCII letters count:
    nothing English is like an underscore, and any letter begins many words.
    """
    found: dict[Likeness, dict[str, tuple[int, ...]]] = {}
    for word in sorted({word.lower() for word in words if _is_plain(word)}):
        forms = {
            f"{form} {case}": token
            for case, written in _cases(word).items()
            for form, token in find_forms(vocabulary, written, CASED_FORMS).items()
        }
        if forms:
            alike = found.setdefault((len(word), tuple(forms)), {})
            alike[word] = tuple(forms.values())
    return found


def _is_plain(word: str) -> bool:
    return len(word) > 1 and word.isascii() and word.isalpha()


def _cases(word: str) -> Mapping[str, str]:
    return {"lower": word, "capitalised": word.capitalize(), "capitals": word.upper()}
