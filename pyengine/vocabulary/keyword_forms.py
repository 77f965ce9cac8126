"""The tokens that stand for keywords: bare, after white space, or in another case."""

from collections.abc import Iterable
from typing import Literal

from pyengine.vocabulary.coverage import Form, TokenLookup, find_forms

Variant = Literal["bare", "space", "newline", "tab", "case"]
VARIANTS: tuple[Variant, ...] = ("bare", "space", "newline", "tab", "case")


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
