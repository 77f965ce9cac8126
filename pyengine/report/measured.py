"""Tables of measurements: which metrics, what the rows are, and how a number is written."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

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
from pyengine.report.tables import MISSING, Cell, CellLike, Column, Table, table
from pyengine.run.floors import Floors
from pyengine.run.measurement import Measurement, group_of, members_of
from pyengine.run.metrics import METRICS, Metric
from pyengine.run.record import ModelInfo, Run

Part: TypeAlias = Literal["estimate", "value", "interval", "range", "high", "n", "of"]
WHOLE = "all"
# Under this name stand the measurements of the reference beside itself.
CONTROL = "null control"
UNKNOWN_ERROR = "“± ?”: all of it comes from one document."


@dataclass(frozen=True, slots=True)
class Shown:
    """A column of measurements.

    Attributes:
        metric: its id.
        header: the metric's title where empty.
        drop: what gives way in a narrow terminal, see `Column`.
        group: the part of the data, in addition to that of the row.
        part: "estimate" with its error, "value" alone, its "interval", the "range" that it lies
            in, its "high" end, "n", the number of tokens, or what it is "of" them: 3/5.
        scale, unit: the number is multiplied by it, and its unit then.
        decimals: of per cent.
        of_reference: the reference's own number instead of the variant's.
    """

    metric: str
    header: str = ""
    drop: int = 0
    group: str = ""
    part: Part = "estimate"
    scale: float = 1.0
    unit: str | None = None
    decimals: int | None = None
    of_reference: bool = False

    @property
    def column(self) -> Column:
        """The column of a table."""
        metric = METRICS[self.metric]
        units = {"nats": "nats", "tokens/s": "tokens/s"}
        unit = self.unit or ("pp" if metric.style == "points" else units.get(metric.unit))
        if self.part in ("n", "interval"):
            unit = None
        return Column(self.header or metric.title, "right", unit, drop=self.drop)


@dataclass(frozen=True, slots=True)
class Told:
    """A column of words or facts: for each model what stands there."""

    header: str
    cells: Mapping[str, CellLike]
    drop: int = 0


@dataclass(frozen=True, slots=True)
class TableView:
    """A table of measurements as data.

    Attributes:
        rows: dimensions of the groups that the rows are, such as ("language",); empty where a
            row is a model.
        heads: header of each of them.
        names: what members are called, by their names in the record; with `order`, only these.
    """

    title: str
    columns: tuple[Shown | Told, ...]
    rows: tuple[str, ...] = ()
    heads: tuple[str, ...] = ("Variant",)
    names: Mapping[str, str] = field(default_factory=dict)
    order: bool = False
    notes: tuple[str, ...] = ()


class Cells:
    """The measurements of a run, and of runs of the same models, ready to be written."""

    def __init__(self, run: Run, *others: Run) -> None:
        self.run = run
        self.floors = Floors(run)
        self.known: dict[tuple[str, str, str], Measurement] = {}
        for info in run.models:
            for metric, value in (
                ("size", float(info.file_bytes)),
                ("bits_per_weight", info.bits_per_weight),
            ):
                self.known[metric, info.id, ""] = Measurement(metric, info.id, "", "", value)
        for row in (row for part in (run, *others) for row in part.measurements):
            if row.is_control and row.model != run.models[0].id:
                continue
            model = CONTROL if row.is_control else row.model
            self.known.setdefault((row.metric, model, row.group), row)

    def find(self, metric: str, model: str, group: str = "") -> Measurement | None:
        """Return one measurement; None where there is none."""
        return self.known.get((metric, model, group))

    def is_noise(self, row: Measurement) -> bool:
        """Tell whether a measurement does not rise above its noise floor."""
        return _is_noise(row, self.floors.of(row))

    def cell(self, row: Measurement | None, shown: Shown) -> CellLike:
        """Write a measurement as a column shows it."""
        return cell_of(row, shown, None if row is None else self.floors.of(row))

    def members(self, view: TableView, models: Sequence[str]) -> list[str]:
        """Return the groups that are the rows of a table, in the order of the record."""
        metrics = [shown.metric for shown in view.columns if isinstance(shown, Shown)]
        wanted = dict.fromkeys(models)
        found = dict.fromkeys(
            group
            for metric, model, group in self.known
            if metric in metrics and model in wanted and _fits(group, view.rows)
        )
        if view.order:
            groups = [group_of({view.rows[0]: name}) for name in view.names]
            return [group for group in groups if group in found]
        return list(found)

    def model_table(
        self, view: TableView, models: Sequence[str], labels: Mapping[str, str]
    ) -> Table:
        """Return a table whose rows are models."""
        rows = [
            [_head(variant, labels), *(self._of(c, variant, "") for c in view.columns)]
            for variant in models
        ]
        columns = [Column(view.heads[0]), *map(_column, view.columns)]
        return _table(view, columns, rows)

    def member_table(
        self, view: TableView, models: Sequence[str], labels: Mapping[str, str] | None = None
    ) -> Table | None:
        """Return a table whose rows are members of a dimension; None where there are none.

        Args:
            labels: of the models, in the headers; without them the table is of one model.
        """
        groups = self.members(view, models)
        if not groups:
            return None
        shown = [
            (c, variant)
            for variant in models
            for c in view.columns
            # What several models repeat keeps one count of tokens.
            if variant == models[0] or not _is_count(c)
        ]
        columns = list(map(Column, view.heads))
        for c, variant in shown:
            name = "" if labels is None or _is_count(c) else f" {labels[variant]}"
            columns.append(replace(_column(c), header=f"{_column(c).header}{name}"))
        rows = []
        for group in groups:
            members = members_of(group)
            names = [members.get(dimension, WHOLE) for dimension in view.rows]
            heads: list[CellLike] = [Cell(view.names.get(name, name), name) for name in names]
            rows.append([*heads, *(self._of(c, variant, group) for c, variant in shown)])
        return _table(view, columns, rows)

    def _of(self, column: Shown | Told, model: str, group: str) -> CellLike:
        if isinstance(column, Told):
            return column.cells.get(model)
        model = self.run.models[0].id if column.of_reference else model
        return self.cell(self.find(column.metric, model, _joined(group, column.group)), column)


class ModelNumbers:
    """The measurements of one model of a run, alone or beside itself."""

    def __init__(self, run: Run, info: ModelInfo) -> None:
        self.run = run
        self.info = info
        self._rows = {
            (row.metric, row.group): row
            for row in run.measurements
            if row.model == info.id and row.reference in ("", info.id)
        }

    def row(self, metric: str, group: str = "", **members: str) -> Measurement | None:
        """Return a measurement by its group or the members of it; None where there is none."""
        return self._rows.get((metric, group or group_of(members)))

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

    def members(self, metric: str, dimension: str) -> list[str]:
        """Return the members of a dimension for which there is a number, in their order."""
        found = (row.members for (name, _), row in self._rows.items() if name == metric)
        return [members[dimension] for members in found if set(members) == {dimension}]


def measured_table(
    view: TableView, numbers: ModelNumbers, members: Iterable[str], names: Mapping[str, str]
) -> Table:
    """Return a table of one model with a row for each member, all columns kept."""
    rows = []
    for member in members:
        group = group_of({view.rows[0]: member})
        cells = [
            cell_of(numbers.row(shown.metric, _joined(group, shown.group)), shown)
            for shown in view.columns
            if isinstance(shown, Shown)
        ]
        rows.append([names.get(member, member), *cells])
    columns = [*map(Column, view.heads), *map(_column, view.columns)]
    return table(view.title, columns, rows, notes=view.notes)


def cell_of(row: Measurement | None, shown: Shown, floor: float | None = None) -> CellLike:
    """Write a measurement as a column shows it; at or below its floor, as no more than that."""
    if row is None or math.isnan(row.value):
        return None
    metric, value = METRICS[row.metric], row.value
    if shown.part == "n":
        return Cell(count(row.n), row.n)
    if shown.part == "of":
        return Cell(f"{round(value * row.n)}/{row.n}", value)
    if shown.part == "interval":
        return Cell(written_interval(row, metric))
    if shown.part == "range":
        ends = f"{significant(row.low)}–{significant(row.high)}"
        return Cell(f"{significant(value)} ({ends})", value)
    if _is_noise(row, floor):
        return Cell(at_floor(value, floor, metric, shown.scale), value, "dim")
    error = row.error if shown.part == "estimate" and has_error(row, metric) else None
    value = row.high if shown.part == "high" else value
    text = written(value * shown.scale, metric, _scaled(error, shown.scale), shown.decimals)
    return Cell(text, value)


def _is_noise(row: Measurement, floor: float | None) -> bool:
    return floor is not None and abs(row.value) <= floor


def _is_count(column: Shown | Told) -> bool:
    return isinstance(column, Shown) and column.part == "n"


def _joined(group: str, more: str) -> str:
    return f"{group};{more}" if group and more else group or more


def written(value: float, metric: Metric, error: float | None, decimals: int | None = None) -> str:
    """Write a number in its metric's style; with its error where there is one."""
    style = metric.style
    if style == "points":
        value, error = 100 * value, _scaled(error, 100)
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


