"""Evaluate models on tasks: score references, generate, execute, keep, compare."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from copy import copy
from dataclasses import asdict, replace
from functools import partial
from itertools import pairwise
from typing import Any, TypeAlias

from pyengine import __version__
from pyengine.code.aggregate import beside, link, notes_of, of_answers, skipped, writing_cost
from pyengine.code.answers import Answer, Progress
from pyengine.code.benchmarks import repository_of
from pyengine.code.evaluated import Evaluated, check_styles, leave_out
from pyengine.code.known import notes_of_tasks
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
from pyengine.code.resuming import kept_and_new
from pyengine.code.sampling import Executor, isolation_settings
from pyengine.code.sandbox import Sandbox
from pyengine.code.store import TaskStore, fingerprint
from pyengine.code.style import TEMPLATE_UNUSED, choose_style, how_asked
from pyengine.code.style_check import chat_answers
from pyengine.code.tasks import Task, asked_of, ideas_as_drawn
from pyengine.errors import NumbersError, OptionError
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
from pyengine.models.model import open_model
from pyengine.models.options import ModelOptions, SessionOptions, used_threads
from pyengine.models.settings import Given, ModelSpec
from pyengine.run.record import Exhibit, Note, Run
from pyengine.statistics.looks import look_points

SCORING_CELLS = 4096
# What was spent on the answers of each model.
Spent: TypeAlias = "defaultdict[str, GenerationStatistics]"


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
            progress: called with (model name, or what is done before the first answer; tasks or
                steps done; all of them; finished answers).
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
        self.most_tasks = len(self.tasks)
        self.looks = 1
        self.source = source
        self.options = options
        self._sandbox = sandbox
        self._progress = progress

    def run(self, models: Sequence[Given], *, reference: Given | None = None) -> Run:
        """Evaluate each model, each against `reference` where one is given.

        With `until_decided` ideas are asked as they are drawn by the seed, until every variant is
        decided at one of the looks, or all of them are asked.

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
        given = [*models] if reference is None else [reference, *models]
        everything = [ModelSpec.of(each) for each in given]
        spent: Spent = defaultdict(GenerationStatistics)
        if not self.options.until_decided:
            return self._all(everything, spent, compared=reference is not None)
        return self._narrowed(everything, spent)._all(everything, spent, compared=True)

    def _narrowed(self, specs: Sequence[ModelSpec], spent: Spent) -> Evaluation:
        """Let all models answer until it is decided how they stand to the first of them.

        Returns an evaluation of the tasks that were asked, the answers to which are kept.
        """
        found, ideas = copy(self), ideas_as_drawn(self.tasks, self.options.sampling.seed)
        points = look_points(len(ideas))
        found.looks, asked = len(points), set[str]()
        with Processes() as processes:
            models = self._open_all(specs, processes, beside=True)
        if not self.options.resume:  # those of tasks that will not be asked, too
            for store in map(self._store, models):
                for task in self.tasks:
                    store.forget(task)
        found.options = replace(self.options, resume=True)
        with Executor(self._sandbox, self.options.limits, self.options.jobs) as executor:
            for begin, end in pairwise((0, *points)):
                new = {task.name for members in ideas[begin:end] for task in members}
                asked |= new
                for model in (model for model in models if model.failure is None):
                    prompts = [prompt for prompt in model.prompts if prompt.task.name in new]
                    try:
                        answers, _ = found._asked(model, prompts, executor, spent[model.id])
                        model.answers.extend(answers)
                    except NumbersError as error:
                        model.failure = error
                found.tasks = [task for task in self.tasks if task.name in asked]
                if found._decided(models):
                    break
        return found

    def _decided(self, models: Sequence[Evaluated]) -> bool:
        """Return whether enough is known of every variant, or the reference failed.

        A variant is told from the reference where the interval of its change leaves out zero, as
        that follows the exact test, and is like it where all of it lies within the margin.
        """
        base, *variants = [model for model in models if model.failure is None or model is models[0]]
        if base.failure is not None:
            return True
        series = [(model.info, model.answers) for model in variants]
        rows, _ = beside(series, base.info, base.answers, looks=self.looks)
        changes = [row for row in rows if row.metric == "pass_at_1_change"]
        return len(changes) == len(variants) and all(
            row.low > 0.0 or row.high < 0.0 or max(-row.low, row.high) <= self.options.margin
            for row in changes
        )

    def _all(self, specs: Sequence[ModelSpec], spent: Spent, *, compared: bool) -> Run:
        """Evaluate each model on all tasks, where `compared` beside the first."""
        with Processes() as processes:
            models = self._open_all(specs, processes, beside=compared)
            base = models[0] if compared else None
            run = self._empty_run(models, base)
            if self.options.likelihoods:
                self._score(models, base, processes, run)
                check_styles(models, base, processes, run)
        with Executor(self._sandbox, self.options.limits, self.options.jobs) as executor:
            for model in models:
                if model.failure is None:
                    try:
                        self._write(model, executor, run, spent[model.id])
                    except NumbersError as error:
                        leave_out(model, error, base, run)
        finished = [model for model in models if model.failure is None]
        if len(finished) == (1 if compared else 0):
            raise next(model.failure for model in models if model.failure is not None)
        series = [(model.info, model.answers) for model in finished]
        rows, flips = of_answers(series, beside_first=compared, looks=self.looks)
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
        self, specs: Sequence[ModelSpec], processes: Processes, *, beside: bool
    ) -> list[Evaluated]:
        """Describe every model, and tokenize what it is asked."""
        how = ModelOptions(n_gpu_layers=self.options.gpu_layers)
        subjects = []
        for number, (name, spec) in enumerate(zip(variant_ids(specs), specs, strict=True)):
            self._progress("open the models", number, len(specs), [])
            subjects.append(open_subject(identify(name, spec, how), processes))
        self._progress("open the models", len(specs), len(specs), [])
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
                start=natural_start(model.vocabulary).ids,
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
                tell = partial(self._tell_scoring, model)
                seen = score_alone(model.scoring, model.subject, processes, tell)
                model.likely = model.scoring.contents(seen)
            except NumbersError as error:
                leave_out(model, error, base, run)
        if base is None or not variants:
            return
        tell = partial(self._tell_scoring, base)
        subjects = [model.subject for model in variants]
        series = score_beside(base.scoring, base.subject, subjects, processes, tell)
        for model in variants:
            failure = series[model.id].failure
            if failure is not None:
                reason = f"{model.subject.variant.path}: {failure.reason}"
                leave_out(model, failure.kind(reason), base, run)
                continue
            seen = series[model.id].observations
            model.likely = base.scoring.contents(seen[:-1])
            rows = pair_measurements(
                base.scoring, seen, model=model.id, reference=base.id, looks=self.looks
            )
            run.measurements.extend(rows)

    def _tell_scoring(self, model: Evaluated, part: float) -> None:
        n = len(model.scoring.texts)
        what = f"{model.id} reads the right solutions"
        self._progress(what, round(part * n), n, [])

    def _write(
        self, model: Evaluated, executor: Executor, run: Run, spent: GenerationStatistics
    ) -> None:
        """Let one model answer all tasks."""
        answers, positions = self._asked(model, model.prompts, executor, spent)
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
        run.measurements.extend(writing_cost(answers, spent, model=model.id))

    def _key(self, model: Evaluated) -> str:
        """Return the hash of all that decides a model's answers, but for the task."""
        unimportant = ("tasks", "tasks_sha256", "n_tasks", "n_in_set")
        variant = model.subject.variant
        return fingerprint(
            {
                "version": __version__,
                "model": variant.sha256,
                **{name: model.asked.get(name) for name in ("style", "day")},
                **({"variant": variant.described()} if variant.text else {}),
                "gpu_layers": self.options.gpu_layers,  # a record names the devices that computed
                "settings": {k: v for k, v in self.settings().items() if k not in unimportant},
            }
        )

    def _asked(
        self,
        model: Evaluated,
        prompts: Sequence[Prompt],
        executor: Executor,
        spent: GenerationStatistics,
    ) -> tuple[list[Answer], int]:
        """Return one model's answers to some prompts, and the longest context that it saw."""
        store, variant = self._store(model), model.subject.variant
        with (
            making_folder(store.folder),
            open_model(variant.path, options=variant.options) as opened,
        ):
            answers = kept_and_new(
                opened,
                prompts,
                store,
                self.options,
                executor,
                spent,
                earlier=model.answers,
                progress=self._progress,
            )
            return answers, opened.longest_context

    def _store(self, model: Evaluated) -> TaskStore:
        """Return where a model's answers are kept."""
        return TaskStore(self.options.folder, self._key(model))

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
            options={
                **self.settings(),
                "dataset": repository_of(self.source),
                "reference": base.id if base else None,
                "likelihoods": self.options.likelihoods,
                "margin": self.options.margin,
                "until_decided": self.options.until_decided,
                "most_tasks": self.most_tasks,
                "looks": self.looks,
            },
            provenance=provenance(
                threads=used_threads(self.options.threads),
                devices=[device for model in models for device in model.subject.devices],
                seed=self.options.sampling.seed,
            ),
            models=[],
        )
