"""The pictures of `pyengine vocab`: coverage and tokens spent, by language."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyengine.report.charts import Chart, Series
from pyengine.report.document import Picture
from pyengine.report.numbers import fixed
from pyengine.report.pieces import file_name
from pyengine.report.vocab_found import Found, Words, found_of, labels
from pyengine.report.words import picture
from pyengine.run.record import Run

_MOST_BARS = 4


def vocab_pictures(run: Run) -> tuple[Picture, ...]:
    """Return coverage and fertility by language: bars for few tokenizers, else a heat map."""
    models = found_of(run)
    whole = [[part for part in found.languages() if part.words] for found in models]
    label = f"share of keywords{'' if len(models) <= _MOST_BARS else ' [%]'}"
    chart = _chart(models, label, whole, "coverage", lambda v: fixed(100 * v, 0), form="bare")
    collection = models[0].collection
    pictures = [picture("vocab-coverage", chart, name="coverage", collection=collection)]
    texts = [found.texts() for found in models]
    if all(part and all(text.tokens for text in part) for part in texts):
        chart = _chart(
            models, "tokens per 1,000 bytes", texts, "tokens_per_1000_bytes", lambda v: fixed(v, 0)
        )
        origin = models[0].text_origin
        pictures.append(picture("vocab-fertility", chart, name="fertility", origin=origin))
    return tuple(pictures)


def _chart(
    models: Sequence[Found],
    label: str,
    parts: Sequence[Sequence[Words]],
    metric: str,
    write: Callable[[float], str],
    **members: str,
) -> Chart:
    """Draw a number of each language: bars, or a heat map of many tokenizers."""
    series = []
    for name, row in zip(_names(models), parts, strict=True):
        values = tuple(part.value(metric, **members) or 0.0 for part in row)
        series.append(Series(name, values, texts=tuple(map(write, values))))
    return Chart(
        kind="bars" if len(models) <= _MOST_BARS else "heatmap",
        x_label=label,
        categories=tuple(part.title for part in parts[0]),
        series=tuple(series),
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
