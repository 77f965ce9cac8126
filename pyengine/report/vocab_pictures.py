"""The pictures of `pyengine vocab`: coverage and tokens spent, by language."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyengine.report.charts import Bars, Heatmap, Series
from pyengine.report.document import Picture
from pyengine.report.numbers import fixed
from pyengine.report.pieces import file_name
from pyengine.report.vocab_found import Found, Part, found_of, labels
from pyengine.run.record import Run

_MOST_BARS = 4


def vocab_pictures(run: Run) -> tuple[Picture, ...]:
    """Return coverage and fertility by language: bars for few tokenizers, else a heat map."""
    models = found_of(run)
    titles = tuple(part.title for part in _coverage(models[0]))
    coverage = [tuple(_share(part) for part in _coverage(found)) for found in models]
    pictures = [
        _picture(
            models,
            "coverage",
            "Keywords that are one bare token",
            f"Share of each language's keywords, {models[0].collection} collection, that the "
            "tokenizer keeps whole.",
            "share of keywords",
            titles,
            coverage,
            lambda share: fixed(100 * share, 0),
            unit=" [%]",
        )
    ]
    texts = [found.texts() for found in models]
    if all(part and all(text.tokens for text in part) for part in texts):
        spent = [
            tuple(text.value("tokens_per_1000_bytes") or 0.0 for text in part) for part in texts
        ]
        pictures.append(
            _picture(
                models,
                "fertility",
                "Tokens spent on code",
                f"Tokens per 1,000 bytes of each language; fewer is denser. Text: "
                f"{models[0].text_origin}.",
                "tokens per 1,000 bytes",
                tuple(text.title for text in texts[0]),
                spent,
                lambda tokens: fixed(tokens, 0),
            )
        )
    return tuple(pictures)


def _coverage(found: Found) -> list[Part]:
    """Return the coverage over all classes of words, once for each language."""
    return [part for part in found.languages() if part.words]


def _share(part: Part) -> float:
    return part.value("coverage", form="bare") or 0.0


def _picture(
    models: Sequence[Found],
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
    names = _names(models)
    if len(names) <= _MOST_BARS:
        series = tuple(Series(n, row) for n, row in zip(names, values, strict=True))
        return Picture(name, title, caption, Bars(languages, series, label))
    texts = tuple(tuple(write(value) for value in row) for row in values)
    return Picture(
        name, title, caption, Heatmap(tuple(names), languages, tuple(values), texts, label + unit)
    )


def _names(models: Sequence[Found]) -> list[str]:
    """Name the models as the tables do: by letter and file; one alone by its own name."""
    if len(models) == 1:
        return [models[0].info.name]
    named = zip(labels(models), (found.info for found in models), strict=True)
    return [
        f"{letter} {file_name(model.path, model.name).removesuffix('.gguf')}"
        for letter, model in named
    ]
