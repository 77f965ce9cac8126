"""How probable words are after a text, in all the forms in which a tokenizer may write them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pyengine.errors import OptionError
from pyengine.measure.pairs import EncodedPair
from pyengine.measure.scoring import Scorer
from pyengine.measure.start_tokens import NATURAL, resolve_start
from pyengine.models.model import Vocabulary
from pyengine.vocabulary.coverage import CASED_FORMS, PREFIXES, other_cases, word_tokens


@dataclass(frozen=True)
class RankedWord:
    """How probable a word is after a text.

    Attributes:
        word: the word.
        probability: the sum over its forms: that the text goes on with their tokens.
        rank: best place, from 1, of a form that is one token; None where none is.
        forms: natural log-probability of each form, by its text.
    """

    word: str
    probability: float
    rank: int | None
    forms: Mapping[str, float]


def rank_words(scorer: Scorer, prefix: str, words: Sequence[str]) -> list[RankedWord]:
    """Return words by their probability after a prefix, most probable first.

    A form is one token where there is one with exactly its bytes, else the tokenizer's own split;
    ln P = sum over its tokens of ln p(token | prefix, tokens before).

    Raises:
        OptionError: a word is empty, or the prefix makes no token.
    """
    if not all(words):
        raise OptionError("a word is empty: only text has a probability")
    model = scorer.model
    start = resolve_start(f"text:{prefix}" if prefix else NATURAL, model).ids
    spellings = {word: dict(_forms(model.vocabulary, word)) for word in dict.fromkeys(words)}
    distinct = sorted({ids for forms in spellings.values() for ids in forms.values()})
    n = len(start)
    columns = scorer.columns([EncodedPair((*start, *ids), n, n, False) for ids in distinct])
    log_p = {ids: float(seen["log_p"].sum()) for ids, seen in zip(distinct, columns, strict=True)}
    rank: dict[tuple[int, ...], int] = {
        ids: int(seen["rank"][0])
        for ids, seen in zip(distinct, columns, strict=True)
        if len(ids) == 1
    }
    ranked = [
        RankedWord(
            word,
            float(np.exp([log_p[ids] for ids in {*forms.values()}]).sum()),
            min((rank[ids] for ids in forms.values() if ids in rank), default=None),
            {form: log_p[ids] for form, ids in forms.items()},
        )
        for word, forms in spellings.items()
    ]
    return sorted(ranked, key=lambda one: -one.probability)


def _forms(vocabulary: Vocabulary, word: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield each form of a word that can be written, with its tokens."""
    forms = [prefix.decode() + word for prefix in PREFIXES.values()]
    forms += [
        PREFIXES[form].decode() + other for other in other_cases(word) for form in CASED_FORMS
    ]
    for form in forms:
        tokens = word_tokens(vocabulary, form)
        if tokens:
            yield form, tokens
