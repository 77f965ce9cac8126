"""`pyengine sweep`: quantize a model to many types and compare each with it."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from pyengine.api.sweep import evaluate_sweep, sweep, sweep_files
from pyengine.commands.options import (
    CHAT,
    COMPLETE,
    DOCUMENT_TOKENS,
    GPU_LAYERS,
    MARGIN,
    ONE_AT_A_TIME,
    PRECISION,
    REQUANTIZE,
    Badge,
    Baseline,
    FailIf,
    Html,
    Junit,
    Markdown,
    Options,
    argument,
    check_format,
    command_of,
    option,
)


@command_of(
    sweep,
    source=argument(
        str | None,
        "The model to start from. Default: of the variants given the one with the most "
        "bits per weight, without variants the embedded model.",
        show_default=False,
    ),
    to=option(
        list[str] | None, "File types to make, by commas, as in quantize; default: all.", "--to"
    ),
    variants=option(
        list[Path] | None,
        "Files, references or folders of variants that exist, with settings (FILE?kv=q8_0).",
        "--variants",
        **COMPLETE,
    ),
    output_dir=option(
        Path | None, "Where models and measurements go; default: NAME-sweep.", metavar="DIR"
    ),
    resume=option(bool, "Continue the sweep that the folder holds.", "--resume"),
    corpus=option(
        list[Path] | None, "Files and folders to measure on; default: the shipped one.", "--corpus"
    ),
    chat=CHAT,
    document_tokens=DOCUMENT_TOKENS,
    context=option(int | None, "Tokens in a window; default: 512, with --chat 4,096.", min=4),
    stride=option(int | None, "Tokens by which a window moves on; default: half of it."),
    tokens=option(int, "Scored tokens of a variant, at most.", min=1),
    precision=PRECISION,
    workers=option(int | None, "Models compared at the same time; default: cores.", min=1),
    one_at_a_time=ONE_AT_A_TIME,
    threads=option(int, "CPU threads of each comparison.", min=1),
    speed=option(bool, "Measure load time, memory and speed."),
    speed_threads=option(int | None, "CPU threads for speed; default: cores less one.", min=1),
    repeats=option(int, "Repetitions of each timing.", min=1),
    imatrix=option(Path | None, "Importance matrix for the types that are made."),
    requantize=REQUANTIZE,
    margin=MARGIN,
    seed=option(int, "Seed of the documents' order.", min=0),
    gpu_layers=GPU_LAYERS,
    dask=option(str | None, "Address of a Dask scheduler whose workers do the measuring."),
    evaluate=option(
        str | None,
        "Also let every model write programs, see `pyengine evaluate`: own, humaneval, "
        "mbpp or a file of tasks. The record is kept as evaluate.json in the folder.",
        metavar="TASKS",
    ),
)
def command(
    options: Options,
    *,
    fail_if: FailIf = None,
    baseline: Baseline = None,
    junit: Junit = None,
    badge: Badge = None,
    json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
    markdown: Markdown = False,
    html: Html = None,
) -> None:
    """Make variants of a model, and measure each against it.

    With --variants it takes files that exist. Every model is measured in a process of its own, and
    every finished measurement is on disk at once: a damaged file costs its row, and a sweep that
    was killed goes on with --resume.
    """
    from pyengine.commands.gates import Gated
    from pyengine.commands.output import (
        evaluation_progress,
        print_document,
        print_result,
        reporting,
    )
    from pyengine.measure.store import Folder
    from pyengine.report.evaluate_view import evaluate_document
    from pyengine.report.sweep_view import sweep_document
    from pyengine.run.storage import load

    check_format(json=json, markdown=markdown, html=html)
    gated = Gated(fail_if, baseline, junit, badge)
    named = ("source", "variants", "to", "output_dir", "evaluate")
    model, files, folder = sweep_files(*(options[name] for name in named))
    tasks = options["evaluate"]
    known = {"source": model, "variants": files, "output_dir": folder, "evaluate": None}
    with reporting("sweep") as display:
        run = sweep(**{**options, **known}, progress=display, watch=display.watch)
    timings = load(Folder(folder).timings)
    view = partial(sweep_document, timings=timings)
    print_result(run, view, json=json, markdown=markdown, html=html, folder=str(folder))
    if tasks is not None:
        how = {name: options[name] for name in ("threads", "gpu_layers")}
        with evaluation_progress() as estimates:
            found = evaluate_sweep(run, folder, tasks, **how, progress=estimates)
        if not json:
            print_document(evaluate_document(found), markdown=markdown)
    gated.hold(run, json=json, markdown=markdown, timings=timings)
