"""What is known of single tasks of published sets: faults, and what models may have been shown.

Each with its source. The tasks are evaluated all the same, so that results compare with others'.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pyengine.code.languages import LANGUAGES
from pyengine.code.libraries import missing
from pyengine.code.tasks import Task
from pyengine.run.record import Note


@dataclass(frozen=True)
class Known:
    """What is known: a code of `words.json`, and where it is said; an issue by its number."""

    why: str
    source: str


MBPP_AUTHORS = "google-research/google-research:mbpp/README.md"
OURS = "pyengine"
TASKS: Mapping[str, Known] = {
    "HumanEval/47": Known("example-wrong", "openai/human-eval#6"),
    "HumanEval/75": Known("prompt-contradicts-tests", "evalplus/evalplus#12"),
    "HumanEval/116": Known("prompt-contradicts-tests", "evalplus/evalplus#12"),
    "JavaScript/112": Known("reference-fails", OURS),  # (z, true) is true, not a pair
    "JavaScript/155": Known("reference-fails", OURS),  # counts no digit in 0
}
# Of MBPP: first and last number of a part that its authors do not test with.
MBPP_PARTS = (
    (1, 10, Known("prompting-part", MBPP_AUTHORS)),
    (511, 600, Known("validation-part", MBPP_AUTHORS)),
    (601, 974, Known("training-part", MBPP_AUTHORS)),
)


def known_of(task: Task) -> Known | None:
    """Return what is known of a task; None for nothing."""
    part = re.fullmatch(r"MBPP/(\d+)", task.name)
    if part is not None:
        number = int(part[1])
        return next((known for a, b, known in MBPP_PARTS if a <= number <= b), None)
    return TASKS.get(task.name)


def known_tasks(tasks: Iterable[Task]) -> Iterator[tuple[Known, list[str]]]:
    """Yield each thing that is known, with the names of the tasks that it is known of."""
    found: dict[Known, list[str]] = {}
    for task in tasks:
        if (known := known_of(task)) is not None:
            found.setdefault(known, []).append(task.name)
    yield from found.items()


def notes_of_tasks(tasks: Sequence[Task]) -> list[Note]:
    """Return which tasks need what is not here, and what is known of others."""
    lacking: dict[str, list[str]] = {}
    for task in tasks:
        for library in () if LANGUAGES[task.language].missing() else missing(task):
            lacking.setdefault(library, []).append(task.name)
    skipped = [{"library": library, "names": names} for library, names in lacking.items()]
    known = [
        {"why": found.why, "names": names, "source": found.source}
        for found, names in known_tasks(tasks)
    ]
    return [
        *(Note(code="library-skipped", values=values) for values in skipped),
        *(Note(code="known-tasks", values=values) for values in known),
    ]
