"""Programming tasks: what the model is asked, and how its answer is judged."""

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pyengine.code.given import Given
from pyengine.code.languages import LANGUAGES
from pyengine.code.programs import whole_program
from pyengine.code.together import one_program
from pyengine.errors import InputError
from pyengine.inputs import read_bytes

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

OWN_TASKS = Path(__file__).parent.parent / "data" / "tasks"


class TaskFileError(InputError):
    """A task file cannot be read, or one of its tasks is not complete."""


class Task(BaseModel):
    """One programming task.

    The program is `prelude + prompt + completion + suffix + closing + tests`. With `expected`,
    the program must print exactly that, and never sees it. Without, `tests` assert:
    `check(candidate)` or plain asserts in Python, console.assert in JavaScript, a class Main in
    Java. With `together` they stand in the same program as the solution, and its end says that
    they held: C++, Go, Rust, classes of Java that the tests derive from, `unittest` in Python.
    Tasks that ask for the same in several languages share an `idea`. `libraries` are the modules
    of Python, or the headers and modules of the language, that solution and tests need.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    language: str
    prompt: str
    entry_point: str = Field(min_length=1)
    tests: str = Field(min_length=1)
    reference: str
    expected: str | None = None
    wrong: str | None = None
    level: int = Field(default=2, ge=1, le=5)
    idea: str = ""
    prelude: str = ""
    suffix: str = ""
    closing: str = ""
    support: str = ""
    instruction: str = ""
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    together: bool = False
    libraries: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> "Task":
        if not self.name.isprintable():
            raise ValueError("name has characters that cannot be shown")
        try:
            json.dumps(self.model_dump(), ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"holds half a character: {error.reason}") from None
        if self.language not in LANGUAGES:
            raise ValueError(f"language {self.language!r} is none of {', '.join(LANGUAGES)}")
        if self.together:
            self._check_together()
        elif self.expected is None and not LANGUAGES[self.language].judged:
            raise ValueError(f"a task in {self.language} needs `expected`, the output of its tests")
        return self

    def _check_together(self) -> None:
        """Raise ValueError where tests cannot stand in one program with a solution."""
        if self.expected is not None:
            raise ValueError("`together` and `expected` exclude each other")
        if self.language not in LANGUAGES or not LANGUAGES[self.language].together:
            raise ValueError(f"tests in {self.language} cannot stand together with a solution")
        if self.language != "python":
            one_program(self.language, "", self.tests, "word")

    @property
    def cluster(self) -> str:
        """The idea that it shares with others; of a task without one its name."""
        return self.idea or self.name

    def solution(self, completion: str, *, whole: bool = False) -> str:
        """Return the source of the solution: everything but the tests.

        With `whole` the completion defines what was asked for, as chat models do, and replaces the
        prompt; see `pyengine.code.programs`.
        """
        if whole:
            return whole_program(self.given(), completion)
        return f"{self.prelude}{self.prompt}{completion}{self.suffix}{self.closing}"

    def given(self) -> Given:
        """Return what the task says of its program; tests that assert run in another process."""
        return Given(
            language=self.language,
            entry_point=self.entry_point,
            before=self.prelude + self.prompt,
            after=(self.reference or LANGUAGES[self.language].end) + self.suffix + self.closing,
            tests=self.tests if self.together or self.expected is not None else "",
        )


def load_task_file(path: Path) -> list[Task]:
    """Read tasks from a TOML file in our own format (docs/evaluate.md).

    Raises:
        TaskFileError: The file cannot be read, is not TOML, or a task lacks something.
    """
    try:
        document = tomllib.loads(read_bytes(path, error=TaskFileError).decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TaskFileError(f"{path} is not valid TOML: {error}") from error
    entries = document.pop("task", None)
    tables = isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries)
    if not entries or not tables:
        raise TaskFileError(f"{path} has no [[task]]")
    if others := document.keys() - {"language"}:
        raise TaskFileError(f"{path}: {', '.join(sorted(others))} must stand within a [[task]]")
    tasks = unique([build_task({**document, **entry}, path) for entry in entries], path)
    for task in tasks:
        if task.prompt.endswith((" ", "\t")):
            raise TaskFileError(
                f"{path}: {task.name}: the prompt ends in white space, which tokenizers join to "
                "the next word; let it end before"
            )
    return tasks


def build_task(entry: dict[str, Any], path: Path) -> Task:
    """Return the task that `entry` describes; a first newline after `'''` is TOML's to drop."""
    try:
        return Task(**entry)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        name = str(entry.get("name", "a task without a name"))
        said = " ".join(part for part in (where, message) if part)
        shown = name if name.isprintable() else repr(name)
        raise TaskFileError(f"{path}: {shown}: {said}") from error


