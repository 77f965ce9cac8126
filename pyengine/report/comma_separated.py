"""One row per measurement, for spreadsheets and data frames: CSV and Parquet."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

from pyengine.errors import InputError
from pyengine.extras import import_extra
from pyengine.plain_text import safe
from pyengine.run.measurement import COLUMNS, COUNTS, NUMBERS, Measurement
from pyengine.run.metrics import METRICS
from pyengine.run.record import Run

Row: TypeAlias = dict[str, str | float]

# Beside the fields of a measurement: the command, the hashes and types of the files, the unit.
NAMES = (
    *("command", "model", "sha256", "file_type", "reference", "reference_sha256"),
    *("metric", "unit", *COLUMNS[3:]),
)


def measurements_of(runs: Iterable[Run]) -> list[Row]:
    """Return the measurements of records, the sizes of the files before them.

    Raises InputError for a record that holds no measurements.
    """
    return [row for run in runs for row in _rows(run)]


def _rows(run: Run) -> list[Row]:
    if not run.measurements:
        raise InputError(f"a record of {run.command} has no rows of measurements")
    files = {model.id: model for model in run.models}
    sizes = [
        Measurement(metric, model.id, "", "", value)
        for model in run.models
        for metric, value in (
            ("size", float(model.file_bytes)),
            ("bits_per_weight", model.bits_per_weight),
        )
    ]
    found = []
    for m in (*sizes, *run.measurements):
        row: Row = {name: getattr(m, name) for name in COLUMNS}
        row["command"] = run.command
        row["unit"] = METRICS[m.metric].unit if m.metric in METRICS else ""
        file, reference = files.get(m.model), files.get(m.reference)
        row["sha256"] = file.sha256 if file else ""
        row["file_type"] = file.file_type if file else ""
        row["reference_sha256"] = reference.sha256 if reference else ""
        found.append({name: row[name] for name in NAMES})
    return found


def measurements_csv(rows: Sequence[Row]) -> str:
    """Write measurements as CSV; a missing number is an empty field."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(NAMES)
    writer.writerows([_field(value) for value in row.values()] for row in rows)
    return target.getvalue()


def write_parquet(rows: Sequence[Row], path: Path) -> None:
    """Write measurements as Parquet, through pyarrow (the extra `parquet`).

    Raises MissingExtraError where pyarrow is not installed.
    """
    pa = import_extra("pyarrow", "--parquet")
    pq = import_extra("pyarrow.parquet", "--parquet")
    numbers = {**dict.fromkeys(NUMBERS, pa.float64()), **dict.fromkeys(COUNTS, pa.int64())}
    columns = {
        name: pa.array([_null(row[name]) for row in rows], numbers.get(name, pa.string()))
        for name in NAMES
    }
    pq.write_table(pa.table(columns), path)


def csv_text(text: str) -> str:
    """Return a text for CSV: safe, in one line, and no formula to a spreadsheet.

    The name of a model is what somebody wrote into a file, and a spreadsheet would run `=…`.
    """
    line = safe(text.replace("\n", "⏎").replace("\t", "⇥"))
    return f"'{line}" if line.lstrip().startswith(("=", "+", "-", "@")) else line


def _null(value: str | float) -> str | float | None:
    return None if isinstance(value, float) and math.isnan(value) else value


def _field(value: str | float) -> str:
    known = _null(value)
    if isinstance(known, str):
        return csv_text(known)
    return "" if known is None else repr(known)
