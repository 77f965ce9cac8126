"""Measurements with their intervals, and lists of names, as cells of an evaluation's tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from pyengine.reports.numbers import percent
from pyengine.reports.tables import Cell, CellLike
from pyengine.run.measurement import Measurement
from pyengine.run.record import Run

Write: TypeAlias = Callable[[float], str]
MOST_NAMES = 12


def listed(names: Sequence[str]) -> str:
    """List names, and count those beyond the first."""
    shown = ", ".join(names[:MOST_NAMES])
    rest = len(names) - MOST_NAMES
    return f"{shown} and {rest} more" if rest > 0 else shown


def number(row: Measurement | None, write: Write) -> CellLike:
    """Show a number without its interval; nothing where there is none."""
    if row is None or row.value != row.value:
        return None
    return Cell(write(row.value), row.value)


def with_interval(row: Measurement | None, write: Write) -> CellLike:
    """Show a number, and its interval where it has one."""
    if row is None or row.value != row.value:
        return None
    if row.low != row.low:
        return Cell(write(row.value), row.value)
    text = f"{write(row.value)} ({write(row.low)} to {write(row.high)})"
    return Cell(text, row.value)


def ends(row: Measurement | None) -> CellLike:
    """Show the interval of a share alone."""
    return None if row is None else f"{percent(row.low)} to {percent(row.high)}"


def share_of(row: Measurement | None) -> CellLike:
    """Show a count and what it is of."""
    return None if row is None else Cell(f"{row.value:.0f}/{row.n}", int(row.value))


def passing(answer: dict[str, Any]) -> int:
    """Return how many samples of an answer pass."""
    return sum(sample["outcome"] == "passed" for sample in answer["samples"])


def members(run: Run, model: str, dimension: str) -> list[str]:
    """Return the members of a dimension for which a model has measurements, in their order."""
    rows: Iterable[Measurement] = run.select("parse_share", model=model, dimension=dimension)
    return [row.members[dimension] for row in rows]
