"""The pictures of a comparison, and its most changed passages."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from pyengine.comparison.records import (
    Choice,
    ComparisonResult,
    GroupRecord,
    PassageRecord,
    PassageToken,
    VariantRecord,
)
from pyengine.reports.charts import (
    Curve,
    Dots,
    Heatmap,
    Lines,
    Panel,
    Panels,
    Point,
    Scatter,
    Series,
)
from pyengine.reports.keyword_forms import ANY_SPACING
from pyengine.reports.numbers import percent, significant, size_unit
from pyengine.reports.pieces import visible
from pyengine.reports.tables import Block, Passage, Picture, Section
from pyengine.reports.tables import PassageToken as ShownToken

_MOST_PANELS = 12
_MOST_SERIES = 6
_MOST_OPEN = 3


def compare_pictures(result: ComparisonResult) -> tuple[Block, ...]:
    """Return the pictures that the record has data for, then the passages."""
    told = [variant for variant in result.variants if variant.overall is not None]
    shown = result.model_copy(update={"variants": briefly_named(result.variants)})
    kindred = [variant for variant in shown.variants if variant.overall is not None]
    pictures: list[Block] = []
    if kindred:
        pictures.append(_size_against_kl(shown, kindred))
        pictures += _heatmaps(kindred)
        pictures.append(_distribution(kindred))
    if any(variant.cold_variant_top for variant in result.variants):
        pictures.append(_cold_starts(shown))
    if any(variant.keywords for variant in kindred):
        pictures.append(_keyword_changes(kindred))
    folded = len(kindred) > _MOST_OPEN
    passages = [_passages(variant, folded=folded) for variant in told if variant.passages]
    if passages:
        pictures.append(Section("Where it changed most", tuple(passages)))
    return tuple(pictures)


def briefly_named(variants: Sequence[VariantRecord]) -> list[VariantRecord]:
    """Leave out what all names begin with, up to a hyphen: a picture has little room for names."""
    labels = [variant.label for variant in variants]
    common, hyphen, _ = os.path.commonprefix(labels).rpartition("-")
    if len(set(labels)) < 2 or f"{common}{hyphen}" in labels:
        return list(variants)
    return [v.model_copy(update={"label": v.label[len(common + hyphen) :]}) for v in variants]


def _size_against_kl(result: ComparisonResult, kindred: Sequence[VariantRecord]) -> Picture:
    points = []
    unit, name = size_unit(max(variant.model.file_bytes for variant in kindred))
    for variant in kindred:
        assert variant.overall is not None
        kl = variant.overall.kl.mean
        points.append(
            Point(
                variant.label,
                variant.model.file_bytes / unit,
                kl.value,
                max(kl.low, 0.0),
                kl.high,
            )
        )
    return Picture(
        "size-kl",
        "Size against divergence",
        "Lower and further left is better. Each mark is a file's mean KL divergence from the "
        "reference with its 95 % interval, clustered by document; the line joins those that no "
        "other file beats in both size and divergence. The null control, the reference against "
        "itself, is the dashed line, or is told below where it is far less than any mark.",
        Scatter(
            f"size [{name}]",
            "KL divergence [nats per token]",
            mark_front(points),
            log_y=True,
            floor=result.null.floors.get("kl") or None if result.null else None,
        ),
    )


def mark_front(points: Sequence[Point]) -> tuple[Point, ...]:
    """Mark the points that no other point beats in both directions."""

    def beaten(point: Point) -> bool:
        return any(
            other.x <= point.x and other.y <= point.y and (other.x, other.y) != (point.x, point.y)
            for other in points
        )

    return tuple(Point(p.label, p.x, p.y, p.low, p.high, on_front=not beaten(p)) for p in points)


def _heatmaps(kindred: Sequence[VariantRecord]) -> list[Block]:
    return [
        _heatmap(
            "by-language",
            "Divergence by language",
            "Mean KL divergence over each language's documents; a stronger colour is more, on a "
            "logarithmic scale.",
            kindred,
            lambda variant: variant.by_language,
        ),
        _heatmap(
            "by-class",
            "Divergence by class of token",
            "Mean KL divergence over the tokens that a parser puts into each class; a stronger "
            "colour is more, on a logarithmic scale.",
            kindred,
            lambda variant: variant.by_class,
        ),
    ]


def _heatmap(
    name: str,
    title: str,
    caption: str,
    kindred: Sequence[VariantRecord],
    pick: Callable[[VariantRecord], list[GroupRecord]],
) -> Picture:
    columns = tuple(dict.fromkeys(group.name for v in kindred for group in pick(v)))
    values = []
    for variant in kindred:
        means = {group.name: group.kl.value for group in pick(variant) if group.kl is not None}
        values.append(tuple(means.get(column) for column in columns))
    texts = tuple(tuple("" if v is None else significant(v, 2) for v in row) for row in values)
    return Picture(
        name,
        title,
        caption,
        Heatmap(
            tuple(variant.label for variant in kindred),
            columns,
            tuple(values),
            texts,
            "mean KL divergence [nats per token]",
            logarithmic=True,
        ),
    )


def _distribution(kindred: Sequence[VariantRecord]) -> Picture:
    curves = []
    for variant in kindred:
        assert variant.overall is not None
        quantiles = variant.overall.kl.quantiles
        points = sorted((value, float(level)) for level, value in quantiles.items() if value > 0)
        curves.append(
            Curve(variant.label, tuple(x for x, _ in points), tuple(y for _, y in points))
        )
    return Picture(
        "distribution",
        "Distribution of per-token divergence",
        "Share of tokens whose KL divergence is at most the value below, through the recorded "
        "quantiles. Curves further right changed more; the right end is the worst token.",
        Lines("KL divergence [nats]", "share of tokens", tuple(curves), log_x=True),
    )


def _cold_starts(result: ComparisonResult) -> Picture:
    shown = [variant for variant in result.variants if variant.cold_variant_top]
    panels = [_panel(f"{result.reference.name} (reference)", shown[0].cold_reference_top)]
    panels += [_panel(v.label, v.cold_variant_top) for v in shown[: _MOST_PANELS - 1]]
    more = len(shown) + 1 - len(panels)
    left_out = f" {more} more variants are in the record." if more > 0 else ""
    return Picture(
        "cold-starts",
        "Cold starts side by side",
        f"The most probable first tokens when nothing was asked.{left_out}",
        Panels(tuple(panels), "probability"),
    )


def _panel(title: str, top: Sequence[Choice]) -> Panel:
    return Panel(
        title,
        tuple(visible(choice.text) for choice in top),
        tuple(choice.probability for choice in top),
    )


def _keyword_changes(kindred: Sequence[VariantRecord]) -> Picture:
    measured = [variant for variant in kindred if variant.keywords]
    languages = tuple(keywords.language for keywords in measured[0].keywords)
    series = []
    for variant in measured[:_MOST_SERIES]:
        changes = {keywords.language: keywords.mass_change for keywords in variant.keywords}
        found = [changes.get(language) for language in languages]
        series.append(
            Series(
                variant.label,
                tuple(None if c is None else c.value for c in found),
                tuple(None if c is None else c.low for c in found),
                tuple(None if c is None else c.high for c in found),
            )
        )
    more = len(measured) - len(series)
    return Picture(
        "keyword-change",
        "Change of probability on keywords",
        "In each language's own documents: mean change of the probability of all its keyword "
        f"tokens ({ANY_SPACING}), with 95 % intervals clustered by document."
        + (f" {more} more variants are in the tables." if more > 0 else ""),
        Dots(languages, tuple(series), "change of probability", log_x=False, reference=0.0),
    )


def _passages(variant: VariantRecord, *, folded: bool) -> Section:
    strongest = max(token.kl for passage in variant.passages for token in passage.tokens)
    shown = tuple(_passage(passage, strongest) for passage in variant.passages)
    return Section(variant.label, shown, folded=folded)


def _passage(passage: PassageRecord, strongest: float) -> Passage:
    return Passage(
        f"{passage.document}, mean KL divergence {significant(passage.mean_kl)} nats",
        tuple(_shown(token, strongest) for token in passage.tokens),
    )


def _shown(token: PassageToken, strongest: float) -> ShownToken:
    single = token.text == "\n"
    hint = (
        f"{visible(token.text)}  KL {significant(token.kl)} nats\n"
        f"reference: {_choices(token.reference_top)}\n"
        f"variant: {_choices(token.variant_top)}"
    )
    return ShownToken(
        "⏎" if single else token.text,
        token.kl / strongest if strongest > 0 else 0.0,
        hint,
        ends_line=single,
    )


def _choices(choices: Sequence[Choice]) -> str:
    return "  ".join(f"{visible(c.text)} {percent(c.probability, 1)}" for c in choices)
