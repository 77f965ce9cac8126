"""The pictures of `pyengine vocab`: coverage and tokens spent, by language."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyengine.reports.charts import Bars, Heatmap, Series
from pyengine.reports.names import file_name
from pyengine.reports.numbers import fixed
from pyengine.reports.tables import Picture
from pyengine.reports.vocab_comparison import labels
from pyengine.vocabulary.records import CoverageRecord, VocabResult, VocabularyRecord

_MOST_BARS = 4


def vocab_pictures(result: VocabResult) -> tuple[Picture, ...]:
    """Return coverage and fertility by language: bars for few tokenizers, else a heat map."""
    titles = tuple(c.title for c in _coverage(result.models[0]))
    coverage = [tuple(c.bare / c.words for c in _coverage(model)) for model in result.models]
    pictures = [
        _picture(
            result,
            "coverage",
            "Keywords that are one bare token",
            f"Share of each language's keywords, {result.models[0].collections[0].name} "
            "collection, that the tokenizer keeps whole.",
            "share of keywords",
            titles,
            coverage,
            lambda share: fixed(100 * share, 0),
            unit=" [%]",
        )
    ]
    if all(m.fertility and all(f.tokens for f in m.fertility) for m in result.models):
        languages = tuple(f.title for f in result.models[0].fertility)
        spent = [
            tuple(f.tokens_per_1000_bytes or 0.0 for f in model.fertility)
            for model in result.models
        ]
        pictures.append(
            _picture(
                result,
                "fertility",
                "Tokens spent on code",
                f"Tokens per 1,000 bytes of each language; fewer is denser. Text: {result.corpus}.",
                "tokens per 1,000 bytes",
                languages,
                spent,
                lambda tokens: fixed(tokens, 0),
            )
        )
    return tuple(pictures)


def _coverage(model: VocabularyRecord) -> list[CoverageRecord]:
    """Return the coverage over all classes of words, once for each language."""
    return [c for c in model.collections[0].languages if c.word_class == "all" and c.words]


def _picture(
    result: VocabResult,
    name: str,
    title: str,
    caption: str,
    label: str,
    languages: tuple[str, ...],
    values: Sequence[tuple[float, ...]],
    write: Callable[[float], str],
    *,
    unit: str = "",
) -> Picture:
    """Draw bars, or a heat map whose cells are written in a unit of their own."""
    names = _names(result)
    if len(names) <= _MOST_BARS:
        series = tuple(Series(n, row) for n, row in zip(names, values, strict=True))
        return Picture(name, title, caption, Bars(languages, series, label))
    texts = tuple(tuple(write(value) for value in row) for row in values)
    return Picture(
        name, title, caption, Heatmap(tuple(names), languages, tuple(values), texts, label + unit)
    )


def _names(result: VocabResult) -> list[str]:
    """Name the models as the tables do: by letter and file; one alone by its own name."""
    if len(result.models) == 1:
        return [result.models[0].name]
    named = zip(labels(result), result.models, strict=True)
    return [
        f"{letter} {file_name(model.path, model.name).removesuffix('.gguf')}"
        for letter, model in named
    ]
