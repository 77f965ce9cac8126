"""`pyengine pick`: from names of models to the file to run."""

from functools import partial
from pathlib import Path
from typing import Literal

from pyengine.api.pick import pick
from pyengine.commands.options import (
    CHAT,
    GPU_LAYERS,
    MARGIN,
    MAX_FLIPS,
    MAX_KL,
    MAX_SIZE,
    SENSITIVITY,
    SPEED,
    THREADS,
    Badge,
    Baseline,
    FailIf,
    Html,
    Json,
    Junit,
    Markdown,
    Options,
    argument,
    check_format,
    command_of,
    option,
)
from pyengine.errors import PickInterrupted


@command_of(
    pick,
    models=argument(
        list[str],
        "Types of one model: files, folders, ollama:NAME, hf:OWNER/REPO, each maybe with "
        "settings (FILE?kv=q8_0); or one file that is not quantized, whose types are made.",
    ),
    max_kl=MAX_KL,
    max_flips=MAX_FLIPS,
    memory=option(
        str | None,
        "Memory that the model may need, such as 6GiB; a plain number counts GiB. Default: what "
        "is free.",
        show_default=False,
    ),
    max_size=MAX_SIZE,
    speed=SPEED,
    context=option(
        int | None,
        "Tokens of context for which memory is forecast, and at which speed is measured. Default: "
        "8,192, or as many as the model was trained with.",
        min=1,
    ),
    evaluate=option(
        str | None,
        "Tasks of which the file must not surely solve fewer than the reference, see `pyengine "
        "evaluate`: own, humaneval, mbpp or a file.",
    ),
    limit=option(int, "Tasks that --evaluate asks, at most.", min=1),
    corpus=option(
        list[Path] | None, "Files or folders of text; default: the shipped one.", "--corpus"
    ),
    chat=CHAT,
    tokens=option(int, "Scored tokens of a file, at most.", min=1),
    precision=option(
        float, "Measure a file no longer when its mean KL is known to this part of it.", min=0
    ),
    margin=MARGIN,
    repeats=option(int, "Repetitions of each timing.", min=1),
    threads=THREADS,
    gpu_layers=GPU_LAYERS,
    seed=option(int, "Seed of the documents' order.", min=0),
    imatrix=option(Path | None, "Importance matrix for the types that are made."),
    recipe=option(
        bool,
        "Make recipes beside the types: each tensor's type is chosen by sensitivity, for the sizes "
        "of the types, and for what --max-size or --memory leave. Half of the documents chooses.",
        "--recipe",
    ),
    sensitivity=SENSITIVITY,
    output_dir=option(
        Path | None, "Where types of one file are made; default: NAME-pick.", metavar="DIR"
    ),
    keep=option(
        Literal["best", "all", "none"], "What stays of the files that were downloaded or made."
    ),
    max_disk=option(
        str | None, "Disk space that downloads take at a time, at most; written as --memory."
    ),
    modelfile=option(
        Path | None, "Write this file for `ollama create`; it must not exist.", metavar="FILE"
    ),
)
def command(
    options: Options,
    *,
    fail_if: FailIf = None,
    baseline: Baseline = None,
    junit: Junit = None,
    badge: Badge = None,
    json: Json = False,
    markdown: Markdown = False,
    html: Html = None,
) -> None:
    """Pick the file to run on this machine.

    That is the smallest that is hardly changed, fits in memory and is as fast as was asked. Only
    what could win is measured, the best guess first, against the best file that fits in memory.
    What was measured is kept: Ctrl-C prints the best answer so far, and the same command goes on.
    Exits with 1 where a condition that was asked for is not met.
    """
    from pyengine.commands.gates import Gated
    from pyengine.commands.output import print_result, reporting
    from pyengine.report.pick_view import pick_document
    from pyengine.report.sentences.pick import unmet_pick_sentence

    check_format(json=json, markdown=markdown, html=html)
    gated = Gated(fail_if, baseline, junit, badge)
    show = partial(print_result, document_of=pick_document, json=json, markdown=markdown, html=html)
    try:
        with reporting() as display:
            run = pick(**options, progress=display, watch=display.watch)
    except PickInterrupted as interrupted:
        if interrupted.run is not None:
            show(interrupted.run)
        raise
    show(run)
    gated.hold(run, json=json, markdown=markdown, unmet=unmet_pick_sentence(run))
