"""The pictures of a probe: first tokens side by side, keyword mass with its controls."""

from __future__ import annotations

from pyengine.probes.records import LanguageRecord, ModelProbe, ProbeResult, StartRecord
from pyengine.reports.charts import Bars, Dots, Panel, Panels, Series
from pyengine.reports.keyword_forms import ALL_FORMS, BARE
from pyengine.reports.probe_tables import labels, shown
from pyengine.reports.tables import Picture

_TOP = 10
_MOST_PANELS = 12


def probe_pictures(result: ProbeResult) -> tuple[Picture, ...]:
    """Return the pictures of one probe or of several models side by side."""
    if len(result.models) > 1:
        return (_first_tokens(result), _masses_side_by_side(result), _coverage(result))
    probe = result.models[0]
    starts = (_starts(probe),) if len(probe.starts) > 1 else ()
    return (_first_tokens(result), *starts, _keyword_mass(probe), _coverage(result))


def _first_tokens(result: ProbeResult) -> Picture:
    named = zip(labels(result.models), result.models, strict=True)
    panels = tuple(_panel(label, probe.starts[0]) for label, probe in [*named][:_MOST_PANELS])
    left_out = len(result.models) - len(panels)
    more = f" {left_out} more models are in the tables." if left_out > 0 else ""
    return Picture(
        "first-tokens",
        "What it wants to write first",
        f"The most probable first tokens at the first start.{more}",
        Panels(panels, "probability"),
    )


def _panel(title: str, start: StartRecord) -> Panel:
    top = start.top[:_TOP]
    return Panel(
        title,
        tuple(map(shown, top)),
        tuple(token.probability for token in top),
    )


def _starts(probe: ModelProbe) -> Picture:
    return Picture(
        "starts",
        "The same at every start",
        "One start is one sample: the first tokens after each start that the model supports.",
        Panels(
            tuple(_panel(start.name, start) for start in probe.starts[:_MOST_PANELS]),
            "probability",
        ),
    )


def _keyword_mass(probe: ModelProbe) -> Picture:
    languages = sorted(probe.languages, key=lambda language: -language.mass)
    return Picture(
        "keyword-mass",
        "Probability on keywords, by language",
        f"Each language's keywords at the natural start ({BARE}; {ALL_FORMS}), "
        "beside English words matched to the bare ones in length and token id. The grey bar is "
        "what random token sets as large as the bare set hold: mean to 97.5 % quantile. Where a "
        "mark is missing, that set has no token.",
        Dots(
            tuple(language.title for language in languages),
            (
                Series("all forms", tuple(language.mass for language in languages)),
                Series("bare", tuple(_bare_mass(language) for language in languages)),
                Series("matched English words", tuple(lang.control_mass for lang in languages)),
                Series(
                    "random sets",
                    (None,) * len(languages),
                    tuple(language.random_mean or None for language in languages),
                    tuple(language.random_q975 or None for language in languages),
                ),
            ),
            "probability",
        ),
    )


def _bare_mass(language: LanguageRecord) -> float:
    return sum(variant.mass for variant in language.variants if variant.variant == "bare")


def _masses_side_by_side(result: ProbeResult) -> Picture:
    titles = tuple(language.title for language in result.models[0].languages)
    series = tuple(
        Series(label, tuple(language.mass for language in probe.languages))
        for label, probe in zip(labels(result.models), result.models, strict=True)
    )
    return Picture(
        "keyword-mass",
        "Probability on keywords, by language and model",
        f"Each language's keywords at the first start, {ALL_FORMS}.",
        Dots(titles, series, "probability"),
    )


def _coverage(result: ProbeResult) -> Picture:
    """Show coverage once for each vocabulary."""
    vocabularies = {probe.model.vocabulary_sha256: probe for probe in result.models}
    series = tuple(
        Series(
            f"{probe.model.name} ({probe.model.n_vocab:,} tokens)",
            tuple(
                language.n_single_token / language.n_words if language.n_words else None
                for language in probe.languages
            ),
        )
        for probe in vocabularies.values()
    )
    titles = tuple(language.title for language in result.models[0].languages)
    return Picture(
        "coverage",
        "Keywords that the tokenizer keeps whole",
        "Share of each language's keywords that are one bare token.",
        Bars(titles, series, "share of keywords"),
    )
