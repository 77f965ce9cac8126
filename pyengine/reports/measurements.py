"""One row per measurement, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from importlib import import_module
from pathlib import Path

from pyengine.comparison.records import EstimateRecord
from pyengine.errors import InputError
from pyengine.reports.comma_separated import csv_text
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


def estimated(
    make: Callable[..., Measurement],
    group: str,
    member: str,
    metric: str,
    unit: str,
    estimate: EstimateRecord | None,
) -> Iterator[Measurement]:
    """Yield an estimate with its interval and standard error; nothing where there is none."""
    if estimate is None or math.isnan(estimate.value):
        return
    yield make(
        group,
        member,
        metric,
        unit,
        estimate.value,
        low=estimate.low,
        high=estimate.high,
        error=estimate.se_clustered,
        n=estimate.n,
    )


# Kind of record -> module of this package and its function that yields measurements.
MODULES: dict[str, str] = {
    "probe": "probe_measurements:measurements",
    "vocab": "vocab_measurements:measurements",
    "compare": "compare_measurements:measurements",
    "sweep": "sweep_measurements:measurements",
    "sweep-timings": "sweep_measurements:timings",
    "evaluate": "evaluate_measurements:measurements",
}


def measurements_of(results: Iterable[Result]) -> list[Measurement]:
    """Return the measurements of records, in the order of the records.

    Raises InputError for a kind of record that holds no measurements.
    """
    found: list[Measurement] = []
    for result in results:
        if result.kind not in MODULES:
            raise InputError(f"a record of kind {result.kind!r} has no rows of measurements")
        module, _, name = MODULES[result.kind].partition(":")
        rows: Callable[[Result], Iterator[Measurement]] = getattr(
            import_module(f"pyengine.reports.{module}"), name
        )
        found.extend(rows(result))
    return found


def measurements_csv(rows: Sequence[Measurement]) -> str:
    """Write measurements as CSV; a missing number is an empty field."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow([field.name for field in fields(Measurement)])
    writer.writerows([_field(value) for value in astuple(row)] for row in rows)
    return target.getvalue()


def write_parquet(rows: Sequence[Measurement], path: Path) -> None:
    """Write measurements as Parquet, through pyarrow (the extra `parquet`).

    Raises InputError where pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise InputError("--parquet needs pyarrow; run: pip install 'pyengine[parquet]'") from error
    types = {"str": pa.string(), "float": pa.float64(), "int": pa.int64()}
    schema = pa.schema([(field.name, types[str(field.type)]) for field in fields(Measurement)])
    columns = [
        pa.array([_null(getattr(row, field.name)) for row in rows], schema.field(i).type)
        for i, field in enumerate(fields(Measurement))
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
