"""How much probability a language's keywords hold, against what they must be held against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from pyengine.measure.cold_rows import ColdRows
from pyengine.run.measurement import Measurement, group_of
from pyengine.run.record import Exhibit
from pyengine.statistics.random_sets import random_mass
from pyengine.vocabulary.controls import match_controls
from pyengine.vocabulary.coverage import ranks
from pyengine.vocabulary.keyword_forms import VARIANTS, bare_tokens, variant_sets
from pyengine.vocabulary.keywords import KeywordTable, load_tables
from pyengine.vocabulary.token_classes import TokenClass, TokenClasses
from pyengine.vocabulary.token_sets import RowLookup, SetLookup, TokenSets
from pyengine.vocabulary.tokens import TokenKind

LEFT_OUT = 3
WRITTEN = (TokenKind.NORMAL, TokenKind.USER_DEFINED)
KEYWORDS, ENGLISH = "matched keywords", "matched English"


@dataclass(frozen=True, eq=False)
class _Words:
    """One language's words at the first start of one model.

    Attributes:
        bare: the token of each word that is one.
        split: ln p of each word that is several.
        n_unspellable: words that the tokenizer cannot write.
        n_controls: words with an English partner.
        lookup: of the forms' tokens, and of both sides of the pairs.
    """

    table: KeywordTable
    words: tuple[str, ...]
    bare: Mapping[str, int]
    split: Mapping[str, float]
    n_unspellable: int
    n_controls: int
    lookup: RowLookup

    @property
    def measured(self) -> bool:
        """Whether every word that the tokenizer can write was measured."""
        n = len(self.bare) + len(self.split) + self.n_unspellable
        return n == len(self.words)

    def mass(self, name: str) -> float:
        """Return the probability of a set of tokens."""
        return float(self.lookup.sets[name].mass[0])

    def log_p(self) -> dict[str, float]:
        """Return ln p of every measured word."""
        bare = self.lookup.sets["bare"]
        by_id = dict(zip(bare.ids.tolist(), bare.log_probability[0].tolist(), strict=True))
        return {word: by_id[token] for word, token in self.bare.items()} | dict(self.split)


def language_metrics(
    decoded: ColdRows, classes: TokenClasses, table: KeywordTable, *, draws: int, seed: int
) -> Iterator[Measurement | Exhibit]:
    """Yield one language's keyword mass at the first start, with its controls.

    Exhibit "leave-one-out": language, and words with their share of the mass of bare and split
    words, and mass_without them.
    """
    found = _look_up(decoded, table, seed)
    group = group_of({"language": table.language})
    row = partial(Measurement, model=decoded.info.id, reference="", group=group)
    for written, n in (
        ("one", len(found.bare)),
        ("several", len(found.split)),
        ("none", found.n_unspellable),
    ):
        members = group_of({"language": table.language, "tokens": written})
        yield Measurement("keyword_count", decoded.info.id, "", members, n)
    if found.words:
        share = len(found.bare) / len(found.words)
        members = group_of({"language": table.language, "form": "bare"})
        yield row("coverage", group=members, value=share, n=len(found.words))
    for form in (*VARIANTS, "any"):
        members = group_of({"language": table.language, "form": form})
        n = len(found.lookup.sets[form].ids)
        yield Measurement("form_mass", decoded.info.id, "", members, found.mass(form), n=n)
    log_p = found.log_p()
    if found.measured:
        yield from _word_metrics(found, log_p, row)
    n_text = int(np.count_nonzero(_text(decoded.vocabulary.kinds, classes, *WRITTEN)))
    yield from _rank_metrics(found.lookup.sets["bare"], n_text, row)
    yield from _control_metrics(found, row)
    # Random sets are drawn from the tokens that text is made of.
    drawable = _text(decoded.vocabulary.kinds, classes, TokenKind.NORMAL)
    logits = decoded.rows[0][np.flatnonzero(drawable)].astype(np.float64)
    p = np.exp(logits - found.lookup.log_sum_exp[0])
    n_bare, mass = len(found.lookup.sets["bare"].ids), found.mass("bare")
    yield from _random_metrics(p, n_bare, mass, row, draws=draws, seed=seed)
    content = {"language": table.language, "words": leave_one_out(log_p)}
    yield Exhibit(kind="leave-one-out", model=decoded.info.id, content=content)


def leave_one_out(log_p: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return what stays of the words' mass without each of the most probable ones."""
    p = {word: float(np.exp(value)) for word, value in log_p.items()}
    total = sum(p.values())
    best = sorted(p, key=lambda word: (-p[word], word))[:LEFT_OUT]
    return [
        {"word": word, "share": p[word] / total, "mass_without": total - p[word]}
        for word in best
        if total > 0
    ]


