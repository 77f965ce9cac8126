"""The measurements of an evaluation, one row each."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from pyengine.codegen.records import (
    EvaluationResult,
    GroupRecord,
    IntervalRecord,
    ModelEvaluation,
)
from pyengine.reports.measurements import Measurement

UNITS = {
    "parse_share": "share",
    "error_nodes": "per_100_leaves",
    "reference_log_probability": "nat_per_token",
    "reference_bits_per_byte": "bit_per_byte",
    "keyword_first": "share",
    "keyword_rank": "rank",
    "repetition": "share",
    "empty_share": "share",
    "edit_similarity": "share",
}


def measurements(result: EvaluationResult) -> Iterator[Measurement]:
    """Yield every measure of every model: over all tasks, by language, and by difference."""
    reference = result.models[0].model.sha256 if result.paired else ""
    for model in result.models:
        yield from _model(model)
    for model, paired in zip(result.models[1:], result.paired, strict=False):
        for metric, interval in paired.difference.items():
            yield _row(model, reference, "difference", "all", metric, "", interval, paired.n_tasks)


def _model(model: ModelEvaluation) -> Iterator[Measurement]:
    row = partial(_row, model, "")
    for group in model.groups:
        name = ("all", "all") if group.name == "all" else ("language", group.name)
        for k, interval in group.pass_at.items():
            yield row(*name, f"pass_at_{k}", "share", interval, group.n_executed)
        for metric, unit in UNITS.items():
            yield row(*name, metric, unit, getattr(group, metric), _count(group, metric))


def _count(group: GroupRecord, metric: str) -> int:
    return group.n_keywords if metric.startswith("keyword") else group.n_tasks


def _row(
    model: ModelEvaluation,
    reference: str,
    group: str,
    member: str,
    metric: str,
    unit: str,
    interval: IntervalRecord,
    n: int,
) -> Measurement:
    return Measurement(
        "evaluate",
        model.model.name,
        model.model.sha256,
        model.model.file_type,
        reference,
        group,
        member,
        metric,
        unit,
        interval.value,
        interval.low,
        interval.high,
        n=n,
    )
