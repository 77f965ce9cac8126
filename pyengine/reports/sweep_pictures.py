"""The pictures of a sweep."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyengine.reports.charts import Dots, Heatmap, Panel, Panels, Point, Scatter, Series
from pyengine.reports.keyword_forms import ANY_SPACING
from pyengine.reports.numbers import significant, size_unit
from pyengine.reports.pieces import visible
from pyengine.reports.tables import Block, Picture
from pyengine.sweep.records import PartRecord, SweepResult, SweepRow

_MOST_PANELS = 21
_MOST_TOKENS = 6


def sweep_pictures(result: SweepResult) -> tuple[Block, ...]:
    """Return the pictures that the rows have data for."""
    variants = [row for row in result.rows if row.kl is not None and not row.is_reference]
    pictures: list[Block] = []
    if variants:
        pictures.append(_size_against_kl(result, variants))
        pictures.append(
            _heatmap(
                "by-language",
                "Divergence by language",
                "Mean KL divergence over each language's documents; a stronger colour is "
                "more, on a logarithmic scale.",
                result,
                variants,
                lambda row: row.by_language,
            )
        )
        pictures.append(
            _heatmap(
                "by-class",
                "Divergence by class of token",
                "Mean KL divergence over the tokens that a parser puts into each class; a stronger "
                "colour is more, on a logarithmic scale.",
                result,
                variants,
                lambda row: row.by_class,
            )
        )
    started = [row for row in result.rows if row.cold_top]
    if started:
        pictures += [_cold_starts(result, started), _keyword_masses(result, started)]
    return tuple(pictures)


def short_name(row: SweepRow, result: SweepResult) -> str:
    """Return a variant's name without the source's, where it begins with it."""
    if row.is_reference:
        return f"{row.name} (source)"
    return row.name.removeprefix(f"{result.reference}-") or row.name


def _size_against_kl(result: SweepResult, variants: Sequence[SweepRow]) -> Picture:
    unit, name = size_unit(max(row.file_bytes for row in variants))
    points = [
        Point(
            short_name(row, result),
            row.file_bytes / unit,
            row.kl.value,
            max(row.kl.low, 0.0),
            row.kl.high,
            on_front=row.smaller_and_better is None,
        )
        for row in variants
        if row.kl is not None
    ]
    return Picture(
        "size-kl",
        "Size against divergence",
        "Lower and further left is better. Each mark is a file's mean KL divergence from the "
        "source with its 95 % interval, clustered by document; the line joins those that no other "
        "file beats in both size and divergence. The source against itself under another batch "
        "size is the dashed line, or is told below where it is far less than any mark.",
        Scatter(
            f"size [{name}]",
            "KL divergence [nats per token]",
            tuple(points),
            log_y=True,
            floor=result.floor or None,
        ),
    )


def _heatmap(
    name: str,
    title: str,
    caption: str,
    result: SweepResult,
    variants: Sequence[SweepRow],
    pick: Callable[[SweepRow], list[PartRecord]],
) -> Picture:
    columns = tuple(dict.fromkeys(part.name for row in variants for part in pick(row)))
    values = []
    for row in variants:
        means = {part.name: part.kl.value for part in pick(row)}
        values.append(tuple(means.get(column) for column in columns))
    texts = tuple(tuple("" if v is None else significant(v, 2) for v in row) for row in values)
    return Picture(
        name,
        title,
        caption,
        Heatmap(
            tuple(short_name(row, result) for row in variants),
            columns,
            tuple(values),
            texts,
            "mean KL divergence [nats per token]",
            logarithmic=True,
        ),
    )


def _cold_starts(result: SweepResult, started: Sequence[SweepRow]) -> Picture:
    panels = tuple(
        Panel(
            short_name(row, result),
            tuple(visible(choice.text) for choice in row.cold_top[:_MOST_TOKENS]),
            tuple(choice.probability for choice in row.cold_top[:_MOST_TOKENS]),
        )
        for row in started[:_MOST_PANELS]
    )
    more = len(started) - len(panels)
    left_out = f" The {more} smallest files are left out." if more > 0 else ""
    return Picture(
        "cold-starts",
        "Cold starts side by side",
        f"The most probable first tokens when nothing was asked.{left_out}",
        Panels(panels, "probability"),
    )


def _keyword_masses(result: SweepResult, started: Sequence[SweepRow]) -> Picture:
    """Show the source and the smallest and largest variant: more would hide one another."""
    variants = [row for row in started if not row.is_reference]
    ends = [variants[0], variants[-1]] if len(variants) > 1 else variants
    shown = [row for row in started if row.is_reference] + ends
    languages = tuple(shown[0].keyword_masses)
    return Picture(
        "keyword-mass",
        "Probability on keywords at the cold start",
        f"Each language's keywords ({ANY_SPACING}), in the source, the largest and the smallest "
        "variant.",
        Dots(
            languages,
            tuple(
                Series(
                    short_name(row, result),
                    tuple(row.keyword_masses.get(language) for language in languages),
                )
                for row in shown
            ),
            "probability",
        ),
    )
