"""The pictures of a comparison or a sweep, and its most changed passages."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pyengine.choose.scale import kl_floor
from pyengine.choose.verdicts import (
    by_size,
    divergence,
    infinite_tokens,
    reference_of,
    smaller_and_closer,
)
from pyengine.report.charts import Chart, Point, Series
from pyengine.report.document import Block, Passage, PassageToken, Picture, Section
from pyengine.report.numbers import percent, significant, size_unit
from pyengine.report.pieces import place_words, visible
from pyengine.report.sweep_view import variant_labels
from pyengine.report.words import member_name, picture
from pyengine.run.measurement import Measurement
from pyengine.run.pivot import pivot
from pyengine.run.record import Run

MOST_PANELS = 21
MOST_TOKENS = 6
MOST_SERIES = 6
MOST_OPEN = 3


def comparison_pictures(run: Run) -> tuple[Block, ...]:
    """Return the pictures that the record has data for, then the passages."""
    ordered = [reference_of(run).id, *by_size(run)]
    labels = picture_labels(run)
    known = [variant for variant in ordered if divergence(run, variant)]
    pictures: list[Block] = []
    if known:
        pictures.append(_size_against_kl(run, known, labels))
        for dimension in ("language", "class"):
            rows = [row for row in run.select("kl", dimension=dimension) if row.model in known]
            if rows := [row for row in rows if len(row.members) == 1]:
                pictures.append(_heatmap(rows, known, labels, dimension))
        if run.select("kl", dimension="position"):
            pictures.append(_by_position(run, known, labels))
        pictures += _arithmetic(run, known, labels)
        if run.select("kl", dimension="quantile"):
            pictures.append(_distribution(run, known, labels))
    if run.shown("cold-start"):
        pictures.append(_cold_starts(run, ordered, labels))
    if by_language(run, "keyword_mass", ordered, start="cold"):
        pictures.append(_keyword_masses(run, ordered, labels))
    if by_language(run, "keyword_mass_change", known):
        pictures.append(_keyword_changes(run, known, labels))
    passages = [variant for variant in known if run.shown("passage", variant)]
    if passages:
        folded = len(known) > MOST_OPEN
        sections = tuple(_passages(run, variant, folded=folded) for variant in passages)
        pictures.append(Section("Where it changed most", sections))
    return tuple(pictures)


def picture_labels(run: Run) -> dict[str, str]:
    """Return short names: a picture has little room, so what all names begin with is left out."""
    source = reference_of(run).id
    labels = variant_labels(run)
    names = [label for variant, label in labels.items() if variant != source]
    common, hyphen, _ = os.path.commonprefix(names).rpartition("-")
    if len(set(names)) > 1 and f"{common}{hyphen}" not in names:
        labels = {variant: label.removeprefix(common + hyphen) for variant, label in labels.items()}
    role = "source" if run.command == "sweep" else "reference"
    return {**labels, source: f"{source} ({role})"}


def _size_against_kl(run: Run, known: Sequence[str], labels: Mapping[str, str]) -> Picture:
    unit, name = size_unit(max(run.model(variant).file_bytes for variant in known))
    behind = smaller_and_closer(run).keys() | infinite_tokens(run).keys()
    picked = next((f["chosen"] for f in run.shown("choice") if f["chosen"] in known), None)
    points = []
    for variant in known:
        kl = divergence(run, variant)
        assert kl is not None
        x = run.model(variant).file_bytes / unit
        low, front = max(kl.low, 0.0), variant not in behind
        floor = kl_floor(run, variant) or None
        of_file = Point(labels[variant], x, kl.value, low, kl.high, on_front=front, floor=floor)
        points.append(replace(of_file, chosen=variant == picked))
    chart = Chart(
        kind="scatter",
        x_label=f"size [{name}]",
        y_label="KL divergence [nats per token]",
        points=tuple(points),
        log=True,
    )
    floors = [point.floor for point in points if point.floor]
    least, most = min(floors, default=None), max(floors, default=None)
    return picture("size-kl", chart, least=least, most=most, picked=labels.get(picked or ""))


def _arithmetic(run: Run, known: Sequence[str], labels: Mapping[str, str]) -> list[Block]:
    """Show of every divergence how much of it the order of computation alone explains."""
    found = []
    for variant in known:
        whole, beyond = divergence(run, variant), run.find("kl_beyond_arithmetic", variant)
        if whole and beyond and whole.value > 0:
            found.append((labels[variant], whole, whole.value - beyond.value))
    if not any(noise > 0 for *_, noise in found):
        return []
    noises = tuple(noise if noise > 0 else None for *_, noise in found)
    chart = Chart(
        kind="dots",
        x_label="KL divergence [nats per token]",
        categories=tuple(label for label, *_ in found),
        series=(
            Series.of("from the reference", [whole for _, whole, _ in found]),
            Series("of it arithmetic", noises),
        ),
        log=True,
    )
    return [picture("arithmetic", chart)]


def _heatmap(
    parts: list[Measurement], known: Sequence[str], labels: Mapping[str, str], dimension: str
) -> Picture:
    ordered = sorted(parts, key=lambda row: known.index(row.model))
    laid = pivot(ordered, rows="model", columns=dimension)
    series = tuple(
        Series(
            labels[variant],
            tuple(values),
            texts=tuple("" if v is None else significant(v, 2) for v in values),
        )
        for variant, values in zip(laid.rows, laid.values(), strict=True)
    )
    label = "mean KL divergence [nats per token]"
    names = tuple(member_name(dimension, member) for member in laid.columns)
    chart = Chart(kind="heatmap", x_label=label, categories=names, series=series, log=True)
    return picture(f"by-{dimension}", chart)


def _by_position(run: Run, known: Sequence[str], labels: Mapping[str, str]) -> Picture:
    curves, end = [], 0
    for variant in known:
        rows = [r for r in run.select("kl", model=variant, dimension="position") if r.value > 0]
        places = [tuple(map(int, row.members["position"].split("–"))) for row in rows]
        end = max(end, *(last for _, last in places))
        xs = tuple((first * last) ** 0.5 for first, last in places)
        curve = replace(Series.of(labels[variant], rows), xs=xs)
        # On a logarithmic scale a band has to end above nothing.
        least = min((row.value for row in rows), default=1.0) / 10
        lows = tuple(max(least, low) if low is not None else None for low in curve.lows)
        whole = None not in (*lows, *curve.highs)
        curves.append(replace(curve, lows=lows if whole else (), highs=curve.highs))
    chart = Chart(
        kind="lines",
        x_label="token of the context",
        y_label="KL divergence [nats]",
        series=tuple(curves),
        log=True,
        log_y=True,
    )
    return picture("by-position", chart, end=end)


def _distribution(run: Run, known: Sequence[str], labels: Mapping[str, str]) -> Picture:
    curves = []
    for variant in known:
        rows = run.select("kl", model=variant, dimension="quantile")
        points = sorted((r.value, float(r.members["quantile"])) for r in rows if r.value > 0)
        xs, ys = tuple(x for x, _ in points), tuple(y for _, y in points)
        curves.append(Series(labels[variant], ys, xs=xs))
    chart = Chart(
        kind="lines",
        x_label="KL divergence [nats]",
        y_label="share of tokens",
        series=tuple(curves),
        log=True,
    )
    return picture("distribution", chart)


def _cold_starts(run: Run, ordered: Sequence[str], labels: Mapping[str, str]) -> Picture:
    found = [
        (variant, content["top"][:MOST_TOKENS])
        for variant in ordered
        for content in run.shown("cold-start", variant)
    ]
    panels = tuple(
        Series(
            labels[variant],
            tuple(choice["probability"] for choice in top),
            texts=tuple(visible(choice["text"]) for choice in top),
        )
        for variant, top in found[:MOST_PANELS]
    )
    left_out = len(found) - len(panels) or None
    chart = Chart(kind="panels", x_label="probability", series=panels)
    return picture("cold-starts", chart, left_out=left_out)


def _keyword_changes(run: Run, known: Sequence[str], labels: Mapping[str, str]) -> Picture:
    rows = by_language(run, "keyword_mass_change", known)
    languages, series = _by_language(rows, known[:MOST_SERIES], labels)
    chart = Chart(
        kind="dots",
        x_label="change of probability",
        categories=languages,
        series=series,
        line=0.0,
    )
    left_out = len(known) - MOST_SERIES
    return picture("keyword-change", chart, left_out=left_out if left_out > 0 else None)


def _keyword_masses(run: Run, ordered: Sequence[str], labels: Mapping[str, str]) -> Picture:
    """Show the reference and the largest and smallest variant: more would hide one another."""
    rows = by_language(run, "keyword_mass", ordered, start="cold")
    measured = {row.model for row in rows}
    models = [variant for variant in ordered if variant in measured]
    languages, series = _by_language(rows, list(dict.fromkeys((*models[:2], models[-1]))), labels)
    marks = tuple(replace(one, lows=(), highs=()) for one in series)
    chart = Chart(kind="dots", x_label="probability", categories=languages, series=marks, log=True)
    return picture("keyword-mass", chart)


def by_language(run: Run, metric: str, models: Sequence[str], **members: str) -> list[Measurement]:
    """Return the measurements of a metric for each language, within the other members given."""
    return [
        row
        for row in run.select(metric, dimension="language")
        if row.model in models
        and {key: value for key, value in row.members.items() if key != "language"} == members
    ]


def _by_language(
    rows: Sequence[Measurement], models: Sequence[str], labels: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[Series, ...]]:
    """Return the languages' names, and what each model has for them."""
    known = {(row.model, row.members["language"]): row for row in rows}
    languages = tuple(dict.fromkeys(row.members["language"] for row in rows))
    return tuple(member_name("language", name) for name in languages), tuple(
        Series.of(labels[model], [known.get((model, language)) for language in languages])
        for model in models
    )


def _passages(run: Run, variant: str, *, folded: bool) -> Section:
    contents = run.shown("passage", variant)
    strongest = max(token["kl"] for content in contents for token in content["tokens"])
    shown = tuple(_passage(content, strongest) for content in contents)
    return Section(variant, shown, folded=folded)


def _passage(content: dict[str, Any], strongest: float) -> Passage:
    return Passage(
        f"{place_words(content)}, mean KL divergence {significant(content['mean_kl'])} nats",
        tuple(_token(token, strongest) for token in content["tokens"]),
    )


def _token(token: dict[str, Any], strongest: float) -> PassageToken:
    hint = (
        f"{visible(token['text'])}  KL {significant(token['kl'])} nats\n"
        f"reference: {_choices(token['reference_top'])}\n"
        f"variant: {_choices(token['variant_top'])}"
    )
    weight = token["kl"] / strongest if strongest > 0 else 0.0
    shown = PassageToken(token["text"], weight, hint)
    return replace(shown, text="⏎", ends_line=True) if token["text"] == "\n" else shown


def _choices(choices: Sequence[dict[str, Any]]) -> str:
    return "  ".join(f"{visible(c['text'])} {percent(c['probability'], 1)}" for c in choices)
