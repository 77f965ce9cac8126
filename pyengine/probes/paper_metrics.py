"""The metrics of arXiv 2601.02563 as the paper defines them, so that its tables can be checked."""

from collections.abc import Mapping

import numpy as np

from pyengine.probes.keyword_forms import bare_tokens
from pyengine.probes.measurement import Measurement
from pyengine.probes.records import (
    ItemsNeeded,
    PaperMetrics,
    TokenProbability,
    token_probability,
)
from pyengine.statistics.rows import ranks
from pyengine.vocabulary.controls import english_words
from pyengine.vocabulary.keywords import KeywordTable
from pyengine.vocabulary.token_classes import TokenClasses
from pyengine.vocabulary.token_sets import Doubles, SetLookup, TokenSets

SHARES = (0.80, 0.85, 0.90, 0.95)
COLLECTION = "union of the paper's eight published lists"
TOP = 20
MAX_INDENTATION = 24


def paper_metrics(
    measurement: Measurement,
    classes: TokenClasses,
    tables: Mapping[str, KeywordTable],
) -> PaperMetrics:
    """Compute PKP, STP, KAP, NLP and what the paper prints beside them, at the first start."""
    vocabulary, row = measurement.vocabulary, measurement.rows[0]
    words = sorted({word for table in tables.values() for word in table.words()})
    keywords = bare_tokens(vocabulary, words)
    english = bare_tokens(vocabulary, set(english_words()) - set(words))
    found = (
        TokenSets(
            len(row),
            {
                "keywords": sorted(set(keywords.values())),
                "special": classes.sets["paper: special"],
                "english": sorted(set(english.values())),
                "indentation": classes.sets["indentation"],
            },
        )
        .look_up(row)
        .sets
    )
    pkp = float(found["keywords"].mass[0])
    return PaperMetrics(
        collection=COLLECTION,
        n_keywords=len(words),
        n_single_token=len(keywords),
        coverage=len(keywords) / len(words),
        pkp=pkp,
        kap=pkp / len(words),
        n_special_tokens=len(found["special"].ids),
        stp=float(found["special"].mass[0]),
        n_control_words=len(found["english"].ids),
        nlp=float(found["english"].mass[0]),
        items_needed=[
            ItemsNeeded(
                share=share,
                keywords=items_needed(found["keywords"], share),
                special_tokens=items_needed(found["special"], share),
            )
            for share in SHARES
        ],
        top_keywords=_best(measurement, found["keywords"]),
        top_special_tokens=_best(measurement, found["special"]),
        indentation=_best(measurement, found["indentation"], MAX_INDENTATION),
    )


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


def _best(measurement: Measurement, found: SetLookup, n: int = TOP) -> list[TokenProbability]:
    vocabulary = measurement.vocabulary
    # Ids ascend, so a stable sort puts the lower id first where probabilities are equal.
    best = np.argsort(-found.log_probability[0], kind="stable")[:n]
    places = ranks(measurement.rows[:1], found.ids[best])[0] if len(best) else []
    return [
        token_probability(
            vocabulary.piece(int(found.ids[i])),
            token=int(found.ids[i]),
            log_probability=float(found.log_probability[0, i]),
            rank=int(place),
        )
        for i, place in zip(best, places, strict=True)
    ]
