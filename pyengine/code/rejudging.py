"""Read and run the answers that a record keeps once more, without a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any, TypeAlias

from pydantic import ValidationError

from pyengine import __version__
from pyengine.code.aggregate import link, notes_of, of_answers, skipped
from pyengine.code.answers import Answer, Outcome, Progress, Sample
from pyengine.code.execution import Execution
from pyengine.code.failures import explained
from pyengine.code.known import notes_of_tasks
from pyengine.code.prompting import Prompt, PromptStyle, instruction
from pyengine.code.reading import Solution, read_answer, stop_rule
from pyengine.code.sampling import Executor, isolation_settings, judged
from pyengine.code.sandbox import Limits, Sandbox
from pyengine.code.store import ANSWERS, fingerprint
from pyengine.code.tasks import Task, fill_in_the_middle
from pyengine.errors import OptionError
from pyengine.run.measurement import Measurement
from pyengine.run.record import Exhibit, ModelInfo, Note, Run

Series: TypeAlias = "list[tuple[ModelInfo, list[Answer]]]"
# What a continuation got that had no room to write in: it is no program to judge.
NO_ROOM = "no-room"
# Notes that are made anew whatever the verdicts: of this machine, of the tasks, and of thoughts,
# which records of older versions count otherwise.
RENEWED = (
    *("language-skipped", "library-skipped", "known-tasks", "rejudged"),
    *("ended-in-thinking", "ended-by-budget"),
)


def rejudge(
    record: Run,
    tasks: Sequence[Task],
    sandbox: Sandbox,
    *,
    source: str,
    limits: Limits,
    jobs: int,
    progress: Progress,
) -> Run:
    """Read every answer of a run of "evaluate" again, run what was read, and count again.

    Args:
        tasks: the tasks that were asked, by the same names; others may be among them.
        source: where the tasks came from, for the record.
        limits: of each program.
        jobs: programs run at once.
        progress: called with (model name, tasks done, tasks in all, finished answers).

    Returns:
        the run with new verdicts. What follows from tokens alone, such as log-probabilities, is
        kept; a note "rejudged" says how many samples have another outcome now.

    Raises:
        OptionError: the record is of another command or keeps no texts, as those of older
            versions; or a task that was asked is not at hand.
    """
    if record.command != "evaluate":
        raise OptionError(f"a record of `{record.command}` holds no answers to judge again")
    before = series_of(record)
    known = _by_name(tasks)
    changed = {note.model for note in record.notes if note.code == "request-hidden"}
    for model, answers in before:
        for answer in answers:
            _check_asked(answer, known, in_words=model.id not in changed)
    after: Series = []
    with Executor(sandbox, limits, jobs) as executor:
        for model, answers in before:
            after.append((model, _judged_again(model.id, answers, known, executor, progress)))
    asked = [known[answer["task"]] for answer in before[0][1]]
    options = {
        **record.options,
        **isolation_settings(sandbox, limits),
        "tasks": source,
        "tasks_sha256": fingerprint({"tasks": [task.model_dump() for task in asked]}),
    }
    made = record.model_copy(update={"options": options})
    return _with_answers(made, before, after, asked)


def series_of(record: Run) -> Series:
    """Return the answers of every model of a record, in the order of its models.

    Raises OptionError where they are not what an evaluation keeps.
    """
    series = [
        (model, [_answer(shown) for shown in record.shown("answer", model.id)])
        for model in record.models
    ]
    asked = [[answer["task"] for answer in answers] for _, answers in series]
    if not asked or not asked[0] or any(names != asked[0] for names in asked):
        raise OptionError("the record does not hold an answer of every model to every task")
    return series


def _answer(shown: Mapping[str, Any]) -> Answer:
    """Return an answer as it was; in JSON a number that is infinite is a text."""
    try:
        answer = ANSWERS.validate_python(shown)
        PromptStyle(answer["style"])
        outcomes = [Outcome(sample["outcome"]) for sample in answer["samples"]]
        if not outcomes:
            raise ValueError("no sample")
    except (ValidationError, ValueError) as error:
        name = shown.get("task", "a task")
        reason = "as records of older versions do" if "text" in str(error) else "it is damaged"
        raise OptionError(
            f"the answer to {name} cannot be judged again: it lacks or changes a part, {reason}"
        ) from error
    likely = answer.get("reference")
    if likely:
        numbers = {k: float(v) if isinstance(v, str) else v for k, v in likely.items()}
        answer["reference"] = numbers
    return answer


def _by_name(tasks: Sequence[Task]) -> Mapping[str, Task]:
    holes = (hole for task in tasks if (hole := fill_in_the_middle(task)))
    return {task.name: task for task in (*holes, *tasks)}


def _check_asked(answer: Answer, known: Mapping[str, Task], *, in_words: bool) -> None:
    """Raise OptionError where an answer is not one to the task of that name.

    With `in_words` the prompt holds what the task asks, as no template has changed it.
    """
    task = known.get(answer["task"])
    if task is None:
        raise OptionError(f"the record answers {answer['task']}, which is not among these tasks")
    asked = instruction(task).strip() if answer["style"] == PromptStyle.CHAT else task.prompt
    if in_words and task.prompt not in answer["prompt"] and asked not in answer["prompt"]:
        raise OptionError(
            f"{answer['task']} was asked in other words: its task has changed since the record"
        )


def _judged_again(
    model: str,
    answers: Sequence[Answer],
    known: Mapping[str, Task],
    executor: Executor,
    progress: Progress,
) -> list[Answer]:
    """Submit all programs of a model, then wait for them in turn."""
    waiting = [
        (
            answer,
            [_submitted(known[answer["task"]], answer, s, executor) for s in answer["samples"]],
        )
        for answer in answers
    ]
    done: list[Answer] = []
    for answer, pending in waiting:
        samples = [_sample(known[answer["task"]], *one) for one in pending]
        done.append({**answer, "samples": samples})
        progress(model, len(done), len(answers), done)
    return done


def _submitted(
    task: Task, answer: Answer, sample: Sample, executor: Executor
) -> tuple[Sample, Solution | None, Future[Execution] | None]:
    if sample["reason"] == NO_ROOM:
        return sample, None, None
    style = PromptStyle(answer["style"])
    prompt = Prompt(task, style, answer["prompt"], tuple(answer["prompt_tokens"]))
    text, rule = sample["text"].encode(), stop_rule(prompt)
    rule(text)
    solution = read_answer(prompt, text, end=rule.end, cut_off=sample["finish"] == "length")
    return sample, solution, executor.submit(task, solution)


def _sample(
    task: Task, sample: Sample, solution: Solution | None, execution: Future[Execution] | None
) -> Sample:
    if solution is None or execution is None:
        return sample
    return explained({**sample, **judged(task, solution, execution.result())})


def _with_answers(record: Run, before: Series, after: Series, asked: Sequence[Task]) -> Run:
    """Return the record with other answers, and all that follows from them counted again."""
    beside_first = record.options["reference"] is not None
    looks = record.options.get("looks", 1)
    renewed = {_key(row) for row in of_answers(before, beside_first=beside_first)[0]}
    renewed |= {_key(row) for row in record.select("rank_agreement")}
    kept = [row for row in record.measurements if _key(row) not in renewed]
    rows, flips = of_answers(after, beside_first=beside_first, looks=looks)
    rows = [*kept, *rows]
    exhibits = [
        Exhibit(kind="answer", model=model.id, content={**answer})
        for model, answers in after
        for answer in answers
    ]
    changed = {flip.model: {*flip.content["lost"], *flip.content["gained"]} for flip in flips}
    partings = [
        exhibit
        for exhibit in record.exhibits
        if exhibit.kind == "parting" and exhibit.content["task"] in changed.get(exhibit.model, ())
    ]
    return record.model_copy(
        update={
            "measurements": [*rows, *link(rows)],
            "exhibits": [*exhibits, *flips, *partings],
            "notes": [*_notes(record, before, after), *notes_of_tasks(asked)],
        }
    )


def _key(row: Measurement) -> tuple[str, str, str, str]:
    return row.metric, row.model, row.reference, row.group


def _notes(record: Run, before: Series, after: Series) -> list[Note]:
    """Return the notes that still hold, those of the new verdicts, and what has changed."""
    gone = {note.code for model, answers in before for note in notes_of(answers, model=model.id)}
    kept = [note for note in record.notes if note.code not in {*gone, *RENEWED}]
    new = [note for model, answers in after for note in notes_of(answers, model=model.id)]
    new += skipped([answer for _, answers in after for answer in answers])
    old, now = (
        [s["outcome"] for _, a in x for b in a for s in b["samples"]] for x in (before, after)
    )
    n = sum(first != second for first, second in zip(old, now, strict=True))
    return [
        *kept,
        *new,
        Note(code="rejudged", values={"n": n, "n_samples": len(now), "pyengine": __version__}),
    ]
