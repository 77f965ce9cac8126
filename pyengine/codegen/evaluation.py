"""Evaluate models on tasks: score references, generate, execute, keep, compare."""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from pyengine import __version__
from pyengine.codegen.aggregate import groups, warnings
from pyengine.codegen.languages import LANGUAGES
from pyengine.codegen.linking import link
from pyengine.codegen.measures import reference_text, score_reference
from pyengine.codegen.options import EvaluationOptions
from pyengine.codegen.pairing import pair
from pyengine.codegen.prompting import PromptStyle, build_prompts, choose_style, unseen
from pyengine.codegen.records import (
    CostRecord,
    EvaluationResult,
    EvaluationSettings,
    ModelEvaluation,
    ReferenceRecord,
    SampleRecord,
    TaskRecord,
    TokenLevelRecord,
)
from pyengine.codegen.sampling import Asked, Executor, Pending, sample
from pyengine.codegen.sandbox import Sandbox
from pyengine.codegen.store import TaskStore, fingerprint, task_key
from pyengine.codegen.tasks import Task, fill_in_the_middle
from pyengine.codegen.token_level import TokenLevelSums
from pyengine.engine.generation import GenerationStatistics
from pyengine.engine.model import Model, open_model
from pyengine.engine.options import ModelOptions, SessionOptions
from pyengine.engine.session import Session, default_threads
from pyengine.engine.vocabulary_hash import vocabulary_sha256
from pyengine.errors import NumbersError, OptionError
from pyengine.results import Note, context_notes, failed, model_record, provenance

Progress = Callable[[str, int, int, list[TaskRecord]], object]
SCORING_CELLS = 4096


@dataclass
class _Scores:
    references: dict[str, ReferenceRecord | None]
    token_level: TokenLevelRecord | None
    seconds: float


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
            progress: called with (model name, tasks done, tasks in all, finished records).
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

    def run(self, paths: Sequence[Path], *, reference: Path | None = None) -> EvaluationResult:
        """Evaluate each model, each against `reference` where one is given.

        Raises:
            NumbersError: the reference, or every model, computes logits that are NaN or infinite;
                of several models, one that does is left out with a note.
        """
        everything = [reference, *paths] if reference else list(paths)
        with ExitStack() as stack:
            pool = stack.enter_context(ThreadPoolExecutor(self.options.jobs))
            executor = stack.enter_context(Executor(self._sandbox, self.options, pool))
            base = stack.enter_context(self._open(reference)) if reference else None
            models: list[ModelEvaluation] = []
            notes: list[Note] = []
            failures: list[NumbersError] = []
            devices: list[str] = []
            for number, path in enumerate(everything):
                with self._open(path) as model:
                    against = base if number > 0 else None
                    try:
                        models.append(self._evaluate(model, against, executor))
                    except NumbersError as error:
                        if error.path == str(reference):
                            raise
                        failures.append(error)
                        continue
                    notes += context_notes(model)
                    devices = model.devices
        if len(models) == (1 if reference else 0):
            raise failures[0]
        return self._result(
            models, reference is not None, devices, [*map(failed, failures), *notes]
        )

    def _open(self, path: Path) -> Model:
        return open_model(path, options=ModelOptions(n_gpu_layers=self.options.gpu_layers))

    def _result(
        self,
        models: list[ModelEvaluation],
        has_reference: bool,
        devices: list[str],
        notes: list[Note],
    ) -> EvaluationResult:
        seed = self.options.sampling.seed
        threads = self.options.threads or default_threads()
        rest = models[1:] if has_reference else []
        records = [record for model in models for record in model.tasks]
        skipped = {r.language for r in records if len(r.executed) < len(r.samples)}
        languages = [name for name in LANGUAGES if name in skipped]
        missing = {name: LANGUAGES[name].missing() for name in languages}
        return EvaluationResult(
            provenance=provenance(threads=threads, devices=devices, seed=seed),
            notes=notes,
            settings=self.settings(),
            models=models,
            paired=[pair(model, models[0], seed=seed) for model in rest],
            links=link(models),
            skipped={name: reason for name, reason in missing.items() if reason},
        )

    def settings(self) -> EvaluationSettings:
        """Return all that decides what is measured."""
        options, limits, sampling = self.options, self.options.limits, self.options.sampling
        return EvaluationSettings(
            tasks=self.source,
            tasks_sha256=fingerprint({"tasks": [task.model_dump() for task in self.tasks]}),
            n_tasks=len(self.tasks),
            samples=options.samples,
            max_tokens=options.max_tokens,
            thinking_tokens=options.thinking_tokens,
            temperature=sampling.temperature,
            top_k=sampling.top_k,
            top_p=sampling.top_p,
            min_p=sampling.min_p,
            seed=sampling.seed,
            isolation=self._sandbox.isolation.value,
            cpu_s=limits.cpu_s,
            wall_s=limits.wall_s,
            memory_bytes=limits.memory_bytes,
        )

    def _evaluate(
        self, model: Model, reference: Model | None, executor: Executor
    ) -> ModelEvaluation:
        style = self.options.style or choose_style(model)
        prompts = build_prompts(self.tasks, model, style)
        scores = self._score(model, reference)
        store = self._store(model, style)
        try:
            asked = [Asked(*pair) for pair in zip(self.tasks, prompts, strict=True)]
            records, statistics = self._sample(model, asked, scores, store, executor)
        finally:
            store.close()
        cost = _cost(records, statistics, scores.seconds)
        seed = self.options.sampling.seed
        found = groups(records, seed=seed)
        return ModelEvaluation(
            model=model_record(model, vocabulary_sha256=vocabulary_sha256(model.vocabulary)),
            style=style,
            groups=found,
            cost=cost,
            token_level=scores.token_level,
            warnings=[*unseen(self.tasks, prompts), *warnings(found[0], records)],
            tasks=records,
        )

    def _store(self, model: Model, style: PromptStyle) -> TaskStore:
        settings = self.settings().model_dump(exclude={"tasks", "tasks_sha256", "n_tasks"})
        key = fingerprint(
            {
                "version": __version__,
                "model": model.sha256,
                "style": style.value,
                "gpu_layers": self.options.gpu_layers,  # a record names the devices that computed
                "settings": settings,
            }
        )
        store = TaskStore(self.options.folder, key)
        if not self.options.resume:
            store.forget()
        return store

    def _score(self, model: Model, reference: Model | None) -> _Scores:
        """Score every reference solution, and set the variant's rows beside the reference's."""
        started = time.perf_counter()
        beside = reference
        if reference is not None and not _same_vocabulary(model, reference):
            beside = None
        read = [opened.n_ctx_train for opened in (model, beside) if opened is not None]
        longest = min(SCORING_CELLS, *(length for length in read if length > 0))
        session = self._scoring_session(model, longest)
        other = None if beside is None else self._scoring_session(beside, longest)
        sums = TokenLevelSums(model.vocabulary)
        found: dict[str, ReferenceRecord | None] = {}
        for task in self.tasks:
            text = reference_text(task, model.vocabulary, longest=longest)
            found[task.name] = None
            if text is None:
                continue
            rows = text.rows(session)
            score = score_reference(rows, text, model.vocabulary)
            found[task.name] = ReferenceRecord.model_validate(
                {**asdict(score), "keyword_ranks": list(score.keyword_ranks)}
            )
            if other is not None:
                sums.add(text.rows(other), rows, text.targets, task.language)
        level = None
        if other is not None:
            level = TokenLevelRecord.model_validate(asdict(sums.finish(other, session)))
        return _Scores(found, level, time.perf_counter() - started)

    def _scoring_session(self, model: Model, longest: int) -> Session:
        return Session(
            model,
            options=SessionOptions(
                n_ctx=longest, n_batch=min(512, longest), threads=self.options.threads
            ),
        )

    def _sample(
        self,
        model: Model,
        asked: Sequence[Asked],
        scores: _Scores,
        store: TaskStore,
        executor: Executor,
    ) -> tuple[list[TaskRecord], GenerationStatistics]:
        keys = {item.task.name: task_key(item.task) for item in asked}
        done = {
            name: record
            for name, key in keys.items()
            if (record := store.get(key)) and not _can_now_run(record)
        }
        missing = [item for item in asked if item.task.name not in done]
        waiting: dict[str, list[Pending]] = {}
        statistics = GenerationStatistics()

        def keep(*, wait: bool) -> None:
            for name, pending in list(waiting.items()):
                whole = len(pending) == self.options.samples
                if whole and (wait or all(item.execution.done() for item in pending)):
                    record = _task_record(waiting.pop(name), scores)
                    store.put(keys[name], record)
                    done[name] = record
                    self._progress(model.path.name, len(done), len(asked), list(done.values()))

        self._progress(model.path.name, len(done), len(asked), list(done.values()))
        for pending in sample(model, missing, self.options, executor, statistics):
            waiting.setdefault(pending.asked.task.name, []).append(pending)
            keep(wait=False)
        keep(wait=True)
        return [done[item.task.name] for item in asked], statistics


