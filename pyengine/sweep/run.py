"""A sweep from beginning to end: variants, measurements, table, timings."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

from pyengine.comparison.windows import describe
from pyengine.corpus import load_corpus
from pyengine.engine.gguf import check_gguf
from pyengine.engine.quantize import QuantizeOptions
from pyengine.errors import ModelFileError, ModelKindError, OptionError, WorkerError
from pyengine.results import Note, beyond_trained, cpu_name, fitted, provenance
from pyengine.sweep.aggregate import Measured, make_rows
from pyengine.sweep.executors import Workplace
from pyengine.sweep.measurements import QualityRecord
from pyengine.sweep.null_control import noise_floors
from pyengine.sweep.options import SpeedOptions, SweepOptions
from pyengine.sweep.quality import keyword_text
from pyengine.sweep.quantization import quantize_all
from pyengine.sweep.records import SweepResult, SweepTimings
from pyengine.sweep.speed_record import SpeedRecord
from pyengine.sweep.store import Store
from pyengine.sweep.tasks import QualityTask, SpeedTask, Task, task_key
from pyengine.sweep.token_numbers import TokenNumbers
from pyengine.sweep.variants import Variant, describe_variant
from pyengine.sweep.worker import Outcome

Progress = Callable[[str, float], object]
Comparisons = Mapping[str, tuple[QualityRecord, TokenNumbers]]


def quantize_variants(
    source: Path,
    file_types: Sequence[str],
    store: Store,
    *,
    options: QuantizeOptions,
    progress: Progress | None = None,
) -> list[Path]:
    """Make the variants that are missing in the sweep's folder, and return all of them."""
    made = quantize_all(source, file_types, store.models, options=options, progress=progress)
    return [Path(variant.path) for variant in made.variants]


def sweep(
    source: Path,
    variants: Sequence[Path],
    store: Store,
    workplace: Workplace,
    *,
    options: SweepOptions,
    progress: Progress | None = None,
) -> tuple[SweepResult, SweepTimings]:
    """Measure the source and its variants, and write the table.

    What the store holds already is not measured again. A model whose measurement fails costs its
    row alone.

    Raises:
        ModelFileError, ModelKindError: the source cannot be used.
        WorkerError: nothing was measured, because the processes were killed or crashed.
        CorpusError: the corpus cannot be used.
        OptionError: an option is out of range, or two files have the same name.
    """
    options.check()
    reference = describe_variant(source)
    if reference.failure:
        raise ModelFileError(f"{source}: {reference.failure}")
    if reference.file_type is None:
        raise ModelKindError(f"{source}: holds a vocabulary only; a sweep needs weights")
    others = [describe_variant(path) for path in variants]
    models = [reference, *(v for v in others if v.sha256 != reference.sha256)]
    if len(models) == 1:
        raise OptionError(f"{source}: there is no variant that differs from it")
    _check_names(models)
    failures = {m.name: Outcome(failure=m.failure, bad_input=True) for m in models if m.failure}
    usable = [model for model in models if not model.failure]
    options, notes = _fitted(options, check_gguf(source, vocabulary=False).n_positions)
    tasks: dict[str, Task] = {
        model.name: quality_task(reference, model, options) for model in usable
    }
    floor_task = null_control(quality_task(reference, reference, options))
    comparisons = _compare(store, workplace, tasks, floor_task, failures, progress)
    control = comparisons.pop("", None)
    if reference.name in failures and not comparisons:
        raise _source_error(source, failures[reference.name])
    floors = {} if control is None else noise_floors(*control)
    result = _result(models, comparisons, failures, floors, options, notes)
    store.save_results(result)
    timings = _time(store, workplace, usable, options, progress)
    store.save_timings(timings)
    return result, timings


def _fitted(options: SweepOptions, n_positions: int) -> tuple[SweepOptions, list[Note]]:
    """Return options whose windows and prompts fit into the positions that were learned."""
    n_ctx, notes = fitted(options.windows.n_ctx, n_positions or None)
    options = replace(options, windows=replace(options.windows, n_ctx=n_ctx))
    if options.speed is not None:
        options = replace(options, speed=options.speed.within(n_positions or None))
    options.check()
    return options, notes


def _source_error(source: Path, outcome: Outcome) -> ModelFileError | WorkerError:
    kind = ModelFileError if outcome.bad_input else WorkerError
    return kind(f"{source}: cannot be measured: {outcome.failure}")


def quality_task(reference: Variant, variant: Variant, options: SweepOptions) -> QualityTask:
    """Describe a comparison."""
    windows = options.windows
    corpus = load_corpus(options.corpus)
    return QualityTask(
        reference=str(reference.path.absolute()),
        reference_sha256=reference.sha256,
        variant=str(variant.path.absolute()),
        variant_sha256=variant.sha256,
        corpus=tuple(str(path.absolute()) for path in options.corpus),
        corpus_sha256=corpus.sha256,
        keywords_sha256=hashlib.sha256(keyword_text().encode()).hexdigest(),
        n_ctx=windows.n_ctx,
        stride=windows.stride,
        max_tokens=windows.max_tokens,
        seed=options.seed,
        threads=options.threads,
        variant_threads=options.threads,
        n_ubatch=windows.n_ctx,
        n_gpu_layers=options.n_gpu_layers,
        check_files=options.check_files,
    )