def at_floor(value: float, floor: float | None, metric: Metric, scale: float = 1.0) -> str:
    """Write `≤ floor`, or 0 where nothing differs."""
    scale *= 100 if metric.style in ("points", "percent") else 1
    unit = " %" if metric.style == "percent" else ""
    return f"{at_most(scale * abs(value), scale * (floor or 0.0))}{unit}"


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


def _head(variant: str, labels: Mapping[str, str]) -> Cell:
    return Cell(labels.get(variant, variant), variant, "dim" if variant == CONTROL else "strong")


def _scaled(error: float | None, scale: float) -> float | None:
    return None if error is None else scale * error


def _fits(group: str, dimensions: Sequence[str]) -> bool:
    found = members_of(group)
    return bool(found) and dimensions[0] in found and set(found) <= set(dimensions)


def _column(shown: Shown | Told) -> Column:
    return shown.column if isinstance(shown, Shown) else Column(shown.header, drop=shown.drop)


def _table(view: TableView, columns: list[Column], rows: Sequence[Sequence[CellLike]]) -> Table:
    """Build the table without columns that are empty, and explain what its cells show."""
    first = len(view.rows) or 1
    kept = [i for i in range(len(columns)) if i < first or any(row[i] is not None for row in rows)]
    shown = [[row[i] for i in kept] for row in rows]
    unknown = any(isinstance(c, Cell) and c.text.endswith("± ?") for row in shown for c in row)
    notes = [*view.notes, *([UNKNOWN_ERROR] if unknown else [])]
    return table(view.title, [columns[i] for i in kept], shown, notes=notes)
