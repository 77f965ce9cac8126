"""The measurements of a run as its tables read them, and how each is written."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pyengine.report.numbers import (
    at_most,
    count,
    fixed,
    interval,
    percent,
    percent_with_error,
    seconds,
    significant,
    size,
    with_error,
)
from pyengine.report.tables import MISSING, Cell, CellLike
from pyengine.run.floors import Floors
from pyengine.run.measurement import Measurement, group_of, members_of
from pyengine.run.metrics import METRICS, Metric
from pyengine.run.record import ModelInfo, Run


class Numbers:
    """The measurements of a run, and of runs of the same models, by metric, model and group.

    Args:
        others: runs whose measurements count where the first has none.

    Attributes:
        known: measurements of models alone and beside their reference.
        itself: those of models beside themselves, computed in another order.
    """

    def __init__(self, run: Run, *others: Run) -> None:
        self.run = run
        self.floors = Floors(run)
        self.known: dict[tuple[str, str, str], Measurement] = {}
        self.itself: dict[tuple[str, str, str], Measurement] = {}
        for info in run.models:
            sizes = {"size": float(info.file_bytes), "bits_per_weight": info.bits_per_weight}
            for metric, value in sizes.items():
                self.known[metric, info.id, ""] = Measurement(metric, info.id, "", "", value)
        for row in (row for part in (run, *others) for row in part.measurements):
            rows = self.itself if row.is_control else self.known
            rows.setdefault((row.metric, row.model, row.group), row)

    def find(self, metric: str, model: str, group: str = "") -> Measurement | None:
        """Return one measurement; None where there is none."""
        return self.known.get((metric, model, group))

    def floor(self, row: Measurement) -> float | None:
        """Return below what a measurement is arithmetic noise; None where that is not known."""
        return self.floors.of(row)

    def groups(
        self, metrics: Iterable[str], models: Iterable[str], dimensions: Sequence[str]
    ) -> list[str]:
        """Return the groups of some metrics that have the first of the dimensions, and no other."""
        metrics, models = set(metrics), set(models)
        found = dict.fromkeys(
            group
            for metric, model, group in self.known
            if metric in metrics and model in models and group
        )
        named = {group: members_of(group).keys() for group in found}
        return [g for g in found if dimensions[0] in named[g] and named[g] <= set(dimensions)]


class Part:
    """The measurements of one model within a group, and what else a row of a table tells of it."""

    def __init__(
        self,
        numbers: Numbers,
        model: str,
        members: Mapping[str, str] | None = None,
        **told: Any,  # noqa: ANN401 - a text, a number or a cell
    ) -> None:
        self.numbers = numbers
        self.model = model
        self.members = dict(members or {})
        self.told = told

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - a text, a number or a cell
        return self.told[name]

    @property
    def run(self) -> Run:
        """The run."""
        return self.numbers.run

    @property
    def info(self) -> ModelInfo:
        """The model."""
        return self.run.model(self.model)

    def row(self, metric: str, model: str = "", **members: str) -> Measurement | None:
        """Return a measurement, of another model where it is named; None where there is none."""
        group = group_of({**self.members, **members})
        return self.numbers.find(metric, model or self.model, group)

    def value(self, metric: str, **members: str) -> float | None:
        """Return a measured number; None where there is none."""
        row = self.row(metric, **members)
        return None if row is None else row.value

    def n(self, metric: str, **members: str) -> int:
        """Return of how many things a measurement is made; 0 where there is none."""
        row = self.row(metric, **members)
        return 0 if row is None else row.n

    def count(self, metric: str, **members: str) -> int:
        """Return how many of its n things a share is."""
        row = self.row(metric, **members)
        return round(row.value * row.n) if row is not None and row.n else 0

    def names(self, metric: str, dimension: str) -> list[str]:
        """Return the members of a dimension alone for which there is a number, in their order."""
        groups = self.numbers.groups([metric], [self.model], [dimension])
        return [members_of(group)[dimension] for group in groups]

    def measurement(self, column: Mapping[str, Any]) -> Measurement | None:
        """Return the measurement that a column of `tables.json` shows."""
        if column.get("itself"):
            group = group_of(self.members)
            return self.numbers.itself.get((column["metric"], self.model, group))
        reference = self.run.models[0].id if column.get("of_reference") else ""
        more = members_of(column.get("group", ""))
        return self.row(column["metric"], reference or column.get("model", ""), **more)

    def cell(self, column: Mapping[str, Any]) -> CellLike:
        """Write a measurement as a column of `tables.json` shows it."""
        row = self.measurement(column)
        known = row is not None and not column.get("itself")
        return measured_cell(row, column, self.numbers.floor(row) if row and known else None)


def cluster_name(run: Run) -> str:
    """Name what measurements are clustered by: windows, where there is one document only."""
    one = run.population is not None and run.population.n_scored_documents == 1
    return "window" if one else "document"


def measured_cell(
    row: Measurement | None, column: Mapping[str, Any], floor: float | None = None
) -> CellLike:
    """Write a measurement as a column shows it; at or below its floor, as no more than that.

    Its `part` is the "estimate" with its error, the "value" alone, its "interval", "value and
    interval", the "range" that it lies in, its "high" end, "n", the number of "clusters" such as
    documents, or what it is "of" n: 3/5.
    """
    if row is None or math.isnan(row.value):
        return None
    metric, value, part = METRICS[row.metric], row.value, column.get("part", "estimate")
    if part in ("n", "clusters"):
        number = row.n if part == "n" else row.n_clusters
        return Cell(count(number), number)
    if part == "of":
        return Cell(f"{round(value * row.n)}/{row.n}", value)
    if part == "interval":
        return Cell(written_interval(row, metric))
    if part == "range":
        if math.isnan(row.low):
            return Cell(significant(value), value)
        ends = f"{significant(row.low)}–{significant(row.high)}"
        return Cell(f"{significant(value)} ({ends})", value)
    if floor is not None and abs(value) <= floor:
        return Cell(at_floor(value, floor, metric), value, "dim")
    error = row.error if part == "estimate" and has_error(row, metric) else None
    value = row.high if part == "high" else value
    return Cell(written(value, metric, error, column.get("decimals")), value)


def written(value: float, metric: Metric, error: float | None, decimals: int | None = None) -> str:
    """Write a number in its metric's style; with its error where there is one."""
    style = metric.style
    if style == "points":
        value, error = 100 * value, None if error is None else 100 * error
    if style == "percent":
        if error is not None:
            return percent_with_error(value, error)
        return percent(value, decimals)
    if style in ("bytes", "count"):
        return size(int(value)) if style == "bytes" else count(round(value))
    if style == "seconds":
        return seconds(value)
    if error is not None:
        return with_error(value, error)
    return fixed(value, int(style[-1])) if style.startswith("fixed") else significant(value)


def at_floor(value: float, floor: float, metric: Metric) -> str:
    """Write `≤ floor`, or 0 where nothing differs."""
    scale = 100 if metric.style in ("points", "percent") else 1
    unit = " %" if metric.style == "percent" else ""
    return f"{at_most(scale * abs(value), scale * floor)}{unit}"


def written_interval(row: Measurement, metric: Metric) -> str:
    """Write both ends of an interval; divergences are not negative."""
    if math.isnan(row.low) or math.isnan(row.high):
        return MISSING
    least = 0.0 if metric.unit == "nats" and metric.better == "less" else -math.inf
    scale = 100 if metric.style in ("points", "percent") else 1
    return interval(scale * max(row.low, least), scale * row.high)


def has_error(row: Measurement, metric: Metric) -> bool:
    """Tell whether a number has a standard error, known or not; exact values have none."""
    if math.isfinite(row.error):
        return True
    return row.n_clusters > 0 and metric.estimator in ("mean", "mean_of_finite", "ratio")
