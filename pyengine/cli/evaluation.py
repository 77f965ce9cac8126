"""What the commands that evaluate share: the tasks, the usual options, the running estimate."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pyengine.cli.options import check_languages
from pyengine.errors import OptionError
from pyengine.plain_text import safe

if TYPE_CHECKING:
    from pyengine.codegen.answers import Answer
    from pyengine.codegen.evaluation import Progress
    from pyengine.codegen.options import EvaluationOptions
    from pyengine.codegen.tasks import Task

TOKENS_FOR_OWN, TOKENS_FOR_OTHERS = 160, 512


def token_budget(tasks: str) -> int:
    """Return the default budget of a continuation: our own tasks are short."""
    return TOKENS_FOR_OWN if tasks == "own" else TOKENS_FOR_OTHERS


def evaluation_options(
    tasks: str, *, threads: int | None, gpu_layers: int, folder: Path
) -> "EvaluationOptions":
    """Return the defaults, for commands that evaluate besides something else."""
    from pyengine.codegen.evaluation import default_jobs
    from pyengine.codegen.options import EvaluationOptions

    return EvaluationOptions(
        max_tokens=token_budget(tasks),
        threads=threads,
        gpu_layers=gpu_layers,
        jobs=default_jobs(),
        folder=folder,
    )


def find_tasks(
    source: str, languages: list[str] | None = None, limit: int | None = None
) -> list["Task"]:
    """Return the tasks that a user names: own, a benchmark on the hub, or a file.

    Raises OptionError or TaskFileError where there is none.
    """
    from pyengine.codegen.benchmarks import fetch_tasks, load_tasks
    from pyengine.codegen.languages import LANGUAGES
    from pyengine.codegen.tasks import own_tasks

    check_languages(languages, LANGUAGES)
    if source == "own":
        found = own_tasks(languages)
    else:
        path = Path(source)
        found = load_tasks(path) if path.suffix or path.exists() else fetch_tasks(source)
        found = [task for task in found if not languages or task.language in languages]
    if not found:
        raise OptionError(f"{source}: no task in {', '.join(languages or ())}")
    return found[:limit]


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
    from pyengine.codegen.answers import executed, n_passed
    from pyengine.statistics.success import wilson

    ran = [answer for answer in answers if executed(answer)]
    solved = sum(n_passed(answer) > 0 for answer in ran)
    if not ran:
        return name
    interval = wilson(solved, len(ran))
    return f"{name}: {solved} solved ({100 * interval.low:.0f} to {100 * interval.high:.0f} %)"
