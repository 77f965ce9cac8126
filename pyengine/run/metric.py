"""What a metric is: its name, its formula, how it is estimated and how it is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Better: TypeAlias = Literal["less", "more", "neither"]
# How a number is made of the columns of the token table, see `pyengine.measure.aggregate`.
Estimator: TypeAlias = Literal["", "mean", "mean_of_finite", "ratio", "rms", "exp_mean"]
# How a number is written: digits, per cent, tokens per second and so on; see `pyengine.report`.
Style: TypeAlias = Literal[
    "number", "percent", "points", "fixed2", "fixed3", "fixed4", "count", "bytes", "seconds", "rate"
]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        id: how records, CSV and options name it.
        title: its column in tables.
        formula: what is computed; P is the reference, Q the variant, x the token that followed.
        source: where the definition comes from; empty where it is plain arithmetic.
        unit: of its value; empty for a pure number.
        better: which direction is better, or neither.
        needs_reference: it compares two variants.
        of: column of the token table of which the number is made, where that is not its id.
        estimator: how; empty where it is made otherwise.
        floor: what arithmetic alone gives, see `pyengine.run.floors`: a distance of a model from
            itself, a change that may have either sign, or nothing that one asks for.
        style: how it is written.
    """

    id: str
    title: str
    formula: str
    source: str = ""
    unit: str = ""
    better: Better = "neither"
    needs_reference: bool = False
    of: str = ""
    estimator: Estimator = ""
    floor: Literal["", "distance", "change"] = ""
    style: Style = "number"

    @property
    def column(self) -> str:
        """The column of the token table that the number is made of."""
        return self.of or self.id
