"""How much probability keywords hold, against what they must be held against.

Beside it the metrics of arXiv 2601.02563 as the paper defines them, so that its tables can be
checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from pyengine.measure.cold_rows import ColdRows
from pyengine.measure.exhibits import token_content
from pyengine.measure.found import measured
from pyengine.run.measurement import Measurement
from pyengine.run.record import Exhibit
from pyengine.statistics.random_sets import Stratum, matched_null
from pyengine.statistics.rows import ranks
from pyengine.vocabulary.controls import LikeWords, english_words, like_words
from pyengine.vocabulary.coverage import VARIANTS, bare_tokens, id_statistics, variant_sets
from pyengine.vocabulary.keywords import KeywordTable
from pyengine.vocabulary.token_classes import TokenClass, TokenClasses
from pyengine.vocabulary.token_sets import Doubles, Ids, SetLookup, TokenSets
from pyengine.vocabulary.tokens import TokenKind

LEFT_OUT = 3
WRITTEN = (TokenKind.NORMAL, TokenKind.USER_DEFINED)
# Of the paper.
SHARES = (0.80, 0.85, 0.90, 0.95)
COLLECTION = {"collection": "paper"}
TOP = 20
MAX_INDENTATION = 24


def language_metrics(
    decoded: ColdRows,
    classes: TokenClasses,
    table: KeywordTable,
    english: LikeWords,
    *,
    draws: int,
    seed: int,
) -> Iterator[Measurement | Exhibit]:
    """Yield one language's keyword mass at the first start, with its controls.

    Exhibit "leave-one-out": language, and words with their share of the mass of bare and split
    words, and mass_without them.

    Args:
        english: words that the keywords are held against.
    """
    vocabulary, logits, words = decoded.vocabulary, decoded.rows[0], table.words()
    bare = bare_tokens(vocabulary, words)
    split = {word: decoded.strings[word] for word in words if word in decoded.strings}
    n_unspellable = len(decoded.unspellable.intersection(words) - bare.keys())
    sets = variant_sets(vocabulary, words)
    lookup = TokenSets(len(logits), sets).look_up(logits)
    mass = {name: float(found.mass[0]) for name, found in lookup.sets.items()}
    one = lookup.sets["bare"]

    whole = {"language": table.language}
    row = partial(measured, decoded.info.id, members=whole)
    for written, n in (("one", len(bare)), ("several", len(split)), ("none", n_unspellable)):
        yield row("keyword_count", n, members={**whole, "tokens": written})
    if words:
        of_form = {**whole, "form": "bare"}
        yield row("coverage", len(bare) / len(words), len(words), members=of_form)
    for form in (*VARIANTS, "any"):
        yield row("form_mass", mass[form], len(sets[form]), members={**whole, "form": form})

    by_id = dict(zip(one.ids.tolist(), one.log_probability[0].tolist(), strict=True))
    log_p = {word: by_id[token] for word, token in bare.items()} | split
    if len(log_p) + n_unspellable == len(words):  # all that can be written was measured
        split_mass = sum(float(np.exp(value)) for value in split.values())
        yield row("split_mass", split_mass, len(split))
        yield row("keyword_string_mass", mass["bare"] + split_mass, len(log_p))
        if log_p:
            yield row("geometric_mean", np.exp(np.mean(list(log_p.values()))), len(log_p))
    is_text = np.ones(vocabulary.size, np.bool_)
    is_text[classes.ids(TokenClass.UNUSED)] = False
    n_text = int(np.count_nonzero(is_text & np.isin(vocabulary.kinds, WRITTEN)))
    yield from _ranks(one, n_text, row)
    p = np.exp(logits.astype(np.float64) - lookup.log_sum_exp[0])
    strata = like_masses(like_words(vocabulary, words), english, p)
    yield from _beside_english(strata, row, draws=draws, seed=seed)
    content = {"language": table.language, "words": leave_one_out(log_p)}
    yield Exhibit(kind="leave-one-out", model=decoded.info.id, content=content)


def like_masses(keywords: LikeWords, english: LikeWords, p: Doubles) -> list[Stratum]:
    """Return the mass of each keyword, and of each English word that is like it."""
    return [
        Stratum(*(np.array([p[[*ids]].sum() for ids in side.values()]) for side in (mine, its)))
        for alike, mine in keywords.items()
        if (its := {word: ids for word, ids in english.get(alike, {}).items() if word not in mine})
    ]


def _beside_english(
    strata: list[Stratum], row: partial[Measurement], *, draws: int, seed: int
) -> Iterator[Measurement]:
    """Yield the mass of keywords that have English words like them, and of such words."""
    n = sum(len(one.members) for one in strata)
    if n == 0:
        return
    null = matched_null(strata, draws=draws, seed=seed)
    yield row("matched_mass", null.observed, n)
    yield row("english_mass", null.others, n)
    if null.others > 0 and max(null.observed, null.others) < 1:
        odds = null.observed / (1 - null.observed) / (null.others / (1 - null.others))
        yield row("odds_ratio", odds, n)
    chance = row("random_mass", null.mean, draws)
    yield replace(chance, low=null.low, high=null.high, level=0.95, interval="permutation")
    yield row("random_p", null.p, draws)


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


def _ranks(bare: SetLookup, n_text: int, row: partial[Measurement]) -> Iterator[Measurement]:
    n = len(bare.ids)
    if n > 0:
        yield row("best_rank", bare.best_rank[0], n)
        yield row("median_rank", bare.median_rank[0], n)
        for name, value in id_statistics(bare.ids, n_text=n_text).items():
            yield row(f"keyword_id_{name}", value, n)


def paper_metrics(
    decoded: ColdRows, classes: TokenClasses, tables: Mapping[str, KeywordTable]
) -> Iterator[Measurement | Exhibit]:
    """Yield PKP, STP, KAP, NLP and what the paper prints beside them, at the first start.

    Exhibits: "items-needed" with shares, and for keywords and special_tokens how many of the most
    probable ones reach each share of the group's own mass (null where it has none; the paper
    prints one less); "set-tokens" with the set's name and its most probable tokens.
    """
    vocabulary, row, model = decoded.vocabulary, decoded.rows[0], decoded.info.id
    words = sorted({word for table in tables.values() for word in table.words()})
    keywords = bare_tokens(vocabulary, words)
    english = bare_tokens(vocabulary, set(english_words()) - set(words))
    sets: dict[str, Ids] = {
        "keywords": sorted(set(keywords.values())),
        "special": classes.sets["paper: special"],
        "english": sorted(set(english.values())),
        "indentation": classes.sets["indentation"],
    }
    found = TokenSets(len(row), sets).look_up(row).sets
    mass = {name: float(found[name].mass[0]) for name in sets}
    for metric, value, n in (
        ("pkp", mass["keywords"], len(keywords)),
        ("kap", mass["keywords"] / len(words), len(words)),
        ("stp", mass["special"], len(found["special"].ids)),
        ("nlp", mass["english"], len(found["english"].ids)),
    ):
        yield measured(model, metric, value, n, COLLECTION)
    share = len(keywords) / len(words)
    yield measured(model, "coverage", share, len(words), {**COLLECTION, "form": "bare"})
    needed = {
        "shares": list(SHARES),
        "keywords": [items_needed(found["keywords"], share) for share in SHARES],
        "special_tokens": [items_needed(found["special"], share) for share in SHARES],
    }
    yield Exhibit(kind="items-needed", model=model, content=needed)
    for name, n in (("keywords", TOP), ("special", TOP), ("indentation", MAX_INDENTATION)):
        content = {"set": name, "tokens": _best(decoded, found[name], n)}
        yield Exhibit(kind="set-tokens", model=model, content=content)


def items_needed(found: SetLookup, share: float) -> int | None:
    """Return the smallest number of members whose summed probability reaches a share of the mass.

    Sorted by probability, it is the first n with p_1 + … + p_n >= share * total.
    """
    p: Doubles = np.sort(np.exp(found.log_probability[0]))[::-1]
    total = p.sum()
    if len(p) == 0 or total <= 0:
        return None
    reached = np.cumsum(p) >= share * total
    return int(np.argmax(reached)) + 1


def _best(decoded: ColdRows, found: SetLookup, n: int) -> list[dict[str, Any]]:
    """Write out the most probable members of a set, with their ranks among all tokens."""
    # Ids ascend, so a stable sort puts the lower id first where probabilities are equal.
    best = np.argsort(-found.log_probability[0], kind="stable")[:n]
    places = ranks(decoded.rows[:1], found.ids[best])[0].tolist() if len(best) else []
    p = np.exp(found.log_probability[0])
    return [
        {
            **token_content(int(found.ids[i]), decoded.vocabulary),
            "probability": float(p[i]),
            "rank": place,
        }
        for i, place in zip(best.tolist(), places, strict=True)
    ]
