"""One measured number with everything that is needed to read it alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias, get_args

Interval: TypeAlias = Literal[
    "", "t", "iid", "bootstrap", "sequence", "wilson", "range", "permutation", "fisher"
]
INTERVALS: tuple[str, ...] = get_args(Interval)
NAN = math.nan


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number of one variant.

    Attributes:
        metric: id of a metric in `pyengine.run.metrics`.
        model: id of the variant that was measured.
        reference: id of the variant that it was compared with; empty where it was measured alone.
        group: which part of the data, as `dimension=member` joined by `;`, such as
            `language=python`; empty for all of it. See `group_of` and `members_of`.
        value: the number.
        low, high: ends of its interval; NaN where there is none.
        level: coverage of the interval, such as 0.95; NaN where there is none.
        error: its standard error; NaN where there is none.
        n: observations that it is made of (tokens, tasks, words); 0 where it is no average.
        n_clusters: documents, or groups of tasks, that the observations come from; 0 likewise.
        interval: how the interval was made: "t" from a clustered standard error and Student's t,
            "iid" from observations taken as independent, "bootstrap" over clusters, "sequence"
            valid at every look, "wilson" for shares, "range" from least to largest,
            "permutation" for the range under chance, "fisher" for rank correlations, or "" for
            none.
        freedom: degrees of freedom of Student's t, where an interval was made by it.
    """

    metric: str
    model: str
    reference: str
    group: str
    value: float
    low: float = NAN
    high: float = NAN
    level: float = NAN
    error: float = NAN
    n: int = 0
    n_clusters: int = 0
    interval: str = ""
    freedom: float = NAN

    @property
    def members(self) -> dict[str, str]:
        """The group as a mapping from dimension to member."""
        return members_of(self.group)

    @property
    def is_control(self) -> bool:
        """Whether a model was compared with itself, computed in another order.

        What is compared with another part of the same model names that as `against`.
        """
        itself = self.reference != "" and self.model == self.reference
        return itself and "against" not in self.members


COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(Measurement))
NUMBERS = ("value", "low", "high", "level", "error", "freedom")
COUNTS = ("n", "n_clusters")


def group_of(members: Mapping[str, str]) -> str:
    """Write a group; dimensions keep their order. `=`, `;` and `%` in members are escaped."""
    return ";".join(f"{_escape(key)}={_escape(value)}" for key, value in members.items())


def members_of(group: str) -> dict[str, str]:
    """Read a group that `group_of` wrote."""
    pairs = (part.partition("=") for part in group.split(";") if part)
    return {_unescape(key): _unescape(value) for key, _, value in pairs}


def to_columns(rows: Iterable[Measurement]) -> dict[str, list[Any]]:
    """Return one list for each field; numbers that are not finite become None or a string."""
    kept = list(rows)
    columns: dict[str, list[Any]] = {name: [getattr(row, name) for row in kept] for name in COLUMNS}
    for name in NUMBERS:
        columns[name] = [_plain(value) for value in columns[name]]
    return columns


def from_columns(columns: Mapping[str, Sequence[Any]]) -> list[Measurement]:
    """Read rows that `to_columns` wrote.

    Raises:
        ValueError: a column is missing, unknown, of another length, or holds another type.
    """
    if not isinstance(columns, Mapping) or set(columns) != set(COLUMNS):
        raise ValueError(f"measurements must have the columns {', '.join(COLUMNS)}")
    for name, values in columns.items():
        if not isinstance(values, list):
            raise ValueError(f"measurements.{name} is no list")
    lengths = {len(values) for values in columns.values()}
    if len(lengths) != 1:
        raise ValueError("the columns of the measurements have different lengths")
    read = {name: [_READERS[name](value, name) for value in columns[name]] for name in COLUMNS}
    return [Measurement(*row) for row in zip(*(read[name] for name in COLUMNS), strict=True)]


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("=", "%3D").replace(";", "%3B")


def _unescape(text: str) -> str:
    return text.replace("%3B", ";").replace("%3D", "=").replace("%25", "%")


def _plain(value: float) -> float | str | None:
    """JSON has no NaN and no infinity: a missing number is null, an infinite one a word."""
    if math.isnan(value):
        return None
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return float(value)


_WORDS = {None: math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def _number(value: object, name: str) -> float:
    if isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool)):
        try:
            return float(value)
        except OverflowError:
            raise ValueError(f"measurements.{name} holds a number beyond all floats") from None
    if (value is None or isinstance(value, str)) and value in _WORDS:
        return _WORDS[value]
    raise ValueError(f"measurements.{name} holds {value!r:.40}, which is no number")


def _count(value: object, name: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError(f"measurements.{name} holds {value!r:.40}, which is no count")


def _text(value: object, name: str) -> str:
    if isinstance(value, str):
        return value
    raise ValueError(f"measurements.{name} holds {value!r:.40}, which is no text")


_READERS = {
    name: _number if name in NUMBERS else _count if name in COUNTS else _text for name in COLUMNS
}
