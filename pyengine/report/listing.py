"""Tables as data: `tables.json` holds the title, columns and notes of each.

A column shows a `metric`, or what a row tells `of` a name; `write` names how a number is written,
see `numbers.writer`. The column "…" stands for those that a view adds. Where a table has a `lead`,
the columns after that many first ones are left out where they are empty; one that is `like` another
has what that has; one with `errors` says over how many documents they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from pyengine.report.measured import Numbers, Part, cluster_name
from pyengine.report.numbers import writer
from pyengine.report.sentences import scored
from pyengine.report.tables import Cell, CellLike, Column, Table, as_cell, measured, table
from pyengine.report.words import filled, member_name
from pyengine.run.measurement import group_of, members_of
from pyengine.run.metrics import METRICS

Spec: TypeAlias = Mapping[str, Any]
Row: TypeAlias = Part | Mapping[str, Any]
TABLES: dict[str, Spec] = json.loads(
    Path(__file__).with_name("tables.json").read_text(encoding="utf-8")
)
for _name, _spec in TABLES.items():
    TABLES[_name] = {**TABLES.get(_spec.get("like", ""), {}), **_spec}
WHOLE = "all"


def listing(
    name: str,
    rows: Iterable[Row],
    *,
    more: Sequence[Spec] = (),
    notes: Iterable[str] = (),
    **words: object,
) -> Table:
    """Build a table with a row for each part of the measurements, or for each mapping.

    Args:
        name: of the table in `tables.json`.
        more: columns in place of "…"; at the end where there is no such place.
        notes: in addition to those of the table.
        words: what its title, heads and notes name in braces.
    """
    spec = TABLES[name]
    columns: list[Spec] = []
    for column in (*spec["columns"], *([] if "…" in spec["columns"] else ["…"])):
        columns += more if column == "…" else [column]
    return _table(spec, columns, list(rows), notes, words)


def by_group(
    name: str,
    numbers: Numbers,
    models: Sequence[str],
    labels: Mapping[str, str] | None = None,
) -> Table | None:
    """Build a table whose rows are parts of the data; None where nothing was measured of any.

    Args:
        name: of a table whose `by` are the dimensions of the groups; with `names`, what members
            are called; with `only`, no other members are shown.
        labels: of the models, in the heads; without them the table is of one model.
    """
    spec = TABLES[name]
    by, metrics = spec["by"], [c for c in spec["columns"] if "metric" in c]
    groups = numbers.groups((c["metric"] for c in metrics), models, by)
    names = spec.get("names", {})
    if "only" in spec:
        wanted = [group_of({by[0]: member}) for member in spec["only"]]
        groups = [group for group in wanted if group in groups]
    if not groups:
        return None
    columns = [column for column in spec["columns"] if "of" in column]
    sizes = {model: row.n for model in models if (row := numbers.find("kl", model)) is not None}
    # What several models repeat keeps one count: that of the model with most tokens.
    longest = max(models, key=lambda model: sizes.get(model, 0))
    for model in models:
        for column in metrics:
            counts = column.get("part") in ("n", "clusters")
            label = "" if labels is None or counts else f" {labels[model]}"
            if model == longest or not counts:
                columns.append({**column, "model": model, "label": label})
    rows = []
    for group in groups:
        members = members_of(group)
        told = {name: members.get(name, WHOLE) for name in by}
        heads = {
            name: Cell(names.get(value) or member_name(name, value), value)
            for name, value in told.items()
        }
        rows.append(Part(numbers, models[0], members, **heads, part=heads[by[0]]))
    heads_of_counts = {"clusters": f"{cluster_name(numbers.run).capitalize()}s"}
    notes = scored.longest_sentences(sizes.values(), longest if labels is None else labels[longest])
    return _table(spec, columns, rows, notes, heads_of_counts)


def _table(
    spec: Spec,
    columns: Sequence[Spec],
    rows: Sequence[Row],
    notes: Iterable[str],
    words: Mapping[str, object],
) -> Table:
    cells = [[_cell(row, column) for column in columns] for row in rows]
    told = [*(filled(note, words) for note in spec.get("notes", ())), *notes]
    kept = list(range(len(columns)))
    if "lead" in spec:
        kept = [i for i in kept if i < spec["lead"] or any(row[i] is not None for row in cells)]
        told += scored.unknown_error_sentences(as_cell(row[i]).text for row in cells for i in kept)
    if "errors" in spec:
        told = [*_errors_note(columns, rows, cells), *told]
    return table(
        filled(spec.get("title", ""), words),
        [_column(columns[i], words) for i in kept],
        [[row[i] for i in kept] for row in cells],
        notes=told,
    )


def _errors_note(
    columns: Sequence[Spec], rows: Sequence[Row], cells: Sequence[Sequence[CellLike]]
) -> list[str]:
    """Say over how many documents the errors in a table are; nothing where there is none."""
    found, name = set[int](), ""
    for row, texts in zip(rows, cells, strict=True):
        for column, cell in zip(columns, texts, strict=True):
            if not (isinstance(row, Part) and isinstance(cell, Cell) and "±" in cell.text):
                continue
            measurement = row.measurement(column) if "metric" in column else None
            if measurement is not None and not cell.text.endswith("?"):
                found.add(measurement.n_clusters)
                name = cluster_name(row.run)
    return scored.errors_sentences(found, name)


def _cell(row: Row, column: Spec) -> CellLike:
    if "metric" in column:
        assert isinstance(row, Part)
        if "write" in column:
            value = row.value(column["metric"], **members_of(column.get("group", "")))
            return measured(value, writer(column["write"]))
        return row.cell(column)
    value = row[column["of"]]
    if value is None or isinstance(value, Cell):
        return value
    if "write" in column:
        return measured(value, writer(column["write"]))
    return Cell(value, tone=column.get("tone", "plain"))


def _column(column: Spec, words: Mapping[str, object]) -> Column:
    """Return the head of a column; that of a metric is its title and unit where none is given."""
    right, unit = "write" in column, column.get("unit")
    head = column.get("head")
    if "metric" in column:
        metric = METRICS[column["metric"]]
        right, head = True, head or metric.title
        own = {"nats": "nats", "tokens/s": "tokens/s"}.get(metric.unit)
        if column.get("part") in ("n", "interval") or "write" in column:
            own = None
        elif metric.style == "points":
            own = "pp"
        unit = unit or own
    return Column(
        f"{filled(head or '', words)}{column.get('label', '')}",
        column.get("align", "right" if right else "left"),
        unit,
        column.get("min_width"),
        column.get("drop", 0),
    )
