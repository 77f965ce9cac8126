"""Keyword coverage: which words of a language are one token, in which form, and how others split.

Look-ups go from exact bytes to ids (`Vocabulary.token`), never through tokenize(): SentencePiece
tokenizers add a space of their own. Only the split of a word that is no token is tokenized.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pyengine.errors import TokenizerError
from pyengine.vocabulary.keywords import Keyword, KeywordTable

if TYPE_CHECKING:
    from pyengine.models.model import Vocabulary
    from pyengine.vocabulary.tokens import VocabularyLike

# What precedes a word within its token, by the name of the form.
PREFIXES: Mapping[str, bytes] = {"bare": b"", "space": b" ", "newline": b"\n", "tab": b"\t"}
# Words in another case are looked for in these forms alone.
CASED_FORMS = ("bare", "space")
VARIANTS = (*PREFIXES, "case")


@dataclass(frozen=True)
class KeywordForms:
    """A keyword, the token of each form in which it is one, and its split where none is bare."""

    keyword: Keyword
    forms: Mapping[str, int]
    split: tuple[int, ...]

    @property
    def bare(self) -> int | None:
        """The token that is the word and nothing else."""
        return self.forms.get("bare")


Covered = tuple[KeywordForms, ...]


def find_forms(
    vocabulary: VocabularyLike, word: str, forms: Iterable[str] = tuple(PREFIXES)
) -> dict[str, int]:
    """Return the token of each form of a word that is one, found by its exact UTF-8 bytes."""
    found = ((form, vocabulary.token(PREFIXES[form] + word.encode())) for form in forms)
    return {form: token for form, token in found if token is not None}


def bare_tokens(vocabulary: VocabularyLike, words: Iterable[str]) -> dict[str, int]:
    """Return the words that are one bare token, with its id."""
    found = ((word, vocabulary.token(word.encode())) for word in words)
    return {word: token for word, token in found if token is not None}


def variant_sets(vocabulary: VocabularyLike, words: Iterable[str]) -> dict[str, list[int]]:
    """Return the distinct tokens of every variant, and of all variants together as "any".

    A token counts for a variant when its bytes are exactly a word in that form; "case" holds
    other cases (lower, upper, first letter upper), bare or after a space, that are not already a
    form of another word.
    """
    sets: dict[str, set[int]] = {variant: set() for variant in VARIANTS}
    for word in words:
        for form, token in find_forms(vocabulary, word).items():
            sets[form].add(token)
        for other in other_cases(word):
            sets["case"].update(find_forms(vocabulary, other, CASED_FORMS).values())
    sets["case"] -= set().union(*(sets[form] for form in PREFIXES))
    sets["any"] = set().union(*sets.values())
    return {name: sorted(ids) for name, ids in sets.items()}


def other_cases(word: str) -> list[str]:
    """Return a word in lower case, in upper case, and with its first letter upper, without itself.

    In the order of their text, each once.
    """
    cases = {word.lower(), word.upper(), word[:1].upper() + word[1:].lower()}
    return sorted(cases - {word})


def coverage(vocabulary: Vocabulary, tables: Mapping[str, KeywordTable]) -> dict[str, Covered]:
    """Return for each table which of its words are one token, in which forms, and the splits."""
    words = {keyword.word for table in tables.values() for keyword in table}
    forms = {word: find_forms(vocabulary, word) for word in words}
    splits = {
        word: () if "bare" in found else _split(vocabulary, word) for word, found in forms.items()
    }
    return {
        name: tuple(KeywordForms(k, forms[k.word], splits[k.word]) for k in table)
        for name, table in tables.items()
    }


def missing(words: Covered, *forms: str) -> list[str]:
    """Return the words that have no token in any of these forms (default: any)."""
    wanted = set(forms or PREFIXES)
    return [w.keyword.word for w in words if wanted.isdisjoint(w.forms)]


def bare_ids(words: Covered) -> npt.NDArray[np.int64]:
    """Return the ids of the bare tokens, in the order of the words."""
    return np.array([w.bare for w in words if w.bare is not None], np.int64)


def each_once(parts: Iterable[Covered]) -> Covered:
    """Join several languages; a word that is in more than one of them is counted once."""
    return tuple({w.keyword.word: w for part in parts for w in part}.values())


def split_text(vocabulary: Vocabulary, text: bytes | str) -> tuple[int, ...]:
    """Return the tokens of a text; none where the tokenizer has no token for one of its bytes."""
    try:
        return tuple(vocabulary.tokenize(text).tolist())
    except TokenizerError:
        return ()


def exact_split(vocabulary: Vocabulary, word: str) -> tuple[int, ...] | None:
    """Return the tokenizer's own split of a bare word, or None where it has none.

    SentencePiece tokenizers put a space before a text, which is not part of the word. So the
    word is split at the start of a text and, if its pieces then spell something else, after a
    newline, or without that space where it is a piece of its own; a split counts only if its
    pieces spell the word's bytes exactly.
    """
    target = word.encode()
    direct = split_text(vocabulary, target)
    if _spelled(vocabulary, direct) == target:
        return direct
    anchor = split_text(vocabulary, b"\n")
    anchored = split_text(vocabulary, b"\n" + target)
    rest = anchored[len(anchor) :]
    if anchored[: len(anchor)] == anchor and _spelled(vocabulary, rest) == target:
        return rest
    if _spelled(vocabulary, direct[:1]) == b" " and _spelled(vocabulary, direct[1:]) == target:
        return direct[1:]
    return None


def word_tokens(vocabulary: Vocabulary, word: str) -> tuple[int, ...] | None:
    """Return the token that is exactly the word, else its split; None where there is neither."""
    token = vocabulary.token(word.encode())
    return exact_split(vocabulary, word) if token is None else (token,)


def _spelled(vocabulary: Vocabulary, ids: Sequence[int]) -> bytes | None:
    if min(ids, default=0) < 0:  # no token for a byte
        return None
    return b"".join(vocabulary.piece(token) for token in ids)


def _split(vocabulary: Vocabulary, word: str) -> tuple[int, ...]:
    """Split a word exactly, or as the tokenizer splits it as a text where nothing spells it."""
    exact = exact_split(vocabulary, word)
    return split_text(vocabulary, word) if exact is None else exact


def id_statistics(ids: Sequence[int] | npt.NDArray[np.integer], *, n_text: int) -> dict[str, float]:
    """Return mean, median and max of token ids, and share: mean / n_text; nothing without ids.

    An id is the order in which the tokenizer's training merged or listed the token, not the
    frequency of the token in the training data of the model.

    Args:
        n_text: tokens of the vocabulary that are text.
    """
    values = np.asarray(ids)
    if values.size == 0:
        return {}
    mean = float(values.mean())
    return {
        "mean": mean,
        "median": float(np.median(values)),
        "max": float(values.max()),
        "share": mean / max(n_text, 1),
    }
