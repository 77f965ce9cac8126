"""From the rows of a measurement to the records of a probe. Nothing here needs the model."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyengine.probes.keyword_forms import bare_tokens
from pyengine.probes.language_mass import language_record
from pyengine.probes.measurement import Measurement
from pyengine.probes.paper_metrics import paper_metrics
from pyengine.probes.records import (
    ClassMass,
    ModelProbe,
    ProbeResult,
    StartRecord,
    TokenLevelComparison,
    piece_text,
    token_probability,
)
from pyengine.statistics.rows import pair_statistics
from pyengine.vocabulary.keywords import KeywordTable
from pyengine.vocabulary.token_classes import TokenClass, TokenClasses, classify
from pyengine.vocabulary.token_sets import TokenSets
from pyengine.vocabulary.tokens import Pieces

CODE_CLASSES = (
    "brackets",
    "operators",
    "comment openers",
    "string quotes",
    "indentation",
    "newlines",
    "digits",
    "Markdown",
    "identifiers with punctuation",
)


@dataclass(frozen=True, kw_only=True)
class AnalysisOptions:
    """What to compute.

    Attributes:
        tables: keyword tables by language.
        paper_tables: the paper's own lists.
        top: tokens listed for each start.
        draws: random token sets for each language.
        seed: of the random sets and the English control.
    """

    tables: Mapping[str, KeywordTable]
    paper_tables: Mapping[str, KeywordTable]
    top: int = 20
    draws: int = 1000
    seed: int = 0


def analyze(measurements: Sequence[Measurement], options: AnalysisOptions) -> ProbeResult:
    """Compute every metric of every model, and compare the others with the first."""
    first = measurements[0]
    return ProbeResult(
        provenance=first.provenance.model_copy(update={"seed": options.seed}),
        notes=[note for measurement in measurements for note in measurement.notes],
        random_draws=options.draws,
        models=[analyze_model(measurement, options) for measurement in measurements],
        against_first=[_against(first, other) for other in measurements[1:]],
    )


def analyze_model(measurement: Measurement, options: AnalysisOptions) -> ModelProbe:
    """Compute every metric of one model."""
    classes = classify(Pieces.of(measurement.vocabulary))
    languages = [
        language_record(measurement, classes, table, draws=options.draws, seed=options.seed)
        for table in options.tables.values()
    ]
    return ModelProbe(
        model=measurement.model,
        starts=_start_records(measurement, classes, options),
        classes=_class_masses(measurement, classes),
        paper=paper_metrics(measurement, classes, options.paper_tables),
        languages=languages,
        split_words_measured=all(language.split_mass is not None for language in languages),
    )


def _start_records(
    measurement: Measurement, classes: TokenClasses, options: AnalysisOptions
) -> list[StartRecord]:
    vocabulary, rows = measurement.vocabulary, measurement.rows
    words = {word for table in options.tables.values() for word in table.words()}
    sets = TokenSets(
        rows.shape[1],
        {
            "padding": classes.ids(TokenClass.UNUSED),
            "control": classes.ids(TokenClass.CONTROL),
            "keywords": sorted(set(bare_tokens(vocabulary, words).values())),
        },
    )
    lookup = sets.look_up(rows, top=options.top)
    records = []
    for i, start in enumerate(measurement.starts):
        log_p = rows[i, lookup.top[i]].astype(np.float64) - lookup.log_sum_exp[i]
        entropy = float(lookup.entropy[i] / np.log(2))
        records.append(
            StartRecord(
                name=start.name,
                ids=list(start.ids),
                pieces=[piece_text(vocabulary.piece(token)) for token in start.ids],
                reason=start.reason,
                entropy_bits=entropy,
                effective_tokens=2.0**entropy,
                padding_mass=float(lookup.sets["padding"].mass[i]),
                control_mass=float(lookup.sets["control"].mass[i]),
                keyword_mass=float(lookup.sets["keywords"].mass[i]),
                js_to_first_bits=_divergences(rows[0], rows[i])[0] if i else 0.0,
                top=[
                    token_probability(
                        vocabulary.piece(int(token)),
                        token=int(token),
                        log_probability=float(log_p[n]),
                        rank=n + 1,
                    )
                    for n, token in enumerate(lookup.top[i])
                ],
            )
        )
    return records


def _class_masses(measurement: Measurement, classes: TokenClasses) -> list[ClassMass]:
    named = {name: _ids(classes, name) for name in CODE_CLASSES}
    lookup = TokenSets(measurement.rows.shape[1], named).look_up(measurement.rows[:1])
    return [
        ClassMass(
            name=name,
            n_tokens=len(found.ids),
            mass=float(found.mass[0]),
            best_rank=int(found.best_rank[0]),
        )
        for name, found in lookup.sets.items()
    ]


def _ids(classes: TokenClasses, name: str) -> npt.NDArray[np.int64]:
    return classes.sets[name]


def _against(first: Measurement, other: Measurement) -> TokenLevelComparison:
    refused = None
    if first.model.vocabulary_sha256 != other.model.vocabulary_sha256:
        refused = "the vocabularies differ: equal ids do not mean equal tokens"
    elif first.starts[0].ids != other.starts[0].ids:
        refused = "the models start from different tokens"
    if refused is not None:
        return TokenLevelComparison(
            model=other.model.path, js_bits=None, kl_bits=None, refused=refused
        )
    js_bits, kl_bits = _divergences(first.rows[0], other.rows[0])
    return TokenLevelComparison(
        model=other.model.path, js_bits=js_bits, kl_bits=kl_bits, refused=None
    )


def _divergences(p: npt.NDArray[np.float32], q: npt.NDArray[np.float32]) -> tuple[float, float]:
    """Return Jensen-Shannon divergence and KL(P || Q), in bits."""
    pair = pair_statistics(p[None], q[None], [0])[0]
    return float(pair["jensen_shannon"]) / math.log(2), float(pair["kl"]) / math.log(2)