def _can_now_run(record: TaskRecord) -> bool:
    """Return whether a task was skipped for want of a toolchain that has come since."""
    skipped = len(record.executed) < len(record.samples)
    return skipped and not LANGUAGES[record.language].missing()


def _same_vocabulary(first: Model, second: Model) -> bool:
    return vocabulary_sha256(first.vocabulary) == vocabulary_sha256(second.vocabulary)


def _task_record(pending: Sequence[Pending], scores: _Scores) -> TaskRecord:
    task, prompt = pending[0].asked.task, pending[0].asked.prompt
    samples: list[SampleRecord] = [item.record() for item in pending]
    return TaskRecord(
        task=task.name,
        language=task.language,
        level=task.level,
        style=prompt.style,
        prompt=prompt.text,
        prompt_tokens=list(prompt.tokens),
        reference=scores.references[task.name],
        samples=sorted(samples, key=lambda item: item.seed),
    )


def _cost(
    records: Sequence[TaskRecord],
    statistics: GenerationStatistics,
    scoring_s: float,
) -> CostRecord:
    samples = [item for record in records for item in record.samples]
    seconds = statistics.prompt_s + statistics.generation_s
    return CostRecord(
        prompt_tokens=statistics.prompt_tokens,
        generated_tokens=sum(item.tokens for item in samples),
        generation_s=seconds,
        tokens_per_s=statistics.generated_tokens / seconds if seconds else float("nan"),
        scoring_s=scoring_s,
        execution_s=sum(item.wall_s for item in samples),
        thinking_share=_share(samples, lambda item: bool(item.thinking)),
        trimmed_share=_share(samples, lambda item: item.trimmed),
        length_share=_share(samples, lambda item: item.finish.value == "length"),
    )


def _share(samples: Sequence[SampleRecord], holds: Callable[[SampleRecord], bool]) -> float:
    return sum(map(holds, samples)) / len(samples)


def default_jobs() -> int:
    """Return how many programs to run at once: the cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