def unique(tasks: Sequence[Task], path: Path) -> list[Task]:
    """Return `tasks`. Raises TaskFileError where two share a name."""
    seen: set[str] = set()
    for task in tasks:
        if task.name in seen:
            raise TaskFileError(f"{path}: two tasks are called {task.name}")
        seen.add(task.name)
    return list(tasks)


def own_tasks(languages: Iterable[str] | None = None) -> list[Task]:
    """Return the tasks that pyengine ships, in the order of the languages, easiest first."""
    wanted = list(LANGUAGES if languages is None else languages)
    tasks = [task for name in wanted for task in load_task_file(OWN_TASKS / f"{name}.toml")]
    order = {name: number for number, name in enumerate(wanted)}
    return sorted(tasks, key=lambda task: (order[task.language], task.level))


def asked_of(tasks: Sequence[Task], *, holes: bool, limit: int | None, seed: int) -> list[Task]:
    """Return which of some tasks are asked: as holes to fill in or as they are, all or a sample."""
    shown = [hole for task in tasks if (hole := fill_in_the_middle(task))] if holes else tasks
    return sample_of(shown, limit or len(shown), seed)


def sample_of(tasks: Sequence[Task], n: int, seed: int) -> list[Task]:
    """Draw n tasks, of every language and level their share, in the order of the set."""
    return [tasks[number] for number in sorted(_drawn(tasks, seed)[:n])]


def ideas_as_drawn(tasks: Sequence[Task], seed: int) -> list[list[Task]]:
    """Return the tasks of each idea; ideas in the order in which their first tasks are drawn."""
    ideas: dict[str, list[Task]] = {}
    for task in tasks:
        ideas.setdefault(task.cluster, []).append(task)
    members = list(ideas.values())
    return [members[number] for number in _drawn([first for first, *_ in members], seed)]


def _drawn(tasks: Sequence[Task], seed: int) -> list[int]:
    """Return the places of tasks in the order in which they are drawn, strata evenly.

    Every stratum is shuffled, and its tasks are spread evenly from a random place over the line
    from 0 to 1, along which tasks are taken: systematic sampling with a random start. So a smaller
    sample by the same seed is part of a larger one.
    """
    strata: dict[tuple[str, int], list[int]] = {}
    for number, task in enumerate(tasks):
        strata.setdefault((task.language, task.level), []).append(number)
    generator = np.random.default_rng(seed)
    places = []
    for members in strata.values():
        start = generator.random()
        shuffled = generator.permutation(members).tolist()
        places += [((k + start) / len(members), number) for k, number in enumerate(shuffled)]
    return [number for _, number in sorted(places)]


def fill_in_the_middle(task: Task) -> Task | None:
    """Return `task` with a line of its reference as the hole; None where there is no such line.

    Single-line infilling as in Bavarian et al. 2022 (arXiv 2207.14255): the written line nearest
    the middle, without the newline that ends it, with lines before and after it. A task that has a
    suffix is a hole already.
    """
    if task.suffix:
        return task
    lines = task.reference.splitlines(keepends=True)
    written = [number for number in range(1, len(lines) - 1) if lines[number].strip()]
    if not written:
        return None
    hole = min(written, key=lambda number: abs(number - len(lines) // 2))
    line = lines[hole].rstrip("\r\n")
    return task.model_copy(
        update={
            "name": f"{task.name}#fim",
            "prompt": task.prompt + "".join(lines[:hole]),
            "reference": line,
            "suffix": lines[hole][len(line) :] + "".join(lines[hole + 1 :]),
            "wrong": None,
            "stop": ("\n",),
        }
    )
