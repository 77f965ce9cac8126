"""The measurements of `pyengine vocab`, one row each."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from pyengine.reports.measurements import Measurement
from pyengine.vocabulary.records import CoverageRecord, VocabResult, VocabularyRecord


def measurements(result: VocabResult) -> Iterator[Measurement]:
    """Yield coverage, classes and fertility of every tokenizer; the hash is the vocabulary's."""
    for model in result.models:
        yield from _model(model)


def _model(model: VocabularyRecord) -> Iterator[Measurement]:
    row = partial(Measurement, "vocab", model.name, model.sha256, model.kind, "")
    yield row("vocabulary", "all", "size", "token", float(model.size))
    for token_class in model.classes:
        yield row("class", token_class.name, "tokens", "token", float(token_class.tokens))
        yield row("class", token_class.name, "share", "share", token_class.share)
    for collection in model.collections:
        for coverage in (*collection.languages, collection.union):
            member = f"{collection.name}/{coverage.language}/{coverage.word_class}"
            for metric, value in _coverage(coverage):
                if value is not None:
                    yield row("keywords", member, metric, "", value, n=coverage.words)
    for text in model.fertility:
        for metric, value in (
            ("tokens_per_1000_bytes", text.tokens_per_1000_bytes),
            ("bytes_per_token", text.bytes_per_token),
            ("tokens_per_line", text.tokens_per_line),
            ("tokens_per_keyword", text.tokens_per_keyword),
            ("indentation_share", text.indentation_share),
        ):
            if value is not None:
                yield row("language", text.language, metric, "", value, n=text.tokens)


def _coverage(coverage: CoverageRecord) -> Iterator[tuple[str, float | None]]:
    yield "words", float(coverage.words)
    yield "bare", float(coverage.bare)
    yield "space", float(coverage.space)
    yield "any_form", float(coverage.any_form)
    yield "id_mean", coverage.mean
    yield "id_median", coverage.median
    yield "id_maximum", None if coverage.maximum is None else float(coverage.maximum)
