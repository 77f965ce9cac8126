"""Keyword coverage: which words of a language are one token, in which form, and how others split.

Look-ups go from exact bytes to ids (`Vocabulary.token`), never through tokenize(): SentencePiece
tokenizers add a space of their own. Only the split of a word that is no token is tokenized.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pyengine.errors import TokenizerError
from pyengine.vocabulary.keywords import Keyword, KeywordTable, WordClass


class Form(str, Enum):
    """What precedes a word within its token."""

    BARE = "bare"
    SPACE = "space"
    NEWLINE = "newline"
    TAB = "tab"


PREFIXES: Mapping[Form, bytes] = {
    Form.BARE: b"",
    Form.SPACE: b" ",
    Form.NEWLINE: b"\n",
    Form.TAB: b"\t",
}
# Words in another case are looked for in these forms alone.
CASED_PREFIXES: Mapping[Form, bytes] = {form: PREFIXES[form] for form in (Form.BARE, Form.SPACE)}


class TokenLookup(Protocol):
    """Finds a token by its exact bytes."""

    def token(self, piece: bytes) -> int | None:
        """Return the token whose piece is exactly these bytes."""


class Tokenizer(TokenLookup, Protocol):
    """Finds tokens by their bytes and splits text."""

    def tokenize(
        self, text: bytes | str, *, add_special: bool = False, parse_special: bool = False
    ) -> npt.NDArray[np.int32]:
        """Split a text into token ids."""

    def piece(self, id: int) -> bytes:  # noqa: A002 - the name of the core's argument
        """Return the bytes of one token."""


@dataclass(frozen=True)
class WordForms:
    """The single-token forms of one word.

    forms: the token id of each form that exists; cased: ids of its bare and spaced forms written
    in another case (lower, upper, first letter upper), without those of `forms`.
    """

    word: str
    forms: Mapping[Form, int]
    cased: tuple[int, ...] = ()

    @cached_property
    def bare(self) -> int | None:
        """The token that is the word and nothing else."""
        return self.forms.get(Form.BARE)

    @property
    def tokens(self) -> tuple[int, ...]:
        """All tokens of `forms` and `cased`, each once."""
        return tuple(dict.fromkeys((*self.forms.values(), *self.cased)))


def find_forms(vocabulary: TokenLookup, word: str, *, cases: bool = True) -> WordForms:
    """Look up the single-token forms of a word by their exact UTF-8 bytes."""
    found = _lookup(vocabulary, word, PREFIXES)
    if not cases:
        return WordForms(word, found)
    own = set(found.values())
    cased: dict[int, None] = {}
    for other in {word.lower(): 0, word.upper(): 0, word[:1].upper() + word[1:].lower(): 0}:
        if other != word:
            cased.update(dict.fromkeys(_lookup(vocabulary, other, CASED_PREFIXES).values()))
    return WordForms(word, found, tuple(token for token in cased if token not in own))


def _lookup(vocabulary: TokenLookup, word: str, prefixes: Mapping[Form, bytes]) -> dict[Form, int]:
    encoded, lookup = word.encode(), vocabulary.token
    found = {}
    for form, prefix in prefixes.items():
        token = lookup(prefix + encoded)
        if token is not None:
            found[form] = token
    return found


@dataclass(frozen=True)
class KeywordForms:
    """A keyword with its single-token forms, and its split where no bare token exists."""

    keyword: Keyword
    forms: WordForms
    split: tuple[int, ...]

    @cached_property
    def bare(self) -> int | None:
        """The token that is the word and nothing else."""
        return self.forms.bare


@dataclass(frozen=True)
class LanguageCoverage:
    """Coverage of one keyword table by one vocabulary."""

    language: str
    title: str
    words: tuple[KeywordForms, ...]

    def of(self, *classes: WordClass) -> LanguageCoverage:
        """Return the coverage of the words of the given classes alone."""
        chosen = tuple(w for w in self.words if w.keyword.word_class in classes)
        return LanguageCoverage(self.language, self.title, chosen)

    def count(self, *forms: Form) -> int:
        """Return how many words have a token in at least one of these forms (default: any)."""
        wanted = set(forms or Form)
        return sum(not wanted.isdisjoint(w.forms.forms) for w in self.words)

    def missing(self, *forms: Form) -> tuple[str, ...]:
        """Return the words that have no token in any of these forms (default: any)."""
        wanted = set(forms or Form)
        return tuple(w.keyword.word for w in self.words if wanted.isdisjoint(w.forms.forms))

    def bare_ids(self) -> npt.NDArray[np.int64]:
        """Return the ids of the bare tokens, in the order of the table."""
        return np.array([w.bare for w in self.words if w.bare is not None], np.int64)

    def __len__(self) -> int:
        return len(self.words)


def coverage(
    vocabulary: Tokenizer, tables: Mapping[str, KeywordTable]
) -> dict[str, LanguageCoverage]:
    """Return for each table which of its words are one token, in which forms, and the splits."""
    words = {keyword.word for table in tables.values() for keyword in table}
    forms = {word: find_forms(vocabulary, word, cases=False) for word in words}
    splits = {
        word: () if found.bare is not None else _split(vocabulary, word)
        for word, found in forms.items()
    }
    return {
        name: LanguageCoverage(
            table.language,
            table.title,
            tuple(KeywordForms(k, forms[k.word], splits[k.word]) for k in table),
        )
        for name, table in tables.items()
    }


def split_text(vocabulary: Tokenizer, text: bytes | str) -> tuple[int, ...]:
    """Return the tokens of a text; none where the tokenizer has no token for one of its bytes."""
    try:
        return tuple(vocabulary.tokenize(text).tolist())
    except TokenizerError:
        return ()


def exact_split(tokenizer: Tokenizer, word: str) -> tuple[int, ...] | None:
    """Return the tokenizer's own split of a bare word, or None where it has none.

    SentencePiece tokenizers put a space before a text, which is not part of the word. So the
    word is split at the start of a text and, if its pieces then spell something else, after a
    newline, or without that space where it is a piece of its own; a split counts only if its
    pieces spell the word's bytes exactly.
    """
    target = word.encode()
    direct = split_text(tokenizer, target)
    if _spelled(tokenizer, direct) == target:
        return direct
    anchor = split_text(tokenizer, b"\n")
    anchored = split_text(tokenizer, b"\n" + target)
    rest = anchored[len(anchor) :]
    if anchored[: len(anchor)] == anchor and _spelled(tokenizer, rest) == target:
        return rest
    if _spelled(tokenizer, direct[:1]) == b" " and _spelled(tokenizer, direct[1:]) == target:
        return direct[1:]
    return None


def word_tokens(tokenizer: Tokenizer, word: str) -> tuple[int, ...] | None:
    """Return the token that is exactly the word, else its split; None where there is neither."""
    token = tokenizer.token(word.encode())
    return exact_split(tokenizer, word) if token is None else (token,)


def _spelled(tokenizer: Tokenizer, ids: Sequence[int]) -> bytes | None:
    if min(ids, default=0) < 0:  # no token for a byte
        return None
    return b"".join(tokenizer.piece(token) for token in ids)


def _split(vocabulary: Tokenizer, word: str) -> tuple[int, ...]:
    """Split a word exactly, or as the tokenizer splits it as a text where nothing spells it."""
    exact = exact_split(vocabulary, word)
    return split_text(vocabulary, word) if exact is None else exact


def union_coverage(
    parts: Iterable[LanguageCoverage], *, title: str = "union, each word once"
) -> LanguageCoverage:
    """Join several languages; a word that is in more than one of them is counted once."""
    words = {w.keyword.word: w for part in parts for w in part.words}
    return LanguageCoverage("union", title, tuple(words.values()))


@dataclass(frozen=True)
class Ranks:
    """Token ids of present words. An id is the order in which the tokenizer's training merged
    or listed the token, not the frequency of the token in the training data of the model.

    mean_share: mean id divided by the number of tokens that are text.
    """

    present: int
    mean: float
    median: float
    maximum: int
    mean_share: float


def ranks(ids: Sequence[int] | npt.NDArray[np.integer], *, size: int) -> Ranks | None:
    """Return mean, median and maximum of token ids, and mean / size; None where there are none."""
    values = np.asarray(ids)
    if values.size == 0:
        return None
    mean = float(values.mean())
    return Ranks(values.size, mean, float(np.median(values)), int(values.max()), mean / size)
