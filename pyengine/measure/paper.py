"""The metrics of arXiv 2601.02563 as the paper defines them, so that its tables can be checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pyengine.measure.cold_rows import ColdRows
from pyengine.measure.exhibits import token_content
from pyengine.measure.found import measured
from pyengine.run.measurement import Measurement
from pyengine.run.record import Exhibit
from pyengine.statistics.rows import ranks
from pyengine.vocabulary.controls import english_words
from pyengine.vocabulary.coverage import bare_tokens
from pyengine.vocabulary.keywords import KeywordTable
from pyengine.vocabulary.token_classes import TokenClasses
from pyengine.vocabulary.token_sets import Doubles, Ids, SetLookup, TokenSets

SHARES = (0.80, 0.85, 0.90, 0.95)
COLLECTION = {"collection": "paper"}
TOP = 20
MAX_INDENTATION = 24


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