def _look_up(decoded: ColdRows, table: KeywordTable, seed: int) -> _Words:
    vocabulary, row, words = decoded.vocabulary, decoded.rows[0], table.words()
    bare = bare_tokens(vocabulary, words)
    controls = match_controls(
        vocabulary, words, size=vocabulary.size, tables=load_tables("reference"), seed=seed
    ).pairs
    sets = {
        **variant_sets(vocabulary, words),
        KEYWORDS: sorted(pair.keyword_token for pair in controls),
        ENGLISH: sorted(pair.word_token for pair in controls),
    }
    return _Words(
        table=table,
        words=tuple(words),
        bare=bare,
        split={word: decoded.strings[word] for word in words if word in decoded.strings},
        n_unspellable=len(decoded.unspellable.intersection(words) - bare.keys()),
        n_controls=len(controls),
        lookup=TokenSets(len(row), sets).look_up(row),
    )


def _word_metrics(
    found: _Words, log_p: Mapping[str, float], row: partial[Measurement]
) -> Iterator[Measurement]:
    split = sum(float(np.exp(value)) for value in found.split.values())
    yield row("split_mass", value=split, n=len(found.split))
    yield row("keyword_string_mass", value=found.mass("bare") + split, n=len(log_p))
    if log_p:
        mean = float(np.exp(np.mean(list(log_p.values()))))
        yield row("geometric_mean", value=mean, n=len(log_p))


def _rank_metrics(bare: SetLookup, n_text: int, row: partial[Measurement]) -> Iterator[Measurement]:
    n = len(bare.ids)
    if n == 0:
        return
    yield row("best_rank", value=float(bare.best_rank[0]), n=n)
    yield row("median_rank", value=float(bare.median_rank[0]), n=n)
    ids = ranks(bare.ids, size=max(n_text, 1))
    assert ids is not None, "there are ids"
    yield row("keyword_id_mean", value=ids.mean, n=n)
    yield row("keyword_id_median", value=ids.median, n=n)
    yield row("keyword_id_max", value=float(ids.maximum), n=n)
    yield row("keyword_id_share", value=ids.mean_share, n=n)


def _control_metrics(found: _Words, row: partial[Measurement]) -> Iterator[Measurement]:
    if found.n_controls == 0:
        return
    m, c = found.mass(KEYWORDS), found.mass(ENGLISH)
    yield row("english_mass", value=c, n=found.n_controls)
    if c > 0 and max(m, c) < 1:
        yield row("odds_ratio", value=(m / (1 - m)) / (c / (1 - c)), n=found.n_controls)


def _random_metrics(
    p: npt.NDArray[np.float64],
    size: int,
    mass: float,
    row: partial[Measurement],
    *,
    draws: int,
    seed: int,
) -> Iterator[Measurement]:
    random = random_mass(p, size, mass, draws=draws, seed=seed)
    yield row(
        "random_mass",
        value=random.mean,
        low=random.low,
        high=random.high,
        level=0.95,
        n=draws,
        interval="permutation",
    )
    yield row("random_p", value=random.p_value, n=draws)


def _text(
    kinds: npt.NDArray[np.uint8], classes: TokenClasses, *written: TokenKind
) -> npt.NDArray[np.bool_]:
    """Mark the tokens of some kinds that are no padding."""
    chosen: npt.NDArray[np.bool_] = np.isin(kinds, written)
    chosen[classes.ids(TokenClass.UNUSED)] = False
    return chosen
