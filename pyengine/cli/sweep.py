"""`pyengine sweep`: quantize a model to many types and compare each with it."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pyengine.cli.options import GpuLayers, Html, Margin, Markdown, check_format
from pyengine.errors import OptionError

if TYPE_CHECKING:
    from pyengine.sweep.options import SweepOptions
    from pyengine.sweep.records import SweepResult, SweepTimings

EVALUATION = "evaluate.json"

Source = Annotated[
    str | None,
    typer.Argument(
        help="The model to start from. Default: of the variants given the one with the most "
        "bits per weight, without variants the embedded model.",
        show_default=False,
    ),
]
FileTypes = Annotated[
    list[str] | None, typer.Option("--to", help="File types to make, by commas; default: all.")
]
Variants = Annotated[
    list[Path] | None,
    typer.Option("--variants", help="Files, references or folders of variants that exist already."),
]
OutputDir = Annotated[
    Path | None,
    typer.Option(help="Where models and measurements go; default: NAME-sweep.", metavar="DIR"),
]
Resume = Annotated[bool, typer.Option("--resume", help="Continue the sweep that the folder holds.")]
Texts = Annotated[
    list[Path] | None,
    typer.Option("--corpus", help="Files and folders to measure on; default: the shipped one."),
]
Stride = Annotated[
    int | None, typer.Option(help="Tokens by which a window moves on; default: half of it.")
]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Models compared at the same time; default: cores.")
]
SpeedThreads = Annotated[
    int | None, typer.Option(min=1, help="CPU threads for speed; default: cores less one.")
]
Imatrix = Annotated[
    Path | None, typer.Option(help="Importance matrix for the types that are made.")
]
Dask = Annotated[
    str | None, typer.Option(help="Address of a Dask scheduler whose workers do the measuring.")
]
Evaluate = Annotated[
    str | None,
    typer.Option(
        metavar="TASKS",
        help="Also let every model write programs, see `pyengine evaluate`: own, humaneval, "
        "mbpp or a file of tasks. The record is kept as evaluate.json in the folder.",
    ),
]


def command(
    source: Source = None,
    *,
    to: FileTypes = None,
    variants: Variants = None,
    output_dir: OutputDir = None,
    resume: Resume = False,
    corpus: Texts = None,
    context: Annotated[int, typer.Option(min=4, help="Tokens in a window.")] = 512,
    stride: Stride = None,
    tokens: Annotated[int, typer.Option(min=1, help="Tokens to score, at most.")] = 20_000,
    workers: Workers = None,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of each comparison.")] = 1,
    speed: Annotated[bool, typer.Option(help="Measure load time, memory and speed.")] = True,
    speed_threads: SpeedThreads = None,
    repeats: Annotated[int, typer.Option(min=1, help="Repetitions of each timing.")] = 5,
    imatrix: Imatrix = None,
    margin: Margin = 0.005,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the documents' order.")] = 20260102,
    gpu_layers: GpuLayers = 0,
    dask: Dask = None,
    evaluate: Evaluate = None,
    json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
    markdown: Markdown = False,
    html: Html = None,
) -> None:
    """Make variants of a model, or take those that exist, and measure each against it.

    Every model is measured in a process of its own, and every finished measurement is on disk at
    once: a damaged file costs its row, and a sweep that was killed goes on with --resume.
    """
    from pyengine.cli.output import print_result
    from pyengine.comparison.options import WindowOptions
    from pyengine.files import check_replaceable
    from pyengine.reports.sweep_view import sweep_document
    from pyengine.sweep.options import SpeedOptions, SweepOptions

    check_format(json=json, markdown=markdown)
    if variants and to:
        raise OptionError("--to and --variants exclude each other")
    cores = _cores()
    timing = SpeedOptions(repeats=repeats, threads=speed_threads or max(1, cores - 1))
    options = SweepOptions(
        windows=WindowOptions(n_ctx=context, stride=stride, max_tokens=tokens),
        speed=timing if speed else None,
        corpus=tuple(corpus or ()),
        workers=workers or max(1, cores // threads),
        threads=threads,
        n_gpu_layers=gpu_layers,
        margin=margin,
        seed=seed,
        check_files=dask is not None,
    )
    options.check()
    model, files = _models(source, variants or [])
    folder = output_dir or Path(f"{model.stem}-sweep")
    if evaluate is not None:
        check_replaceable(folder / EVALUATION, _is_evaluation)
    result, timings, files = _sweep(
        model, files, to or ["all"], imatrix, folder, resume, dask, options
    )
    view = partial(sweep_document, timings=timings)
    print_result(result, view, json=json, markdown=markdown, html=html)
    if evaluate is not None:
        _evaluate(model, files, folder, evaluate, options, show=not json, markdown=markdown)


def _is_evaluation(path: Path) -> bool:
    from pyengine.results import is_record

    return is_record(path, "evaluate")


def _models(source: str | None, variants: list[Path]) -> tuple[Path, list[Path]]:
    """Return the source and the variants that are there already."""
    from pyengine.discovery.references import resolve_model
    from pyengine.sweep.variants import describe_variant, find_variants

    files = find_variants([_named(variant) for variant in variants])
    if source is not None or not files:
        return resolve_model(source), files
    whole = [variant for variant in map(describe_variant, files) if not variant.failure]
    if not whole:
        raise OptionError("none of the variants can be opened, so there is nothing to compare to")
    return max(whole, key=lambda variant: variant.bits_per_weight or 0.0).path, files


def _named(variant: Path) -> Path:
    """Return the file that a reference such as `ollama:NAME` names; paths stay as they are."""
    from pyengine.discovery.references import SCHEMES, resolve_model

    scheme, colon, _ = str(variant).partition(":")
    return resolve_model(variant) if colon and scheme in SCHEMES else variant


def _sweep(
    source: Path,
    files: list[Path],
    to: list[str],
    imatrix: Path | None,
    folder: Path,
    resume: bool,
    dask: str | None,
    options: "SweepOptions",
) -> "tuple[SweepResult, SweepTimings, list[Path]]":
    from pyengine.cli.output import reporting
    from pyengine.cli.quantize import split_commas
    from pyengine.engine.quantize import QuantizeOptions, expand_types
    from pyengine.sweep.executors import open_workplace
    from pyengine.sweep.run import quantize_variants, sweep
    from pyengine.sweep.store import open_store

    types = [] if files else expand_types(split_commas(to), has_imatrix=imatrix is not None)
    with (
        reporting() as progress,
        open_store(folder, resume=resume) as store,
        open_workplace(workers=options.workers, dask=dask) as workplace,
    ):
        if types:
            making = QuantizeOptions(imatrix=imatrix, threads=_cores())
            files = quantize_variants(source, types, store, options=making, progress=progress)
        result, timings = sweep(source, files, store, workplace, options=options, progress=progress)
    return result, timings, files


def _evaluate(
    source: Path,
    files: list[Path],
    folder: Path,
    tasks: str,
    options: "SweepOptions",
    *,
    show: bool,
    markdown: bool,
) -> None:
    """Evaluate the files that can be opened against the source; keep the record."""
    from pyengine.cli.evaluation import evaluation_options, evaluation_progress, find_tasks
    from pyengine.cli.output import print_document
    from pyengine.codegen.evaluation import Evaluation
    from pyengine.codegen.sandbox import open_sandbox
    from pyengine.files import write_atomic
    from pyengine.reports.evaluate_view import evaluate_document
    from pyengine.results import json_text
    from pyengine.sweep.variants import describe_variant

    usable = [path for path in files if path != source and not describe_variant(path).failure]
    chosen = evaluation_options(
        tasks, threads=options.threads, gpu_layers=options.n_gpu_layers, folder=folder / "evaluate"
    )
    with evaluation_progress() as progress:
        evaluation = Evaluation(find_tasks(tasks), tasks, chosen, open_sandbox(), progress=progress)
        result = evaluation.run(usable, reference=source)
    write_atomic(folder / EVALUATION, json_text(result), is_ours=_is_evaluation)
    if show:
        print_document(evaluate_document(result), markdown=markdown)


def _cores() -> int:
    from pyengine.engine.session import default_threads

    return default_threads() + 1
