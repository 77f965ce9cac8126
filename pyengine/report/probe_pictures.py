"""The pictures of a probe: first tokens side by side, keyword mass with its controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyengine.report.charts import Bars, Dots, Panel, Panels, Series
from pyengine.report.document import Picture
from pyengine.report.probe_tables import ProbedModel, probed_models, shown
from pyengine.report.sentences import ALL_FORMS, BARE
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
    left_out = len(models) - len(panels)
    more = f" {left_out} more models are in the tables." if left_out > 0 else ""
    return Picture(
        "first-tokens",
        "What it wants to write first",
        f"The most probable first tokens at the first start.{more}",
        Panels(panels, "probability"),
    )


def _panel(title: str, start: Mapping[str, Any]) -> Panel:
    top = start["top"][:_TOP]
    return Panel(title, tuple(map(shown, top)), tuple(token["probability"] for token in top))


def _starts(model: ProbedModel) -> Picture:
    return Picture(
        "starts",
        "The same at every start",
        "One start is one sample: the first tokens after each start that the model supports.",
        Panels(
            tuple(_panel(start["name"], start) for start in model.starts[:_MOST_PANELS]),
            "probability",
        ),
    )


def _keyword_mass(model: ProbedModel) -> Picture:
    names = model.by_mass
    bare = tuple(model.value("form_mass", language=name, form="bare") for name in names)
    english = tuple(model.value("english_mass", language=name) for name in names)
    random = [model.row("random_mass", language=name) for name in names]
    return Picture(
        "keyword-mass",
        "Probability on keywords, by language",
        f"Each language's keywords at the natural start ({BARE}; {ALL_FORMS}), "
        "beside English words matched to the bare ones in length and token id. The grey bar is "
        "what random token sets as large as the bare set hold: mean to 97.5 % quantile. Where a "
        "mark is missing, that set has no token.",
        Dots(
            tuple(model.languages[name] for name in names),
            (
                Series("all forms", tuple(model.mass(name) for name in names)),
                Series("bare", bare),
                Series("matched English words", english),
                Series(
                    "random sets",
                    (None,) * len(names),
                    tuple((row.value or None) if row else None for row in random),
                    tuple((row.high or None) if row else None for row in random),
                ),
            ),
            "probability",
        ),
    )


def _masses_side_by_side(models: Sequence[ProbedModel]) -> Picture:
    languages = models[0].languages
    series = tuple(
        Series(model.label, tuple(model.mass(name) for name in languages)) for model in models
    )
    return Picture(
        "keyword-mass",
        "Probability on keywords, by language and model",
        f"Each language's keywords at the first start, {ALL_FORMS}.",
        Dots(tuple(languages.values()), series, "probability"),
    )


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
    return Picture(
        "coverage",
        "Keywords that the tokenizer keeps whole",
        "Share of each language's keywords that are one bare token.",
        Bars(tuple(languages.values()), series, "share of keywords"),
    )
