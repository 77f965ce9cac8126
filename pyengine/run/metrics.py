"""Every metric once: what it is, how it is estimated, when it is noise, and how it is written.

They stand in the table `metrics.csv`, one to a line. In the formulas P is the reference, Q the
variant and x the token that followed. Of the probe's metrics padding is part of every probability,
as in the paper's definitions; those of an evaluation are estimates over tasks.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

Better: TypeAlias = Literal["less", "more", "neither"]
# How a number is made of the columns of the token table, see `pyengine.measure.aggregate`.
Estimator: TypeAlias = Literal["", "mean", "mean_of_finite", "ratio", "rms", "exp_mean"]
# How a number is written: digits, per cent, tokens per second and so on; see `pyengine.report`.
Style: TypeAlias = Literal[
    "number", "percent", "points", "fixed2", "fixed3", "fixed4", "count", "bytes", "seconds", "rate"
]


Floor: TypeAlias = Literal["", "divergence", "distance", "change"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric.

    Attributes:
        family: what measures it, such as "compare", or the part of an evaluation: "pass",
            "answer", "change" to the reference, "tasks", "cost".
        id: how records, CSV and options name it.
        title: its column in tables.
        unit: of its value; empty for a pure number.
        better: which direction is better, or neither.
        style: how it is written.
        needs_reference: it compares two variants.
        floor: what arithmetic alone gives, see `pyengine.run.floors`: a divergence (a square of
            errors), another distance, a change that may have either sign, or nothing that one
            asks for.
        estimator: how the number is made; empty where it is made otherwise.
        of: column of the token table of which it is made, where that is not its id.
        formula: what is computed.
        source: where the definition comes from; empty where it is plain arithmetic.
    """

    family: str
    id: str
    title: str
    unit: str
    better: Better
    style: Style
    needs_reference: bool
    floor: Floor
    estimator: Estimator
    of: str
    formula: str
    source: str

    def __post_init__(self) -> None:
        """Refuse a word that the table may not hold."""
        for value, known in (
            (self.better, Better),
            (self.style, Style),
            (self.floor, Floor),
            (self.estimator, Estimator),
        ):
            if value not in get_args(known):
                raise ValueError(f"the metric {self.id} has {value!r} for one of {known}")

    @property
    def column(self) -> str:
        """The column of the token table that the number is made of."""
        return self.of or self.id


def read_metrics(path: Path) -> dict[str, Metric]:
    """Read a table of metrics by their ids.

    Raises:
        ValueError: a metric is defined twice, or with an unknown word.
    """
    found: dict[str, Metric] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            needs_reference = row.pop("needs_reference") == "yes"
            if row["id"] in found:
                raise ValueError(f"the metric {row['id']} is defined twice")
            found[row["id"]] = Metric(**row, needs_reference=needs_reference)  # type: ignore[arg-type]
    return found


METRICS: dict[str, Metric] = read_metrics(Path(__file__).with_name("metrics.csv"))


def metric(id: str) -> Metric:  # noqa: A002 - the field's own name
    """Return a metric; raises KeyError where there is none of that id."""
    return METRICS[id]


def family(*names: str) -> tuple[Metric, ...]:
    """Return the metrics of some families, in the order of the table."""
    return tuple(metric for metric in METRICS.values() if metric.family in names)


PASSES, ANSWERS, CHANGES = family("pass"), family("answer"), family("change")
KS = tuple(int(metric.id.removeprefix("pass_at_")) for metric in PASSES)
EVALUATE = family("pass", "answer", "change", "tasks", "cost")
