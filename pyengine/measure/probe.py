"""Probe models: what each wants to write when nothing was asked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from pyengine.measure.cold_rows import ColdRows, ProbeOptions
from pyengine.measure.exhibits import start_exhibit, table_exhibit
from pyengine.measure.found import Finding, beyond_trained, by_kind, measured
from pyengine.measure.keyword_mass import language_metrics, paper_metrics
from pyengine.measure.models import distinct
from pyengine.measure.observers import top_tokens
from pyengine.run.measurement import Measurement, group_of
from pyengine.run.record import Exhibit, Note, Run
from pyengine.statistics.rows import pair_statistics
from pyengine.vocabulary.controls import english_like_words
from pyengine.vocabulary.coverage import bare_tokens
from pyengine.vocabulary.keywords import load_tables
from pyengine.vocabulary.piece_features import PieceFeatures
from pyengine.vocabulary.token_classes import TokenClass, TokenClasses, classify
from pyengine.vocabulary.token_sets import Ids, TokenSets
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


def probe_run(decoded: Sequence[ColdRows], options: ProbeOptions) -> Run:
    """Compute every metric of every model, and set the others beside the first."""
    named = [
        replace(one, info=one.info.model_copy(update={"id": name}))
        for one, name in zip(decoded, distinct([d.info.id for d in decoded]), strict=True)
    ]
    found: list[Finding] = [table_exhibit(table) for table in options.tables.values()]
    for one in named:
        found += _model(one, options)
    for other in named[1:]:
        found += _beside_first(named[0], other)
    return Run(
        command="probe",
        options={"top": options.top, "draws": options.draws},
        provenance=named[0].provenance.model_copy(update={"seed": options.seed}),
        models=[one.info for one in named],
        **by_kind(found),
    )


def _model(decoded: ColdRows, options: ProbeOptions) -> Iterator[Finding]:
    classes = classify(PieceFeatures(Pieces.of(decoded.vocabulary)))
    yield from _starts(decoded, classes, options)
    english = english_like_words(decoded.vocabulary, {**load_tables("reference"), **options.tables})
    for table in options.tables.values():
        yield from language_metrics(
            decoded, classes, table, english, draws=options.draws, seed=options.seed
        )
    yield from _classes(decoded, classes)
    yield from paper_metrics(decoded, classes, options.paper_tables)
    known = decoded.strings.keys() | decoded.unspellable
    left = options.words() - known
    if len(bare_tokens(decoded.vocabulary, left)) < len(left):
        yield Note(code="split-words-not-measured", model=decoded.info.id)
    yield from beyond_trained([(decoded.info.id, decoded.info.n_ctx_train)], decoded.longest)


def _starts(
    decoded: ColdRows, classes: TokenClasses, options: ProbeOptions
) -> Iterator[Measurement | Exhibit]:
    """Yield what each start says."""
    vocabulary, rows, model = decoded.vocabulary, decoded.rows, decoded.info.id
    sets: dict[str, Ids] = {
        "padding": classes.ids(TokenClass.UNUSED),
        "control": classes.ids(TokenClass.CONTROL),
        "keywords": sorted(set(bare_tokens(vocabulary, options.words()).values())),
    }
    lookup = TokenSets(rows.shape[1], sets).look_up(rows)
    top = top_tokens(rows, lookup.log_sum_exp, options.top)
    for i, start in enumerate(decoded.starts):
        yield start_exhibit(model, start, top[i], vocabulary)
        members = {"start": start.name}
        for metric, value in (
            ("entropy", lookup.entropy[i]),
            ("effective_tokens", math.exp(lookup.entropy[i])),
            ("padding_mass", lookup.sets["padding"].mass[i]),
            ("control_mass", lookup.sets["control"].mass[i]),
        ):
            yield measured(model, metric, value, members=members)
        bare = lookup.sets["keywords"]
        form = {**members, "form": "bare"}
        yield measured(model, "form_mass", bare.mass[i], len(bare.ids), form)
        if i > 0:
            pair = pair_statistics(rows[:1], rows[i : i + 1], [0])[0]
            against = group_of({**members, "against": decoded.starts[0].name})
            value = float(pair["jensen_shannon"])
            yield Measurement("jensen_shannon", model, model, against, value)


def _classes(decoded: ColdRows, classes: TokenClasses) -> Iterator[Measurement]:
    named = {name: classes.sets[name] for name in CODE_CLASSES}
    lookup = TokenSets(decoded.rows.shape[1], named).look_up(decoded.rows[:1])
    row = partial(measured, decoded.info.id)
    for name, found in lookup.sets.items():
        members, n = {"class": name}, len(found.ids)
        yield row("class_mass", found.mass[0], n, members)
        if n:
            yield row("best_rank", found.best_rank[0], n, members)


def _beside_first(first: ColdRows, other: ColdRows) -> Iterator[Measurement | Note]:
    """Yield how far a model's first start is from the first model's, token by token."""
    why = ""
    if first.info.vocabulary_sha256 != other.info.vocabulary_sha256:
        why = "vocabulary"
    elif first.starts[0].ids != other.starts[0].ids:
        why = "start"
    elif first.rows.shape[1] != other.rows.shape[1]:
        why = "rows"
    if why:
        yield Note(code="not-compared", model=other.info.id, values={"why": why})
        return
    pair = pair_statistics(first.rows[:1], other.rows[:1], [0])[0]
    group = group_of({"start": other.starts[0].name})
    for metric in ("jensen_shannon", "kl"):
        yield Measurement(metric, other.info.id, first.info.id, group, float(pair[metric]))
