"""Numbers with their intervals, and lists of names, as cells of an evaluation's tables."""

from collections.abc import Callable, Sequence

from pyengine.codegen.records import IntervalRecord
from pyengine.reports.tables import Cell, CellLike

Write = Callable[[float], str]
MOST_NAMES = 12


def listed(names: Sequence[str]) -> str:
    """List names, and count those beyond the first."""
    shown = ", ".join(names[:MOST_NAMES])
    rest = len(names) - MOST_NAMES
    return f"{shown} and {rest} more" if rest > 0 else shown


def number(record: IntervalRecord | None, write: Write) -> CellLike:
    """Show a number without its interval; nothing where there is none."""
    if record is None or record.value != record.value:
        return None
    return Cell(write(record.value), record.value)


def with_interval(record: IntervalRecord | None, write: Write) -> CellLike:
    """Show a number, and its interval where it has one."""
    if record is None or record.value != record.value:
        return None
    if record.low != record.low:
        return Cell(write(record.value), record.value)
    text = f"{write(record.value)} ({write(record.low)} to {write(record.high)})"
    return Cell(text, record.value)