def null_control(task: QualityTask) -> QualityTask:
    """Give a comparison of the reference with itself another batch size and thread count."""
    return replace(
        task,
        n_ubatch=max(1, task.n_ctx // 4),
        variant_threads=2 if task.threads == 1 else task.threads - 1,
    )


def speed_task(variant: Variant, speed: SpeedOptions, options: SweepOptions) -> SpeedTask:
    """Describe a speed measurement on this machine."""
    return SpeedTask(
        variant=str(variant.path.absolute()),
        variant_sha256=variant.sha256,
        repeats=speed.repeats,
        prompt_tokens=speed.prompt_tokens,
        generated_tokens=speed.generated_tokens,
        threads=speed.threads,
        n_gpu_layers=options.n_gpu_layers,
        check_files=options.check_files,
        machine=cpu_name(),
    )


def _check_names(models: Sequence[Variant]) -> None:
    names = [model.name for model in models]
    for name in names:
        if names.count(name) > 1:
            raise OptionError(f"two of the files are called {name!r}; rename one of them")


def _compare(
    store: Store,
    workplace: Workplace,
    tasks: Mapping[str, Task],
    floor_task: Task,
    failures: dict[str, Outcome],
    progress: Progress | None,
) -> dict[str, tuple[QualityRecord, TokenNumbers]]:
    """Make the comparisons that are missing, all at the same time; "" is the null control."""
    wanted = {**tasks, "": floor_task}
    missing = {n: t for n, t in wanted.items() if store.load_quality(task_key(t)) is None}
    futures = {workplace.executor.submit(workplace.run, t): n for n, t in missing.items()}
    done = len(wanted) - len(missing)
    for future in workplace.finished(futures):
        done += 1
        _keep(store.save_quality, future, futures[future], wanted, failures)
        if progress is not None:
            progress("Comparing with the source", done / len(wanted))
    found = {name: store.load_quality(task_key(task)) for name, task in wanted.items()}
    return {name: value for name, value in found.items() if value is not None}


def _time(
    store: Store,
    workplace: Workplace,
    models: Sequence[Variant],
    options: SweepOptions,
    progress: Progress | None,
) -> SweepTimings:
    """Measure speeds that are missing, one model at a time: two would slow each other down."""
    records: dict[str, SpeedRecord] = {}
    failures: dict[str, Outcome] = {}
    for done, model in enumerate(models if options.speed is not None else ()):
        assert options.speed is not None
        task = speed_task(model, options.speed, options)
        if store.load_speed(task_key(task)) is None:
            future = workplace.executor.submit(workplace.run, task)
            for finished in workplace.finished([future]):
                _keep(store.save_speed, finished, model.name, {model.name: task}, failures)
        record = store.load_speed(task_key(task))
        if record is not None:
            records[model.name] = record
        if progress is not None:
            progress("Measuring speed", (done + 1) / len(models))
    threads = options.threads if options.speed is None else options.speed.threads
    return SweepTimings(
        provenance=provenance(threads=threads, devices=_devices(records.values())),
        models=records,
        failures={name: outcome.failure for name, outcome in failures.items()},
    )


def _context_notes(models: Sequence[Variant], comparisons: Comparisons) -> Iterable[Note]:
    for model in models:
        if model.name in comparisons:
            record = comparisons[model.name][0]
            yield from beyond_trained(
                model.name, positions=record.longest_context, trained=record.n_ctx_train
            )


def _devices(records: Iterable[QualityRecord | SpeedRecord]) -> list[str]:
    """Return the devices that computed on any machine: workers elsewhere may have others."""
    return list(dict.fromkeys(name for record in records for name in record.devices))


def _keep(
    save: Callable[[Outcome], None],
    future: "Future[Outcome]",
    name: str,
    tasks: Mapping[str, Task],
    failures: dict[str, Outcome],
) -> None:
    """Write a finished measurement at once, or note why there is none."""
    outcome = _outcome(future)
    if outcome.failure:
        # The row has the file's name already, and its folder differs from run to run.
        reason = outcome.failure.replace(f"{tasks[name].variant}: ", "")
        failures[name] = replace(outcome, failure=reason)
    else:
        save(outcome)


def _outcome(future: "Future[Outcome]") -> Outcome:
    try:
        return future.result()
    except Exception as error:  # noqa: BLE001  # whatever a cluster says of a worker that died
        return Outcome(failure=f"{type(error).__name__}: {error}")


def _result(
    models: Sequence[Variant],
    comparisons: Comparisons,
    failures: Mapping[str, Outcome],
    floors: dict[str, float],
    options: SweepOptions,
    notes: list[Note],
) -> SweepResult:
    reference = models[0]
    measured = [
        Measured(
            name=model.name,
            sha256=model.sha256,
            file_bytes=model.file_bytes,
            bits_per_weight=model.bits_per_weight,
            file_type=model.file_type,
            is_reference=model is reference,
            quality=comparisons.get(model.name),
            failure=failures[model.name].failure if model.name in failures else None,
        )
        for model in models
    ]
    corpus = load_corpus(options.corpus)
    any_record = next((record for record, _ in comparisons.values()), None)
    return SweepResult(
        provenance=provenance(
            threads=options.threads,
            devices=_devices(record for record, _ in comparisons.values()),
            seed=options.seed,
        ),
        notes=[*notes, *_context_notes(models, comparisons)],
        reference=reference.name,
        reference_sha256=reference.sha256,
        corpus_sha256=corpus.sha256,
        n_tokens=any_record.n_tokens if any_record else 0,
        n_documents=any_record.n_documents if any_record else 0,
        method=describe(options.windows, any_record.prefix if any_record else ()),
        margin=options.margin,
        floor=floors.get("kl"),
        floors=floors,
        rows=make_rows(
            measured,
            languages=[document.language for document in corpus.documents],
            floor=floors.get("kl"),
            margin=options.margin,
        ),
    )
