"""The pictures of a probe: first tokens side by side, keyword mass with its controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyengine.report.charts import Chart, Series
from pyengine.report.document import Picture
from pyengine.report.probed import ProbedModel, probed_models, shown
from pyengine.report.words import picture
from pyengine.run.record import Run

_TOP = 10
_MOST_PANELS = 12


def probe_pictures(run: Run) -> tuple[Picture, ...]:
    """Return the pictures of one probe or of several models side by side."""
    models = probed_models(run)
    if len(models) > 1:
        return (_first_tokens(models), _masses_side_by_side(models), _coverage(models))
    model = models[0]
    starts = (_starts(model),) if len(model.starts) > 1 else ()
    return (_first_tokens(models), *starts, _keyword_mass(model), _coverage(models))


def _first_tokens(models: Sequence[ProbedModel]) -> Picture:
    panels = tuple(_panel(model.label, model.starts[0]) for model in models[:_MOST_PANELS])
    left_out = len(models) - len(panels) or None
    chart = Chart(kind="panels", x_label="probability", series=panels)
    return picture("first-tokens", chart, left_out=left_out)


def _panel(title: str, start: Mapping[str, Any]) -> Series:
    top = start["top"][:_TOP]
    return Series(title, tuple(token["probability"] for token in top), texts=tuple(map(shown, top)))


def _starts(model: ProbedModel) -> Picture:
    panels = tuple(_panel(start["name"], start) for start in model.starts[:_MOST_PANELS])
    return picture("starts", Chart(kind="panels", x_label="probability", series=panels))


def _keyword_mass(model: ProbedModel) -> Picture:
    names = model.by_mass
    bare = tuple(model.value("form_mass", language=name, form="bare") for name in names)
    compared = tuple(model.value("matched_mass", language=name) for name in names)
    english = tuple(model.value("english_mass", language=name) for name in names)
    random = [model.row("random_mass", language=name) for name in names]
    series = (
        Series("all forms", tuple(model.mass(name) for name in names)),
        Series("bare", bare),
        Series("compared", compared),
        Series("English words like them", english),
        Series(
            "random sets",
            (None,) * len(names),
            tuple((row.value or None) if row else None for row in random),
            tuple((row.high or None) if row else None for row in random),
        ),
    )
    return _by_language("probe-mass", [model.languages[name] for name in names], series)


def _masses_side_by_side(models: Sequence[ProbedModel]) -> Picture:
    languages = models[0].languages
    series = tuple(
        Series(model.label, tuple(model.mass(name) for name in languages)) for model in models
    )
    return _by_language("probe-masses", list(languages.values()), series)


def _by_language(code: str, languages: Sequence[str], series: tuple[Series, ...]) -> Picture:
    chart = Chart(
        kind="dots", x_label="probability", categories=tuple(languages), series=series, log=True
    )
    return picture(code, chart, name="keyword-mass")


def _coverage(models: Sequence[ProbedModel]) -> Picture:
    """Show coverage once for each vocabulary."""
    languages = models[0].languages
    vocabularies = {model.info.vocabulary_sha256: model for model in models}
    series = tuple(
        Series(
            f"{model.info.name} ({model.info.n_vocab:,} tokens)",
            tuple(model.value("coverage", language=name, form="bare") for name in languages),
        )
        for model in vocabularies.values()
    )
    titles = tuple(languages.values())
    chart = Chart(kind="bars", x_label="share of keywords", categories=titles, series=series)
    return picture("probe-coverage", chart, name="coverage")
