"""Evaluate models on tasks: score references, generate, execute, keep, compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pyengine import __version__
from pyengine.code.aggregate import link, notes_of, of_answers, skipped, writing_cost
from pyengine.code.answers import Answer, Progress, executed
from pyengine.code.known import notes_of_tasks
from pyengine.code.languages import LANGUAGES
from pyengine.code.libraries import missing
from pyengine.code.likelihood import (
    Scoring,
    pair_measurements,
    reference_text,
    score_alone,
    score_beside,
    token_sets,
)
from pyengine.code.options import EvaluationOptions
from pyengine.code.partings import partings
from pyengine.code.prompting import Prompt, PromptStyle, build_prompts, n_hidden
from pyengine.code.sampling import Executor, answer_all, isolation_settings
from pyengine.code.sandbox import Sandbox
from pyengine.code.store import TaskStore, fingerprint
from pyengine.code.style import TEMPLATE_UNUSED, choose_style, how_asked
from pyengine.code.style_check import ChatAnswer, chat_answers, chat_gain
from pyengine.code.tasks import Task, asked_of
from pyengine.errors import NumbersError, OptionError, failure_values
from pyengine.files import making_folder
from pyengine.measure.engine import Processes
from pyengine.measure.found import beyond_trained
from pyengine.measure.models import variant_ids
from pyengine.measure.provenance import provenance
from pyengine.measure.start_tokens import natural_start
from pyengine.measure.subjects import (
    Subject,
    identify,
    open_subject,
    padding_ids,
    same_vocabulary,
)
from pyengine.models.generation import GenerationStatistics
from pyengine.models.model import Model, open_model
from pyengine.models.options import ModelOptions, SessionOptions, default_threads
from pyengine.run.record import Exhibit, ModelInfo, Note, Run

SCORING_CELLS = 4096


@dataclass(eq=False)
class Evaluated:
    """A model, how it is asked, what its references are, and what came of it so far.

    Attributes:
        asked: in which style, and the code that says why; the day that its template was told.
        in_chat: some references as a chat's answers, where the style was chosen by evidence.
        likely: by task how likely its reference is; see `Scoring.contents`.
        failure: why the model is left out.
    """

    subject: Subject
    prompts: Sequence[Prompt]
    asked: Mapping[str, str]
    scoring: Scoring
    in_chat: Sequence[ChatAnswer] = ()
    likely: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    failure: Exception | None = None

    @property
    def id(self) -> str:
        """The name by which the run means it."""
        return self.subject.info.id

    @property
    def info(self) -> ModelInfo:
        """What its file says, and how it was asked."""
        info = self.subject.info
        return info.model_copy(update={"settings": {**info.settings, **self.asked}})


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
        holes = options.style is PromptStyle.FIM
        every = asked_of(tasks, holes=holes, limit=None, seed=0)
        if not every:
            why = ": no reference has a line between others to take out" if tasks else ""
            raise OptionError(f"{source}: no task is left to evaluate{why}")
        self.n_in_set = len(every)
        seed = options.sampling.seed
        self.tasks = asked_of(tasks, holes=holes, limit=options.limit, seed=seed)
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
        with Processes() as processes:
            models = self._open_all(everything, processes, beside=reference is not None)
            base = models[0] if reference else None
            run = self._empty_run(models, base)
            self._score(models, base, processes, run)
            _check_styles(models, base, processes, run)
        with Executor(self._sandbox, self.options.limits, self.options.jobs) as executor:
            for model in models:
                if model.failure is None:
                    try:
                        self._write(model, executor, run)
                    except NumbersError as error:
                        _leave_out(model, error, base, run)
        finished = [model for model in models if model.failure is None]
        if len(finished) == (1 if reference else 0):
            raise next(model.failure for model in models if model.failure is not None)
        series = [(model.info, model.answers) for model in finished]
        rows, flips = of_answers(series, beside_first=base is not None)
        run.measurements.extend(rows)
        run.measurements.extend(link(run.measurements))
        run.exhibits.extend(flips)
        if base is not None and self.options.sampling.temperature == 0:
            told = [(model.subject, model.answers) for model in finished]
            run.exhibits.extend(partings(told, flips, threads=self.options.threads))
        run.notes.extend(skipped([answer for model in finished for answer in model.answers]))
        run.notes.extend(notes_of_tasks(self.tasks))
        return run.model_copy(update={"models": [model.info for model in finished]})

    def _open_all(
        self, paths: Sequence[Path], processes: Processes, *, beside: bool
    ) -> list[Evaluated]:
        """Describe every model, and tokenize what it is asked."""
        how = ModelOptions(n_gpu_layers=self.options.gpu_layers)
        subjects = [
            open_subject(identify(name, path, how), processes)
            for name, path in zip(variant_ids(paths), paths, strict=True)
        ]
        return [self._open(subject, subjects if beside else [subject]) for subject in subjects]

    def _open(self, subject: Subject, subjects: Sequence[Subject]) -> Evaluated:
        """Tokenize what a model is asked and the references that it scores.

        Of all subjects that are set beside each other, those with one vocabulary score references
        that none of them finds too long.
        """
        alike = [s for s in subjects if same_vocabulary(s.info, subject.info)]
        trained = [s.info.n_ctx_train for s in alike if s.info.n_ctx_train > 0]
        learned = [s.n_positions for s in alike if s.n_positions is not None]
        longest = min([SCORING_CELLS, *trained, *learned])
        alone = ModelOptions(vocabulary_only=True)
        with open_model(subject.variant.path, options=alone) as model:
            vocabulary = model.vocabulary
            chosen = choose_style(model, asked=self.options.style)
            found = [reference_text(task, vocabulary, longest=longest) for task in self.tasks]
            padding = padding_ids(vocabulary, subject.info.n_vocab)
            scoring = Scoring(
                texts=[text for text in found if text is not None],
                start=natural_start(model).ids,
                sets=token_sets(vocabulary, padding),
                padding=padding,
                session=SessionOptions(
                    n_ctx=longest, n_batch=min(512, longest), threads=self.options.threads
                ),
                n_vocab=subject.info.n_vocab,
            )
            day = self.options.day
            prompts = build_prompts(self.tasks, model, chosen.style, day=day)
            is_open = self.options.style is None and model.chat_template is not None
            return Evaluated(
                subject,
                prompts,
                how_asked(model, chosen, day),
                scoring,
                chat_answers(self.tasks, model, day=day, longest=longest) if is_open else (),
            )

    def _score(
        self,
        models: Sequence[Evaluated],
        base: Evaluated | None,
        processes: Processes,
        run: Run,
    ) -> None:
        """Let every model score the references, variants of one vocabulary beside the first."""
        variants = [
            model
            for model in models[1:]
            if base is not None and same_vocabulary(base.subject.info, model.subject.info)
        ]
        for model in models:
            if model in variants:
                continue
            try:
                seen = score_alone(model.scoring, model.subject, processes)
                model.likely = model.scoring.contents(seen)
            except NumbersError as error:
                _leave_out(model, error, base, run)
        if base is None or not variants:
            return
        series = score_beside(base.scoring, base.subject, [m.subject for m in variants], processes)
        for model in variants:
            failure = series[model.id].failure
            if failure is not None:
                reason = f"{model.subject.variant.path}: {failure.reason}"
                _leave_out(model, failure.kind(reason), base, run)
                continue
            seen = series[model.id].observations
            model.likely = base.scoring.contents(seen[:-1])
            run.measurements.extend(
                pair_measurements(base.scoring, seen, model=model.id, reference=base.id)
            )

    def _write(self, model: Evaluated, executor: Executor, run: Run) -> None:
        """Let one model answer all tasks."""
        statistics = GenerationStatistics()
        variant = model.subject.variant
        store = TaskStore(self.options.folder, self._key(model))
        with (
            making_folder(store.folder),
            open_model(variant.path, options=variant.options) as opened,
        ):
            answers = self._answers(opened, model.prompts, store, executor, statistics)
            positions = opened.longest_context
        for answer in answers:
            content: Answer = {**answer, "reference": model.likely.get(answer["task"])}
            model.answers.append(content)
            run.exhibits.append(Exhibit(kind="answer", model=model.id, content={**content}))
        if model.asked["style_reason"] in TEMPLATE_UNUSED:
            run.notes.append(Note(code="template-unused", model=model.id))
        if hidden := n_hidden(model.prompts):
            values = {"n": hidden, "n_prompts": len(model.prompts)}
            run.notes.append(Note(code="request-hidden", model=model.id, values=values))
        run.notes.extend(notes_of(answers, model=model.id))
        run.notes.extend(beyond_trained([(model.id, model.info.n_ctx_train)], positions))
        run.measurements.extend(writing_cost(answers, statistics, model=model.id))

    def _key(self, model: Evaluated) -> str:
        """Return the hash of all that decides a model's answers, but for the task."""
        unimportant = ("tasks", "tasks_sha256", "n_tasks", "n_in_set")
        return fingerprint(
            {
                "version": __version__,
                "model": model.subject.variant.sha256,
                **{name: model.asked.get(name) for name in ("style", "day")},
                "gpu_layers": self.options.gpu_layers,  # a record names the devices that computed
                "settings": {k: v for k, v in self.settings().items() if k not in unimportant},
            }
        )

    def _answers(
        self,
        model: Model,
        prompts: Sequence[Prompt],
        store: TaskStore,
        executor: Executor,
        statistics: GenerationStatistics,
    ) -> list[Answer]:
        """Return the answers to all tasks: those that the store has, and new ones."""
        tasks = {task.name: task for task in self.tasks}
        done: dict[str, Answer] = {}
        for task in self.tasks:
            if not self.options.resume:
                store.forget(task)
            elif (answer := store.get(task)) and not _can_now_run(task, answer):
                done[task.name] = answer
        missing = [prompt for prompt in prompts if prompt.task.name not in done]
        self._progress(model.path.name, len(done), len(tasks), list(done.values()))
        for answer in answer_all(model, missing, self.options, executor, statistics):
            store.put(tasks[answer["task"]], answer)
            done[answer["task"]] = answer
            self._progress(model.path.name, len(done), len(tasks), list(done.values()))
        return [done[name] for name in tasks]

    def settings(self) -> dict[str, Any]:
        """Return all that decides what is measured; `isolation` is how programs were kept away."""
        options = self.options
        return {
            "tasks": self.source,
            "tasks_sha256": fingerprint({"tasks": [task.model_dump() for task in self.tasks]}),
            "n_tasks": len(self.tasks),
            "n_in_set": self.n_in_set,
            "samples": options.samples,
            "max_tokens": options.max_tokens,
            "thinking_tokens": options.thinking_tokens,
            **asdict(options.sampling),
            **isolation_settings(self._sandbox, options.limits),
        }

    def _empty_run(self, models: Sequence[Evaluated], base: Evaluated | None) -> Run:
        return Run(
            command="evaluate",
            options={**self.settings(), "reference": base.id if base else None},
            provenance=provenance(
                threads=self.options.threads or default_threads(),
                devices=[device for model in models for device in model.subject.devices],
                seed=self.options.sampling.seed,
            ),
            models=[],
        )


def _check_styles(
    models: Sequence[Evaluated], base: Evaluated | None, processes: Processes, run: Run
) -> None:
    """Measure beside each model's chosen style how it takes the references in a chat."""
    for model in models:
        if model.failure is not None:
            continue
        try:
            found = chat_gain(model.in_chat, model.likely, model.scoring, model.subject, processes)
        except NumbersError as error:
            _leave_out(model, error, base, run)
            continue
        if found is not None:
            run.measurements.append(found)


def _leave_out(model: Evaluated, error: Exception, base: Evaluated | None, run: Run) -> None:
    """Note why a model has no numbers; raise the error where it is the reference."""
    if model is base:
        raise error
    model.failure = error
    values = failure_values(error, model.subject.variant.path)
    run.notes.append(Note(code="model-failed", model=model.id, values=values))


def _can_now_run(task: Task, answer: Answer) -> bool:
    """Return whether a task was skipped for want of a toolchain or library that has come since."""
    skipped = len(executed(answer)) < len(answer["samples"])
    return skipped and not LANGUAGES[task.language].missing() and not missing(task)
