"""`pyengine sweep`: quantize a model to many types and compare each with it."""

from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pyengine.cli.options import GpuLayers, Html, Margin, Markdown, check_format
from pyengine.errors import OptionError

if TYPE_CHECKING:
    from pyengine.cli.output import Reporter
    from pyengine.measure.options import CompareOptions
    from pyengine.measure.speed import SpeedOptions
    from pyengine.run.record import Run

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
    from pyengine.files import check_replaceable
    from pyengine.measure.options import CompareOptions
    from pyengine.measure.speed import SpeedOptions
    from pyengine.reports.sweep_view import sweep_document
    from pyengine.text.windows import WindowOptions

    check_format(json=json, markdown=markdown)
    if variants and to:
        raise OptionError("--to and --variants exclude each other")
    cores = _cores()
    timing = SpeedOptions(repeats=repeats, threads=speed_threads or max(1, cores - 1))
    options = CompareOptions(
        windows=WindowOptions(n_ctx=context, stride=stride, max_tokens=tokens),
        workers=workers or max(1, cores // threads),
        threads=threads,
        n_gpu_layers=gpu_layers,
        continuations=0,
        margin=margin,
        seed=seed,
    )
    options.check()
    model, files = _models(source, variants or [])
    folder = output_dir or Path(f"{model.stem}-sweep")
    if evaluate is not None:
        check_replaceable(folder / EVALUATION, _is_evaluation)
    asked = Asked(model, files, to or ["all"], imatrix, corpus or [], options)
    result, timings = _sweep(
        asked, folder, resume=resume, dask=dask, speed=timing if speed else None
    )
    view = partial(sweep_document, timings=timings)
    print_result(result, view, json=json, markdown=markdown, html=html)
    if evaluate is not None:
        paths = [Path(found.path) for found in result.models]
        _evaluate(paths, folder, evaluate, options, show=not json, markdown=markdown)


def _is_evaluation(path: Path) -> bool:
    from pyengine.run.storage import holds_run

    return holds_run(path, "evaluate")


def _models(source: str | None, variants: list[Path]) -> tuple[Path, list[Path]]:
    """Return the source and the variants that are there already."""
    from pyengine.discovery.references import resolve_model
    from pyengine.measure.files import bits_per_weight, find_variants

    files = find_variants([_named(variant) for variant in variants])
    if source is not None or not files:
        return resolve_model(source), files
    whole = {path: bits for path in files if (bits := bits_per_weight(path)) is not None}
    if not whole:
        raise OptionError("none of the variants can be opened, so there is nothing to compare to")
    return max(whole, key=lambda path: whole[path]), files


def _named(variant: Path) -> Path:
    """Return the file that a reference such as `ollama:NAME` names; paths stay as they are."""
    from pyengine.discovery.references import SCHEMES, resolve_model

    scheme, colon, _ = str(variant).partition(":")
    return resolve_model(variant) if colon and scheme in SCHEMES else variant


@dataclass(frozen=True)
class Asked:
    """What a sweep is asked to measure: a source, and its variants or the types to make."""

    source: Path
    files: list[Path]
    to: list[str]
    imatrix: Path | None
    corpus: list[Path]
    options: "CompareOptions"


def _sweep(
    asked: Asked,
    folder: Path,
    *,
    resume: bool,
    dask: str | None,
    speed: "SpeedOptions | None",
) -> "tuple[Run, Run]":
    from pyengine.cli.output import reporting
    from pyengine.corpus import load_corpus
    from pyengine.engine.quantize import expand_types
    from pyengine.measure.compare import Means
    from pyengine.measure.engine import LocalExecutor, Processes
    from pyengine.measure.executors import dask_executor
    from pyengine.measure.quantize import quantized_paths
    from pyengine.measure.store import open_folder
    from pyengine.measure.sweep import sweep

    types = expand_types(_words(asked.to), has_imatrix=asked.imatrix is not None)
    corpus = load_corpus(asked.corpus)
    with (
        reporting() as progress,
        open_folder(folder, resume=resume) as kept,
        Processes() as processes,
        dask_executor(dask) if dask else nullcontext(LocalExecutor(processes)) as executor,
    ):
        made = None if asked.files else _quantize(asked, types, kept.models, progress)
        files = quantized_paths(made) if made else asked.files
        means = Means(processes, executor, kept, keep_going=True, progress=progress)
        return sweep(
            asked.source, files, corpus, asked.options, means, kept, speed=speed, made=made
        )


def _words(values: list[str]) -> list[str]:
    from pyengine.cli.quantize import split_commas

    return split_commas(values)


def _quantize(asked: Asked, types: list[str], folder: Path, progress: "Reporter") -> "Run":
    from pyengine.engine.quantize import QuantizeOptions
    from pyengine.measure.quantize import quantize_all

    making = QuantizeOptions(imatrix=asked.imatrix, threads=_cores())
    return quantize_all(asked.source, types, folder, options=making, progress=progress)


def _evaluate(
    paths: list[Path],
    folder: Path,
    tasks: str,
    options: "CompareOptions",
    *,
    show: bool,
    markdown: bool,
) -> None:
    """Evaluate the models that were opened against the first of them; keep the record."""
    from pyengine.cli.evaluation import evaluation_options, evaluation_progress, find_tasks
    from pyengine.cli.output import print_document
    from pyengine.codegen.evaluation import Evaluation
    from pyengine.codegen.sandbox import open_sandbox
    from pyengine.files import write_atomic
    from pyengine.reports.evaluate_view import evaluate_document
    from pyengine.run.storage import to_json

    chosen = evaluation_options(
        tasks,
        threads=options.threads or 1,
        gpu_layers=options.n_gpu_layers,
        folder=folder / "evaluate",
    )
    with evaluation_progress() as progress:
        evaluation = Evaluation(find_tasks(tasks), tasks, chosen, open_sandbox(), progress=progress)
        result = evaluation.run(paths[1:], reference=paths[0])
    write_atomic(folder / EVALUATION, to_json(result), is_ours=_is_evaluation)
    if show:
        print_document(evaluate_document(result), markdown=markdown)


def _cores() -> int:
    from pyengine.engine.session import default_threads

    return default_threads() + 1
