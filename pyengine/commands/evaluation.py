"""The running estimate that the commands show which evaluate."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pyengine.plain_text import safe

if TYPE_CHECKING:
    from pyengine.code.answers import Answer
    from pyengine.code.evaluation import Progress


@contextmanager
def evaluation_progress() -> Iterator["Progress"]:
    """Yield a progress function that shows a running estimate on a terminal's stderr."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
    )

    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bars:
        shown: dict[str, TaskID] = {}

        def show(label: str, done: int, total: int, answers: list["Answer"]) -> None:
            name = safe(label)
            if name not in shown:
                shown[name] = bars.add_task(name, total=total)
            bars.update(shown[name], completed=done, description=estimate(name, answers))

        yield show


def estimate(name: str, answers: list["Answer"]) -> str:
    """Return the running estimate: tasks solved of those executed, with Wilson's interval."""
    from pyengine.code.answers import executed, n_passed
    from pyengine.statistics.success import wilson

    ran = [answer for answer in answers if executed(answer)]
    solved = sum(n_passed(answer) > 0 for answer in ran)
    if not ran:
        return name
    interval = wilson(solved, len(ran))
    return f"{name}: {solved} solved ({100 * interval.low:.0f} to {100 * interval.high:.0f} %)"
