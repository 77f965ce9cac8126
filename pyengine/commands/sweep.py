"""`pyengine sweep`: quantize a model to many types and compare each with it."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from pyengine.api.sweep import check_evaluation, evaluate_sweep, sweep, sweep_folder, sweep_models
from pyengine.commands.options import (
    GpuLayers,
    Html,
    Margin,
    Markdown,
    OneAtATime,
    check_format,
    defaults_of,
)

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


@defaults_of(sweep)
def command(
    source: Source = None,
    *,
    to: FileTypes,
    variants: Variants,
    output_dir: OutputDir,
    resume: Resume,
    corpus: Texts,
    context: Annotated[int, typer.Option(min=4, help="Tokens in a window.")],
    stride: Stride,
    tokens: Annotated[int, typer.Option(min=1, help="Tokens to score, at most.")],
    workers: Workers,
    one_at_a_time: OneAtATime,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of each comparison.")],
    speed: Annotated[bool, typer.Option(help="Measure load time, memory and speed.")],
    speed_threads: SpeedThreads,
    repeats: Annotated[int, typer.Option(min=1, help="Repetitions of each timing.")],
    imatrix: Imatrix,
    margin: Margin,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the documents' order.")],
    gpu_layers: GpuLayers,
    dask: Dask,
    evaluate: Evaluate,
    json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
    markdown: Markdown = False,
    html: Html = None,
) -> None:
    """Make variants of a model, or take those that exist, and measure each against it.

    Every model is measured in a process of its own, and every finished measurement is on disk at
    once: a damaged file costs its row, and a sweep that was killed goes on with --resume.
    """
    from pyengine.commands.evaluation import evaluation_progress
    from pyengine.commands.output import print_document, print_result, reporting
    from pyengine.measure.store import Folder
    from pyengine.report.evaluate_view import evaluate_document
    from pyengine.report.sweep_view import sweep_document
    from pyengine.run.storage import load

    check_format(json=json, markdown=markdown, html=html)
    model, files = sweep_models(source, variants, to)
    folder = sweep_folder(model, output_dir)
    if evaluate is not None:
        check_evaluation(folder)
    with reporting() as progress:
        run = sweep(
            model,
            to=to,
            variants=files,
            output_dir=folder,
            resume=resume,
            corpus=corpus,
            context=context,
            stride=stride,
            tokens=tokens,
            workers=workers,
            one_at_a_time=one_at_a_time,
            threads=threads,
            speed=speed,
            speed_threads=speed_threads,
            repeats=repeats,
            imatrix=imatrix,
            margin=margin,
            seed=seed,
            gpu_layers=gpu_layers,
            dask=dask,
            progress=progress,
        )
    view = partial(sweep_document, timings=load(Folder(folder).timings))
    print_result(run, view, json=json, markdown=markdown, html=html)
    if evaluate is not None:
        with evaluation_progress() as estimates:
            found = evaluate_sweep(
                run, folder, evaluate, threads=threads, gpu_layers=gpu_layers, progress=estimates
            )
        if not json:
            print_document(evaluate_document(found), markdown=markdown)
