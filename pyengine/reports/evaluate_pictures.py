"""The pictures of an evaluation: what is solved, what parses, how likely the right code is."""

from __future__ import annotations

from collections.abc import Sequence

from pyengine.codegen.records import EvaluationResult, GroupRecord, IntervalRecord
from pyengine.reports.charts import Dots, Series
from pyengine.reports.tables import Picture


def evaluate_pictures(result: EvaluationResult) -> tuple[Picture, ...]:
    """Return the pictures of one model by language, or of several models side by side."""
    if len(result.models) > 1:
        names = tuple(f"{model.model.name} {model.model.file_type}" for model in result.models)
        groups = [model.total for model in result.models]
        what = "each model"
    else:
        groups = result.models[0].groups
        names = tuple(group.name for group in groups)
        what = "each language"
    return (_shares(names, groups, what), _likelihood(names, groups, what))


def _shares(names: tuple[str, ...], groups: Sequence[GroupRecord], what: str) -> Picture:
    series = (
        _series("tasks solved (pass@1)", [group.pass_at.get(1) for group in groups]),
        _series("answers that parse", [group.parse_share for group in groups]),
        _series("keywords first", [group.keyword_first for group in groups]),
    )
    return Picture(
        "code-shares",
        "What works, what parses, what comes first",
        f"Shares for {what}, with 95 % intervals over tasks.",
        Dots(names, series, "share", log_x=False),
    )


def _likelihood(names: tuple[str, ...], groups: Sequence[GroupRecord], what: str) -> Picture:
    series = _series("reference solutions", [group.reference_bits_per_byte for group in groups])
    return Picture(
        "code-likelihood",
        "How likely the right code is",
        f"Bits per byte of the reference solutions for {what}, with 95 % intervals over tasks; "
        "less is better.",
        Dots(names, (series,), "bits per byte", log_x=False),
    )


def _series(name: str, intervals: Sequence[IntervalRecord | None]) -> Series:
    def ends(field: str) -> tuple[float | None, ...]:
        values = (getattr(item, field) if item else None for item in intervals)
        return tuple(value if value == value else None for value in values)

    return Series(name, ends("value"), ends("low"), ends("high"))
