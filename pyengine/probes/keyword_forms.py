"""The tokens of keywords in each variant, and how words that are not one token are split."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from pyengine.vocabulary.coverage import Form, Tokenizer, TokenLookup, find_forms, split_text

Variant = Literal["bare", "space", "newline", "tab", "case"]
VARIANTS: tuple[Variant, ...] = ("bare", "space", "newline", "tab", "case")


class Splitter(Tokenizer, Protocol):
    """A vocabulary that splits text and knows the bytes of its tokens."""

    def piece(self, id: int) -> bytes:  # noqa: A002 - the name of the core's argument
        """Return the bytes of one token."""


def bare_tokens(index: TokenLookup, words: Iterable[str]) -> dict[str, int]:
    """Return the words that are one bare token, with its id."""
    found = ((word, index.token(word.encode())) for word in words)
    return {word: token for word, token in found if token is not None}


def variant_sets(index: TokenLookup, words: Iterable[str]) -> dict[str, list[int]]:
    """Return the distinct tokens of every variant, and of all variants together as "any".

    A token counts for a variant when its bytes are exactly a word in that form; "case" holds
    other cases, bare or after a space, that are not already a form of another word.
    """
    sets: dict[str, set[int]] = {variant: set() for variant in VARIANTS}
    for word in words:
        forms = find_forms(index, word)
        for form in Form:
            if form in forms.forms:
                sets[form.value].add(forms.forms[form])
        sets["case"].update(forms.cased)
    sets["case"] -= set().union(*(sets[form.value] for form in Form))
    sets["any"] = set().union(*sets.values())
    return {name: sorted(ids) for name, ids in sets.items()}


@dataclass(frozen=True)
class Split:
    """How a tokenizer writes a word that is not one token; `ids` are the pieces in order."""

    word: str
    ids: tuple[int, ...]


def split_word(tokenizer: Splitter, word: str) -> Split | None:
    """Return the tokenizer's own split of a bare word, or None where it has none.

    SentencePiece tokenizers put a space before a text, which is not part of the word. So the
    word is split at the start of a text and, if its pieces then spell something else, after a
    newline, or without that space where it is a piece of its own; a split counts only if its
    pieces spell the word's bytes exactly.
    """
    target = word.encode()
    direct = split_text(tokenizer, target)
    if _spelled(tokenizer, direct) == target:
        return Split(word, direct)
    anchor = split_text(tokenizer, b"\n")
    anchored = split_text(tokenizer, b"\n" + target)
    rest = anchored[len(anchor) :]
    if anchored[: len(anchor)] == anchor and _spelled(tokenizer, rest) == target:
        return Split(word, rest)
    if direct and tokenizer.piece(direct[0]) == b" " and _spelled(tokenizer, direct[1:]) == target:
        return Split(word, direct[1:])
    return None


def _spelled(tokenizer: Splitter, ids: Sequence[int]) -> bytes:
    return b"".join(tokenizer.piece(token) for token in ids)
