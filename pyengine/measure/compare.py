"""Compare a reference with its variants: from files to one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pyengine.errors import (
    InputError,
    ModelFileError,
    OptionError,
    PyengineError,
    WorkerError,
    failure_values,
)
from pyengine.files import making_folder
from pyengine.measure.aggregate import level_at_look
from pyengine.measure.continuations import continuations
from pyengine.measure.documents import ScoredCorpus, population
from pyengine.measure.engine import (
    Executor,
    LocalExecutor,
    Processes,
    Progress,
    Series,
    Store,
    measure,
)
from pyengine.measure.findings import corpus_findings, start_findings
from pyengine.measure.found import (
    Finding,
    beyond_trained,
    by_kind,
    documents_left_out,
    fewer_tokens,
    fewest_positions,
    fitted,
    race_ended,
    turns_left_out,
    variant_failed,
)
from pyengine.measure.joint import attention_notes, memory_rows
from pyengine.measure.models import variant_ids
from pyengine.measure.options import CompareOptions
from pyengine.measure.other_vocabulary import measure_others
from pyengine.measure.plan import Plan
from pyengine.measure.provenance import provenance
from pyengine.measure.racing import Known, Race, Sides, Watch, columns_of, mean_at_look, unwatched
from pyengine.measure.start_tokens import natural_start
from pyengine.measure.subjects import (
    Subject,
    axis_content,
    identify,
    open_subject,
    same_vocabulary,
)
from pyengine.models.model import open_model
from pyengine.models.options import ModelOptions
from pyengine.models.settings import Given, ModelSpec
from pyengine.run.record import Exhibit, Note, Population, Run
from pyengine.statistics.looks import documents_at
from pyengine.text.chats import render
from pyengine.text.documents import Corpus, load_corpus
from pyengine.text.joined import join_documents


def silent(what: str, fraction: float) -> None:
    """Show no progress."""


@dataclass(frozen=True)
class Means:
    """With what a comparison is made.

    Attributes:
        processes: of the models on this machine.
        executor: who decodes chunks.
        store: where finished chunks are kept, so that a run that was killed goes on.
        keep_going: a variant that cannot be opened becomes a note instead of an error.
        save_logits: a folder for whole rows of logits, where that was asked for.
        progress: called with what is being done and the part that is done.
        watch: called whenever more is known of a variant.
        subjects, axes: files that were opened before, and what separates them from the reference,
            by the names of files in the record; they are not opened again, and need not be there
            any more where all that is asked of them is kept.
    """

    processes: Processes
    executor: Executor
    store: Store | None = None
    keep_going: bool = False
    save_logits: Path | None = None
    progress: Progress = silent
    watch: Watch = unwatched
    subjects: dict[str, Subject] = field(default_factory=dict)
    axes: dict[str, dict[str, Any]] = field(default_factory=dict)


def compare(
    reference: Given,
    variants: Sequence[Given],
    *,
    corpus: Corpus | None = None,
    options: CompareOptions | None = None,
    save_logits: str | Path | None = None,
    progress: Progress = silent,
    watch: Watch = unwatched,
) -> Run:
    """Measure how far each variant's next-token distributions are from the reference's.

    Args:
        reference: a GGUF file, maybe with settings.
        variants: the same. Those with another vocabulary get bits per byte and keywords as
            strings only.
        corpus: documents to measure on; None for the shipped ones.
        options: what to measure.
        save_logits: a folder for whole rows: 4 bytes times n_vocab for each token and model.
        progress: called with what is being done and the part that is done.
        watch: called whenever more is known of a variant.

    Raises:
        OptionError: an option is impossible, or there is no variant.
        ModelFileError, ModelKindError: a file cannot be used.
        NumbersError: the reference, or every variant, computes logits that are NaN or infinite; of
            several variants, one that does is left out with a note.
        WorkerError: the reference's process died, or that of every variant.
        CorpusError: there is nothing to score.
    """
    with Processes() as processes:
        folder = None if save_logits is None else Path(save_logits)
        executor = LocalExecutor(processes)
        means = Means(processes, executor, save_logits=folder, progress=progress, watch=watch)
        models = [reference, *variants]
        return compare_with(models, corpus or load_corpus(), options or CompareOptions(), means)


def compare_with(
    models: Sequence[Given],
    corpus: Corpus,
    options: CompareOptions,
    means: Means,
    *,
    command: str = "compare",
    names: Sequence[str] = (),
) -> Run:
    """Compare models with the first of them, with the means that are given; see `compare`.

    Args:
        names: by which the record means the files; theirs where none are given.
    """
    options.check()
    if means.save_logits is not None:
        if not options.corpus:
            raise OptionError("rows of logits are those of the text, which is not to be measured")
        # Saved rows are those of all of the text and of every model.
        options = replace(options, precision=0)
    if len(models) < 2:
        raise OptionError("nothing to compare: name at least one variant beside the reference")
    found: list[Finding] = []
    named = dict(zip(names or variant_ids(models), map(ModelSpec.of, models), strict=True))
    subjects = _open_all(named, options, means, found)
    reference = subjects[0]
    # Windows are no longer than the positions that every model has learned.
    positions = fewest_positions(subject.n_positions for subject in subjects)
    n_ctx, notes = fitted(options.windows.n_ctx, positions)
    found += notes
    windows = replace(options.windows, n_ctx=n_ctx)
    options = replace(options, windows=windows, n_positions=positions)
    options.check()
    means.progress("read the corpus", 0.0)
    with open_model(reference.variant.path, options=ModelOptions(vocabulary_only=True)) as model:
        if corpus.is_chat and options.corpus:
            corpus, n_left_out = render(corpus, model)
            found += turns_left_out(n_left_out)
        if windows.by_position:
            found += attention_notes(model)
            corpus = join_documents(corpus, model.vocabulary, n_ctx, seed=options.seed)
        plan = Plan(options, reference, model.vocabulary, natural_start(model.vocabulary).ids)
        alike = [s for s in subjects[1:] if same_vocabulary(reference.info, s.info)]
        others = [s for s in subjects[1:] if s not in alike]
        scope = None
        if alike and options.corpus:
            folder = means.save_logits
            with nullcontext() if folder is None else making_folder(folder):
                scope = _measure_corpus(plan, alike, corpus, means, found)
        if alike and options.starts:
            _measure_starts(plan, alike, means, found)
        found += measure_others(plan, model, others, corpus, means.processes)
    found += memory_rows(subjects)
    for subject in subjects[1:]:
        name = subject.info.id
        if name not in means.axes:
            means.axes[name] = axis_content(reference.info, subject.info, options.axis)
        found.append(Exhibit(kind="axis", model=name, content=means.axes[name]))
    return Run(
        command=command,
        options={"margin": options.margin, "precision": options.precision},
        provenance=provenance(
            threads=plan.threads,
            devices=[device for subject in subjects for device in subject.devices],
            seed=options.seed,
        ),
        models=[subject.info for subject in subjects],
        population=scope,
        **by_kind(found),
    )


def _open_all(
    models: Mapping[str, ModelSpec], options: CompareOptions, means: Means, found: list[Finding]
) -> list[Subject]:
    """Open every file in its process; the reference must open."""
    subjects: list[Subject] = []
    reasons: list[str] = []
    for number, (name, spec) in enumerate(models.items()):
        means.progress("open the models", number / len(models))
        try:
            subjects.append(open_file(name, spec, options, means))
        except PyengineError as error:
            if number == 0 or not means.keep_going:
                raise
            values = failure_values(error, spec.path)
            found.append(variant_failed(name, values))
            reasons.append(f"{name}: {values['message']}")
    if len(subjects) < 2:
        raise ModelFileError(f"no variant can be opened: {'; '.join(reasons)}")
    return subjects


def open_file(name: str, given: Given, options: CompareOptions, means: Means) -> Subject:
    """Open a model in its process, where it was not opened before.

    Raises:
        ModelFileError, ModelKindError, WorkerError: it cannot be used.
    """
    if name not in means.subjects:
        opening = ModelOptions(
            n_gpu_layers=options.n_gpu_layers, use_extra_bufts=options.use_extra_bufts
        )
        means.subjects[name] = open_subject(identify(name, given, opening), means.processes)
        if not options.keep_open:
            means.processes.close(means.subjects[name].variant)
    return means.subjects[name]


def _measure_corpus(
    plan: Plan, subjects: list[Subject], corpus: Corpus, means: Means, found: list[Finding]
) -> Population:
    """Measure over the corpus and continue documents; returns what was scored."""
    text = plan.text(corpus)
    found += documents_left_out([d.text.name for d in text.documents if d.refused])
    longest = max(len(context.ids) for chunk in text.chunks for context in chunk.contexts)
    trained = [(s.info.id, s.info.n_ctx_train) for s in (plan.reference, *subjects)]
    found += beyond_trained(trained, longest)
    variants = [subject.variant for subject in subjects]
    work = plan.text_work(text, variants, save_logits=means.save_logits)
    race = _race(plan, text, subjects)
    means.progress("Measuring", 0.0)
    series = measure(
        work,
        means.executor,
        store=means.store,
        progress=means.progress,
        watch=partial(_watch, means.watch, text),
        still_racing=None if race is None else race.still_racing,
    )
    alive = _report_failures(series, subjects, found)
    ids = [subject.info.id for subject in subjects]
    seen = {name: len(series[name].observations) for name in ids}
    # Where none has fewer documents than it, no level goes through the anchor.
    anchor = "" if race is None else race.anchor
    if anchor and min(seen.values()) == seen[anchor]:
        anchor = ""
    found += corpus_findings(plan, text, series, [s.info for s in subjects], anchor)
    last = max(seen.values())
    windows = text.windows[: sum(len(chunk.contexts) for chunk in text.chunks[:last])]
    if isinstance(race, Race):
        left = race.still_racing(series)
        found += race_ended(sorted(left, key=ids.index), whole=last == len(text.chunks))
    elif race is None and plan.options.windows.max_windows is None:
        longest = max(len(document.ids) for document in text.documents)
        found += fewer_tokens(sum(map(len, windows)), longest, plan.options.windows)
    found += continuations(plan, alive, text.documents, means.processes, means.progress)
    return population(
        corpus,
        windows,
        plan.options.windows,
        prefix=plan.prefix,
        seed=plan.options.seed,
        looks=len(text.looks),
        level_documents=documents_at(text.scored.levels_from),
        anchor=anchor,
    )


def _watch(watch: Watch, text: ScoredCorpus, series: Mapping[str, Series]) -> None:
    """Tell what is known of the variants of some series."""
    if watch is unwatched:
        return
    for model, values in columns_of(series, "kl").items():
        clusters = text.scored.clusters[: len(values)]
        mean = mean_at_look(values, clusters, level_at_look(text.scored))
        watch(model, Known(len(np.unique(clusters)), mean.value, mean.low, mean.high))


def _race(plan: Plan, text: ScoredCorpus, subjects: Sequence[Subject]) -> Race | Sides | None:
    """Return when variants stop; None where all of the text is measured whatever is known."""
    options = plan.options
    if not options.precision or len(text.documents) == 1:
        return None
    limits = {
        name: limit
        for name, limit in (("kl", options.max_kl), ("flips", options.max_flips))
        if limit is not None
    }
    if limits:
        return Sides(limits, text.scored.clusters, options.precision, level_at_look(text.scored))
    by_size = sorted(subjects, key=lambda subject: (subject.info.file_bytes, subject.info.id))
    return Race(
        smallest_first=[subject.info.id for subject in by_size],
        clusters=text.scored.clusters,
        precision=plan.options.precision,
        margin=plan.options.margin,
        looks=len(text.looks),
        levels_from=text.scored.levels_from,
    )


def _report_failures(
    series: Mapping[str, Series], subjects: Sequence[Subject], found: list[Finding]
) -> list[Subject]:
    """Note every variant that failed and return the others; raise where none has any number."""
    alive = []
    for subject in subjects:
        seen = series[subject.info.id]
        if seen.failure is None:
            alive.append(subject)
        else:
            values = {"error": seen.failure.kind.__name__, "message": seen.failure.reason}
            found.append(variant_failed(subject.info.id, values, seen.failed))
    if all(not series[s.info.id].observations for s in subjects):
        first = next(s for s in subjects if s not in alive)
        failure = series[first.info.id].failure
        assert failure is not None, "it is not alive"
        kind = failure.kind
        if not issubclass(kind, ModelFileError):
            kind = ModelFileError if issubclass(kind, InputError) else WorkerError
        raise kind(f"{first.info.path}: {failure.reason}")
    return alive


def _measure_starts(
    plan: Plan, subjects: Sequence[Subject], means: Means, found: list[Finding]
) -> None:
    """Measure cold and warm starts."""
    failed = {n.model for n in found if isinstance(n, Note) and n.code == "variant-failed"}
    alive = [subject for subject in subjects if subject.info.id not in failed]
    if not alive:
        return
    work, kinds = plan.start_work([subject.variant for subject in alive])
    series = measure(work, means.executor, store=means.store, progress=means.progress)
    _report_failures(series, alive, found)
    found += start_findings(plan, work, kinds, series)
