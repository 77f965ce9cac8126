"""One row per measurement, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from pyengine.errors import InputError
from pyengine.extras import import_extra
from pyengine.reports.comma_separated import csv_text
from pyengine.reports.loading import Saved
from pyengine.run import measurement
from pyengine.run.metrics import METRICS
from pyengine.run.record import Run

if TYPE_CHECKING:
    from pyengine.results import Result


@dataclass(frozen=True, slots=True)
class Measurement:
    """Hold one number with everything needed to read it alone.

    Attributes:
        kind: the command that measured it.
        model, sha256, file_type: the file measured.
        reference_sha256: the file it was compared with; empty where it was not.
        group: what part of the data: "language", "class", "start" and so on; "all" for all.
        member: which one of the group.
        metric, unit: what was measured; lower-case names with underscores.
        value, low, high: the number and the ends of its interval; NaN where there is none.
        error: its standard error; NaN where there is none.
        n: how many observations it is made of; 0 where it is no average.
    """

    kind: str
    model: str
    sha256: str
    file_type: str
    reference_sha256: str
    group: str
    member: str
    metric: str
    unit: str
    value: float
    low: float = math.nan
    high: float = math.nan
    error: float = math.nan
    n: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """Hold one number with everything needed to read it alone.

    Attributes:
        command: that measured it.
        sha256, file_type: of the file measured; reference_sha256: of that compared with.
        unit: of the metric.
        The others are those of `pyengine.run.Measurement`.
    """

    command: str
    model: str
    sha256: str
    file_type: str
    reference: str
    reference_sha256: str
    metric: str
    unit: str
    group: str
    value: float
    low: float = math.nan
    high: float = math.nan
    level: float = math.nan
    error: float = math.nan
    n: int = 0
    n_clusters: int = 0
    interval: str = ""


# Kind of record -> module of this package and its function that yields measurements.
MODULES: dict[str, str] = {}


def measurements_of(results: Iterable[Saved]) -> list[Row]:
    """Return the measurements of records, in the order of the records.

    Raises InputError for a record that holds no measurements.
    """
    found: list[Row] = []
    for result in results:
        if isinstance(result, Run):
            found += _of_run(result)
            continue
        if result.kind not in MODULES:
            raise InputError(f"a record of kind {result.kind!r} has no rows of measurements")
        module, _, name = MODULES[result.kind].partition(":")
        rows: Callable[[Result], Iterator[Measurement]] = getattr(
            import_module(f"pyengine.reports.{module}"), name
        )
        found += map(_of_old, rows(result))
    return found


def _of_run(run: Run) -> Iterator[Row]:
    """Yield the size of every file, then what was measured.

    Raises InputError where nothing was.
    """
    if not run.measurements:
        raise InputError(f"a record of {run.command} has no rows of measurements")
    files = {model.id: model for model in run.models}
    sizes = [
        measurement.Measurement(metric, model.id, "", "", value)
        for model in run.models
        for metric, value in (
            ("size", float(model.file_bytes)),
            ("bits_per_weight", model.bits_per_weight),
        )
    ]
    for m in (*sizes, *run.measurements):
        file, reference = files.get(m.model), files.get(m.reference)
        yield Row(
            run.command,
            m.model,
            file.sha256 if file else "",
            file.file_type if file else "",
            m.reference,
            reference.sha256 if reference else "",
            m.metric,
            METRICS[m.metric].unit if m.metric in METRICS else "",
            m.group,
            *(m.value, m.low, m.high, m.level, m.error, m.n, m.n_clusters, m.interval),
        )


def _of_old(m: Measurement) -> Row:
    """Write a row of a record that is no run."""
    group = "" if m.group == "all" else f"{m.group}={m.member}"
    names = (m.kind, m.model, m.sha256, m.file_type, "", m.reference_sha256, m.metric, m.unit)
    return Row(*names, group, m.value, m.low, m.high, error=m.error, n=m.n)


def measurements_csv(rows: Sequence[Row]) -> str:
    """Write measurements as CSV; a missing number is an empty field."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow([field.name for field in fields(Row)])
    writer.writerows([_field(value) for value in astuple(row)] for row in rows)
    return target.getvalue()


def write_parquet(rows: Sequence[Row], path: Path) -> None:
    """Write measurements as Parquet, through pyarrow (the extra `parquet`).

    Raises MissingExtraError where pyarrow is not installed.
    """
    pa = import_extra("pyarrow", "--parquet")
    pq = import_extra("pyarrow.parquet", "--parquet")
    types = {"str": pa.string(), "float": pa.float64(), "int": pa.int64()}
    schema = pa.schema([(field.name, types[str(field.type)]) for field in fields(Row)])
    columns = [
        pa.array([_null(getattr(row, field.name)) for row in rows], schema.field(i).type)
        for i, field in enumerate(fields(Row))
    ]
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), path)


def _null(value: str | float) -> str | float | None:
    return None if isinstance(value, float) and math.isnan(value) else value


def _field(value: str | float) -> str:
    known = _null(value)
    if isinstance(known, str):
        return csv_text(known)
    if known is None:
        return ""
    return repr(known) if isinstance(known, float) else str(known)
