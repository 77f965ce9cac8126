"""Evaluate models on tasks: score references, generate, execute, keep, compare."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from pyengine import __version__
from pyengine.code.aggregate import References, measurements, notes_of
from pyengine.code.answers import Answer, executed
from pyengine.code.cost import cost
from pyengine.code.languages import LANGUAGES
from pyengine.code.likelihood import (
    pair_measurements,
    score_alone,
    score_beside,
)
from pyengine.code.linking import link
from pyengine.code.opening import Opened, prepare
from pyengine.code.options import EvaluationOptions
from pyengine.code.pairing import Answered, changes, sides
from pyengine.code.prompting import PromptStyle, n_hidden
from pyengine.code.sampling import Asked, Executor, Pending, sample
from pyengine.code.sandbox import Sandbox
from pyengine.code.store import TaskStore, fingerprint, task_key
from pyengine.code.tasks import Task, fill_in_the_middle
from pyengine.errors import NumbersError, OptionError, failure_values
from pyengine.measure.engine import Processes
from pyengine.measure.models import variant_ids
from pyengine.measure.provenance import provenance
from pyengine.measure.subjects import identify, open_subject, same_vocabulary
from pyengine.models.generation import GenerationStatistics
from pyengine.models.model import Model, open_model
from pyengine.models.options import ModelOptions, default_threads
from pyengine.run.measurement import Measurement
from pyengine.run.record import Exhibit, Note, Run

Progress: TypeAlias = Callable[[str, int, int, list[Answer]], object]


@dataclass
class _Found:
    """What is found as the evaluation goes on."""

    references: dict[str, References] = field(default_factory=dict)
    answered: list[Answered] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)
    exhibits: list[Exhibit] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    failures: dict[str, Exception] = field(default_factory=dict)

    def fail(self, opened: Opened, error: Exception) -> None:
        """Leave a model out."""
        self.failures[opened.id] = error
        values = failure_values(error, opened.subject.variant.path)
        self.notes.append(Note(code="model-failed", model=opened.id, values=values))


class Evaluation:
    """One set of tasks and options, applied to one model after the other."""

    def __init__(
        self,
        tasks: Sequence[Task],
        source: str,
        options: EvaluationOptions,
        sandbox: Sandbox,
        *,
        progress: Progress = lambda *_: None,
    ) -> None:
        """Take the tasks; raises OptionError where there are none, or options are impossible.

        Args:
            source: where the tasks came from, for the record.
            progress: called with (model name, tasks done, tasks in all, finished answers).
        """
        options.check()
        if options.style is PromptStyle.FIM:
            tasks = [hole for task in tasks if (hole := fill_in_the_middle(task))]
            if not tasks:
                raise OptionError(
                    f"{source}: no task is left to evaluate: no reference has a line "
                    "between others to take out"
                )
        if not tasks:
            raise OptionError(f"{source}: no task is left to evaluate")
        self.tasks = list(tasks)
        self.source = source
        self.options = options
        self._sandbox = sandbox
        self._progress = progress

    def run(self, paths: Sequence[Path], *, reference: Path | None = None) -> Run:
        """Evaluate each model, each against `reference` where one is given.

        Returns:
            a run of "evaluate", whose first model is the reference where there is one. Its
            metrics are those of `pyengine.run.metrics`, of all tasks and by language,
            level and outcome; beside a reference also what a variant does to the references'
            tokens. Exhibits: an "answer" for each model and task, "flips" for each variant.

        Raises:
            ModelFileError, ModelKindError: a file cannot be used.
            NumbersError: the reference, or every model, computes logits that are NaN or infinite;
                of several models, one that does is left out with a note.
        """
        everything = [reference, *paths] if reference else list(paths)
        found = _Found()
        with Processes() as processes:
            models = self._open_all(everything, processes, beside=reference is not None)
            base = models[0] if reference else None
            self._score(models, base, processes, found)
        with ExitStack() as stack:
            pool = stack.enter_context(ThreadPoolExecutor(self.options.jobs))
            executor = stack.enter_context(Executor(self._sandbox, self.options, pool))
            for opened in models:
                if opened.id in found.failures:
                    continue
                try:
                    self._write(opened, executor, found)
                except NumbersError as error:
                    if opened is base:
                        raise
                    found.fail(opened, error)
        if len(found.answered) == (1 if reference else 0):
            raise next(iter(found.failures.values()))
        return self._result(models, base, found)

    def _open_all(
        self, paths: Sequence[Path], processes: Processes, *, beside: bool
    ) -> list[Opened]:
        """Describe every model, and tokenize what it is asked."""
        how = ModelOptions(n_gpu_layers=self.options.gpu_layers)
        subjects = [
            open_subject(identify(name, path, how), processes)
            for name, path in zip(variant_ids(paths), paths, strict=True)
        ]
        return [
            prepare(subject, subjects if beside else [subject], self.tasks, self.options)
            for subject in subjects
        ]

    def _score(
        self,
        models: Sequence[Opened],
        base: Opened | None,
        processes: Processes,
        found: _Found,
    ) -> None:
        """Let every model score the references, variants of one vocabulary beside the first."""
        beside = [
            opened
            for opened in models[1:]
            if base is not None and same_vocabulary(base.subject.info, opened.subject.info)
        ]
        for opened in models:
            if opened in beside:
                continue
            try:
                seen = score_alone(opened.scoring, opened.subject, processes)
            except NumbersError as error:
                if opened is base:
                    raise
                found.fail(opened, error)
            else:
                found.references[opened.id] = opened.scoring.contents(seen)
        if base is None or not beside:
            return
        subjects = [opened.subject for opened in beside]
        series = score_beside(base.scoring, base.subject, subjects, processes)
        for opened in beside:
            failure = series[opened.id].failure
            if failure is not None:
                found.fail(opened, failure.kind(f"{opened.subject.variant.path}: {failure.reason}"))
                continue
            observations = series[opened.id].observations
            found.references[opened.id] = base.scoring.contents(observations[:-1])
            found.measurements += pair_measurements(
                base.scoring, observations, model=opened.id, reference=base.id
            )

    def _write(self, opened: Opened, executor: Executor, found: _Found) -> None:
        """Let one model answer all tasks."""
        seed = self.options.sampling.seed
        references = found.references[opened.id]
        how = opened.subject.variant.options
        with open_model(opened.subject.variant.path, options=how) as model:
            store = self._store(opened)
            try:
                asked = [Asked(*pair) for pair in zip(self.tasks, opened.prompts, strict=True)]
                answers, statistics = self._sample(model, asked, store, executor)
            finally:
                store.close()
            hidden = n_hidden(self.tasks, opened.prompts)
            if hidden:
                values = {"n": hidden, "n_prompts": len(opened.prompts)}
                found.notes.append(Note(code="request-hidden", model=opened.id, values=values))
            found.notes += notes_of(answers, model=opened.id)
            found.notes += _context_notes(opened.id, model)
        found.answered.append(Answered(opened.info, answers, references))
        found.measurements += measurements(answers, references, model=opened.id, seed=seed)
        found.measurements += cost(answers, statistics, model=opened.id)
        for answer in answers:
            content: dict[str, Any] = {**answer, "reference": references.get(answer["task"])}
            found.exhibits.append(Exhibit(kind="answer", model=opened.id, content=content))

    def _store(self, opened: Opened) -> TaskStore:
        unimportant = ("tasks", "tasks_sha256", "n_tasks")
        settings = {k: v for k, v in self.settings().items() if k not in unimportant}
        key = fingerprint(
            {
                "version": __version__,
                "model": opened.subject.variant.sha256,
                "style": opened.style.value,
                "gpu_layers": self.options.gpu_layers,  # a record names the devices that computed
                "settings": settings,
            }
        )
        store = TaskStore(self.options.folder, key)
        if not self.options.resume:
            store.forget()
        return store

    def _sample(
        self, model: Model, asked: Sequence[Asked], store: TaskStore, executor: Executor
    ) -> tuple[list[Answer], GenerationStatistics]:
        keys = {item.task.name: task_key(item.task) for item in asked}
        done = {
            name: answer
            for name, key in keys.items()
            if (answer := store.get(key)) and not _can_now_run(answer)
        }
        missing = [item for item in asked if item.task.name not in done]
        waiting: dict[str, list[Pending]] = {}
        statistics = GenerationStatistics()

        def keep(*, wait: bool) -> None:
            for name, pending in list(waiting.items()):
                whole = len(pending) == self.options.samples
                if whole and (wait or all(item.execution.done() for item in pending)):
                    answer = _answer(waiting.pop(name))
                    store.put(keys[name], answer)
                    done[name] = answer
                    self._progress(model.path.name, len(done), len(asked), list(done.values()))

        self._progress(model.path.name, len(done), len(asked), list(done.values()))
        for pending in sample(model, missing, self.options, executor, statistics):
            waiting.setdefault(pending.asked.task.name, []).append(pending)
            keep(wait=False)
        keep(wait=True)
        return [done[item.task.name] for item in asked], statistics

    def settings(self) -> dict[str, Any]:
        """Return all that decides what is measured; `isolation` is how programs were kept away."""
        options, limits = self.options, self.options.limits
        return {
            "tasks": self.source,
            "tasks_sha256": fingerprint({"tasks": [task.model_dump() for task in self.tasks]}),
            "n_tasks": len(self.tasks),
            "samples": options.samples,
            "max_tokens": options.max_tokens,
            "thinking_tokens": options.thinking_tokens,
            **asdict(options.sampling),
            "isolation": self._sandbox.isolation.value,
            "cpu_s": limits.cpu_s,
            "wall_s": limits.wall_s,
            "memory_bytes": limits.memory_bytes,
        }

    def _result(self, models: Sequence[Opened], base: Opened | None, found: _Found) -> Run:
        seed = self.options.sampling.seed
        if base is not None:
            first, *others = found.answered
            for model in others:
                found.measurements += changes(model, first, seed=seed)
                rows, exhibit = sides(model, first)
                found.measurements += rows
                found.exhibits.append(exhibit)
        found.measurements += link(found.measurements)
        found.notes += _skipped(found.answered)
        return Run(
            command="evaluate",
            options={**self.settings(), "reference": base.id if base else None},
            provenance=provenance(
                threads=self.options.threads or default_threads(),
                devices=[device for opened in models for device in opened.subject.devices],
                seed=seed,
            ),
            models=[model.info for model in found.answered],
            measurements=found.measurements,
            exhibits=found.exhibits,
            notes=found.notes,
        )


def _context_notes(id: str, model: Model) -> list[Note]:  # noqa: A002 - the field's own name
    """Return a note where a model was given more positions than it was trained with."""
    positions, trained = model.longest_context, model.n_ctx_train
    if not 0 < trained < positions:
        return []
    values = {"positions": positions, "trained": trained}
    return [Note(code="beyond-trained-context", model=id, values=values)]


def _skipped(answered: Sequence[Answered]) -> list[Note]:
    """Return the languages whose programs were not executed, and which toolchain is missing."""
    answers = [answer for model in answered for answer in model.answers]
    skipped = {a["language"] for a in answers if len(executed(a)) < len(a["samples"])}
    missing = {name: LANGUAGES[name].missing() for name in LANGUAGES if name in skipped}
    return [
        Note(code="language-skipped", values={"language": name, "tools": list(tools)})
        for name, tools in missing.items()
        if tools
    ]


def _can_now_run(answer: Answer) -> bool:
    """Return whether a task was skipped for want of a toolchain that has come since."""
    skipped = len(executed(answer)) < len(answer["samples"])
    return skipped and not LANGUAGES[answer["language"]].missing()


def _answer(pending: Sequence[Pending]) -> Answer:
    task, prompt = pending[0].asked.task, pending[0].asked.prompt
    samples = [item.sample() for item in pending]
    return Answer(
        task=task.name,
        language=task.language,
        level=task.level,
        style=prompt.style.value,
        prompt=prompt.text,
        prompt_tokens=list(prompt.tokens),
        samples=sorted(samples, key=lambda item: item["seed"]),
    )


def default_jobs() -> int:
    """Return how many programs to run at once: the cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
