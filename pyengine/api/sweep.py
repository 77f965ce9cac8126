"""`sweep`: quantize a model to many types and compare each with it."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from pyengine.api.arguments import (
    Named,
    Names,
    Progress,
    Words,
    names,
    optional_path,
    silent,
    split_commas,
    texts_of,
    window_length,
)
from pyengine.api.evaluate import check_tasks
from pyengine.api.evaluate import evaluate as evaluate_models
from pyengine.api.evaluate import silent as silent_evaluation
from pyengine.errors import OptionError

if TYPE_CHECKING:
    from pyengine.code.answers import Progress as EvaluationProgress
    from pyengine.measure.racing import Watch
    from pyengine.models.settings import ModelSpec
    from pyengine.run.record import Run

EVALUATION = "evaluate.json"


def sweep(
    source: Named | None = None,
    *,
    to: Words = None,
    variants: Names = None,
    output_dir: Named | None = None,
    resume: bool = False,
    corpus: Names = None,
    chat: Names = None,
    document_tokens: int = 128,
    context: int | None = None,
    stride: int | None = None,
    tokens: int = 100_000,
    precision: float = 0.2,
    workers: int | None = None,
    one_at_a_time: bool = False,
    threads: int = 1,
    speed: bool = True,
    speed_threads: int | None = None,
    repeats: int = 5,
    imatrix: Named | None = None,
    requantize: bool = False,
    margin: float = 0.1,
    seed: int = 20260102,
    gpu_layers: int = 0,
    dask: str | None = None,
    evaluate: str | None = None,
    progress: Progress = silent,
    watch: Watch | None = None,
) -> Run:
    """Make variants of a model, or take those that exist, and measure each against it.

    Every model is measured in a process of its own, and every finished measurement is on disk at
    once: a damaged file costs its row, and a sweep that was killed goes on with `resume`.

    Args:
        source: the model to start from. None: of the variants the one with the most bits per
            weight, without variants the embedded model.
        to: file types to make, by commas or as a list; None for all that `quantize` calls so.
        variants: models, or folders of them, that exist already.
        output_dir: where models and measurements go; None for NAME-sweep. It holds the run as
            results.json and load time, memory and speed as timings.json.
        resume: continue the sweep that the folder holds.
        corpus: files or folders of text; None: the shipped programs in twelve languages.
        chat: files of conversations, one in each line, in the shape of OpenAI's messages; in
            place of a corpus, rendered by the reference's template and scored where the assistant
            speaks.
        document_tokens: scored tokens of each document at most, from a place that the seed draws,
            after 28 that are not scored; 0 for whole documents, window after window.
        context: tokens in a window; None for 512, and for 4,096 with conversations.
        stride: tokens from window to window; None for half of them.
        tokens: scored tokens of a variant at most.
        precision: a variant stops when its mean KL divergence is known to this part of it, and it
            is told apart from its neighbours in size or within `margin` of them, never before 12
            documents; 0 to score all tokens.
        workers: models compared at the same time; None for the cores.
        one_at_a_time: hold one model in memory at a time: each is opened anew for every chunk.
        threads: CPU threads of each comparison.
        speed: measure load time, memory and speed.
        speed_threads: CPU threads for that; None for the cores less one.
        repeats: repetitions of each timing.
        imatrix: an importance matrix for the types that are made.
        requantize: accept a source that is quantized already.
        margin: part by which the divergences of two variants may differ and be alike: 0.1 for
            10 %.
        seed: of the order of documents and of resampling.
        gpu_layers: layers on the GPU; -1 for all.
        dask: address of a Dask scheduler whose workers do the measuring.
        evaluate: also let every model write programs: "own", "humaneval", "mbpp" or a file of
            tasks; the run is kept as evaluate.json in the folder.
        progress: called with what is being done and the part that is done.
        watch: called with a model's name and what is known of it, whenever that changes.

    Returns:
        the comparison, a run whose first model is the source; see `pyengine.compare`.

    Raises:
        ModelFileError, ModelKindError: the source, or every variant, cannot be used.
        WorkerError: nothing was measured, because processes were killed or crashed.
        CorpusError: the corpus cannot be used.
        MissingExtraError: `dask` was given and is not installed.
        OptionError: an option is impossible, there is no variant, or the folder holds an earlier
            sweep.

    Examples:
        >>> pyengine.sweep("f16.gguf", to="Q4_K_M,Q8_0").verdicts(margin=0.2)
    """
    from pyengine.measure.compare import Means
    from pyengine.measure.engine import LocalExecutor, Processes
    from pyengine.measure.executors import dask_executor
    from pyengine.measure.options import CompareOptions
    from pyengine.measure.quantize import quantize_all, quantized_paths
    from pyengine.measure.racing import unwatched
    from pyengine.measure.speed import SpeedOptions
    from pyengine.measure.store import open_folder
    from pyengine.measure.sweep import sweep as measure
    from pyengine.models.file_types import expand_types
    from pyengine.models.options import usable_cores, used_threads
    from pyengine.models.quantize_options import QuantizeOptions
    from pyengine.models.settings import ModelSpec
    from pyengine.text.windows import WindowOptions

    cores = usable_cores()
    timing = SpeedOptions(repeats=repeats, threads=used_threads(speed_threads))
    options = CompareOptions(
        windows=WindowOptions(
            n_ctx=window_length(context, chat),
            stride=stride,
            document_tokens=document_tokens or None,
            max_tokens=tokens,
        ),
        workers=workers or (1 if one_at_a_time else max(1, cores // used_threads(threads))),
        keep_open=not one_at_a_time,
        threads=threads,
        n_gpu_layers=gpu_layers,
        continuations=0,
        margin=margin,
        precision=precision,
        seed=seed,
    )
    options.check()
    model, files, folder = sweep_files(source, variants, to, output_dir, evaluate)
    types = expand_types(split_commas(to) if to else ["all"], has_imatrix=imatrix is not None)
    texts = texts_of(corpus, chat)
    with (
        open_folder(folder, resume=resume) as kept,
        Processes() as processes,
        dask_executor(dask) if dask else nullcontext(LocalExecutor(processes)) as executor,
    ):
        made = None
        if not files:
            making = QuantizeOptions(
                imatrix=optional_path(imatrix), allow_requantize=requantize, threads=cores
            )
            made = quantize_all(model.path, types, kept.models, options=making, progress=progress)
            files = [ModelSpec(path) for path in quantized_paths(made)]
        means = Means(processes, executor, kept, True, progress=progress, watch=watch or unwatched)
        result, _ = measure(
            model, files, texts, options, means, kept, speed=timing if speed else None, made=made
        )
    if evaluate is not None:
        evaluate_sweep(result, folder, evaluate, threads=threads, gpu_layers=gpu_layers)
    return result


def sweep_files(
    source: Named | None,
    variants: Names,
    to: Words,
    output_dir: Named | None,
    evaluate: str | None,
) -> tuple[ModelSpec, list[ModelSpec], Path]:
    """Return the file to start from, the variants that are there already, and the folder.

    Raises:
        ModelFileError, InputError: there is no such file; or programs are to be written, and the
            folder holds a file of somebody else's called evaluate.json.
        OptionError: no source is named, and no variant can be opened; or there are both variants
            and types to make.
    """
    from pyengine.files import check_replaceable
    from pyengine.measure.sweep import bits_per_weight
    from pyengine.models.references import resolve_spec

    if to and names(variants):
        raise OptionError("--to and --variants exclude each other")
    files = list(dict.fromkeys(spec for given in names(variants) for spec in _specs(given)))
    if source is not None or not files:
        model = resolve_spec(source)
    else:
        bits = {spec: bits_per_weight(spec.path) for spec in files}
        whole = {spec: n for spec, n in bits.items() if n is not None}
        if not whole:
            raise OptionError(
                "none of the variants can be opened, so there is nothing to compare to"
            )
        # Of one file, that without settings.
        model = max(whole, key=lambda spec: (whole[spec], not spec.settings.text))
    folder = Path(f"{model.path.stem}-sweep" if output_dir is None else output_dir)
    if evaluate is not None:
        check_replaceable(folder / EVALUATION, _is_evaluation)
        check_tasks(evaluate)  # what they lack is better said now than after the sweep
    return model, files, folder


def evaluate_sweep(
    result: Run,
    folder: Path,
    tasks: str,
    *,
    threads: int,
    gpu_layers: int,
    progress: EvaluationProgress = silent_evaluation,
) -> Run:
    """Evaluate a sweep's models against the first of them; keep the run in the folder."""
    from pyengine.run.record import save

    first, *others = [f"{model.path}{model.variant}" for model in result.models]
    found = evaluate_models(
        others,
        reference=first,
        tasks=tasks,
        threads=threads,
        gpu_layers=gpu_layers,
        results=folder / "evaluate",
        progress=progress,
    )
    save(found, folder / EVALUATION, is_ours=_is_evaluation)
    return found


def _is_evaluation(path: Path) -> bool:
    from pyengine.run.storage import holds_run

    return holds_run(path, "evaluate")


def _specs(variant: Named) -> list[ModelSpec]:
    """Return the model that a string such as `ollama:NAME?kv=q8_0` names, or those of a folder."""
    from pyengine.measure.sweep import find_variants
    from pyengine.models.references import SCHEMES, resolve_model
    from pyengine.models.settings import ModelSpec, named_settings

    name, settings = named_settings(str(variant))
    scheme, colon, _ = name.partition(":")
    place = resolve_model(name) if colon and scheme in SCHEMES else Path(name)
    return [ModelSpec(path, settings) for path in find_variants([place])]
