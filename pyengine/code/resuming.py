"""Answers to tasks: those that were kept before, and new ones, each kept as it is finished."""

from __future__ import annotations

from collections.abc import Sequence

from pyengine.code.answers import Answer, Progress, executed
from pyengine.code.languages import LANGUAGES
from pyengine.code.libraries import missing
from pyengine.code.options import EvaluationOptions
from pyengine.code.prompting import Prompt
from pyengine.code.sampling import Executor, answer_all
from pyengine.code.store import TaskStore
from pyengine.code.tasks import Task
from pyengine.models.generation import GenerationStatistics
from pyengine.models.model import Model


def kept_and_new(
    model: Model,
    prompts: Sequence[Prompt],
    store: TaskStore,
    options: EvaluationOptions,
    executor: Executor,
    statistics: GenerationStatistics,
    *,
    earlier: Sequence[Answer] = (),
    progress: Progress = lambda *_: None,
) -> list[Answer]:
    """Return a model's answers to prompts, in their order.

    Args:
        statistics: counted up by what is written now.
        earlier: answers to other tasks of the same evaluation, which `progress` counts too.
    """
    tasks = {prompt.task.name: prompt.task for prompt in prompts}
    done: dict[str, Answer] = {}
    for name, task in tasks.items():
        if not options.resume:
            store.forget(task)
        elif (answer := store.get(task)) and not _can_now_run(task, answer):
            done[name] = answer

    def tell() -> None:
        finished = [*earlier, *done.values()]
        progress(model.path.name, len(finished), len(earlier) + len(tasks), finished)

    tell()
    left = [prompt for prompt in prompts if prompt.task.name not in done]
    for answer in answer_all(model, left, options, executor, statistics):
        store.put(tasks[answer["task"]], answer)
        done[answer["task"]] = answer
        tell()
    return [done[name] for name in tasks]


def _can_now_run(task: Task, answer: Answer) -> bool:
    """Return whether a task was skipped for want of a toolchain or library that has come since."""
    skipped = len(executed(answer)) < len(answer["samples"])
    return skipped and not LANGUAGES[task.language].missing() and not missing(task)
