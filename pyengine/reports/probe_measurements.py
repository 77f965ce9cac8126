"""The measurements of a probe, one row each."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

from pyengine.probes.records import LanguageRecord, ModelProbe, PaperMetrics, ProbeResult
from pyengine.reports.measurements import Measurement


def measurements(result: ProbeResult) -> Iterator[Measurement]:
    """Yield the starts, languages, classes and the paper's metrics of every model."""
    for probe in result.models:
        yield from _model(probe)


def _model(probe: ModelProbe) -> Iterator[Measurement]:
    row = partial(
        Measurement,
        "probe",
        probe.model.name,
        probe.model.sha256,
        probe.model.file_type,
        "",
    )
    for start in probe.starts:
        yield row("start", start.name, "entropy", "bit", start.entropy_bits)
        yield row("start", start.name, "keyword_mass_bare", "probability", start.keyword_mass)
        yield row("start", start.name, "padding_mass", "probability", start.padding_mass)
        yield row("start", start.name, "control_mass", "probability", start.control_mass)
        yield row("start", start.name, "js_to_first", "bit", start.js_to_first_bits)
    for language in probe.languages:
        for metric, unit, value in _language(language):
            if value is not None:
                yield row("language", language.language, metric, unit, value)
    for token_class in probe.classes:
        yield row("class", token_class.name, "mass", "probability", token_class.mass)
    for metric, unit, value in _paper(probe.paper):
        yield row("paper", probe.paper.collection, metric, unit, value)


def _language(language: LanguageRecord) -> Iterator[tuple[str, str, float | None]]:
    coverage = language.n_single_token / language.n_words if language.n_words else math.nan
    yield "coverage", "share", coverage
    yield "keyword_mass_all_forms", "probability", language.mass
    for variant in language.variants:
        yield f"keyword_mass_{variant.variant}", "probability", variant.mass
    yield "keyword_mass_bare_and_split", "probability", language.bare_and_split_mass
    yield "geometric_mean", "probability", language.geometric_mean
    yield "english_control_mass", "probability", language.control_mass
    yield "odds_ratio", "ratio", language.odds_ratio
    yield "random_set_mass_mean", "probability", language.random_mean
    yield "random_set_mass_q975", "probability", language.random_q975
    yield "random_set_p", "probability", language.random_p


def _paper(paper: PaperMetrics) -> Iterator[tuple[str, str, float]]:
    yield "pkp", "probability", paper.pkp
    yield "kap", "probability", paper.kap
    yield "stp", "probability", paper.stp
    yield "nlp", "probability", paper.nlp
    yield "coverage", "share", paper.coverage
