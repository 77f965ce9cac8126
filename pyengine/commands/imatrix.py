"""`pyengine imatrix`: make an importance matrix for the quantizer."""

from pathlib import Path

from pyengine.api.imatrix import imatrix
from pyengine.commands.options import (
    GPU_LAYERS,
    THREADS,
    Json,
    Markdown,
    Options,
    argument,
    check_format,
    command_of,
    option,
)


@command_of(
    imatrix,
    model=argument(str, "The model that is to be quantized, best in F16, BF16 or F32."),
    output=option(
        Path | None,
        "The file. Default: NAME-imatrix.gguf here.",
        "--output",
        "-o",
        metavar="FILE",
        show_default=False,
    ),
    corpus=option(
        list[Path] | None, "Files or folders of text; default: the shipped twelve languages."
    ),
    half=option(
        bool,
        "Take the half of the documents by which sensitivity and recipes choose: files are then "
        "verified on others.",
        "--half",
    ),
    context=option(int, "Tokens of a context."),
    tokens=option(
        int,
        "Tokens at most, of contexts at equal distances over all text; 0 for no limit.",
        min=0,
    ),
    process_output=option(
        bool,
        "Cover the output layer, too, also where it is the embedding (tied).",
        "--process-output",
    ),
    merge=option(
        list[Path] | None, "An earlier matrix of this model, to whose sums these are added."
    ),
    threads=THREADS,
    gpu_layers=GPU_LAYERS,
    seed=option(
        int,
        "Seed of the place of the first context, where not all are taken, and of the half.",
        min=0,
    ),
)
def command(options: Options, *, json: Json = False, markdown: Markdown = False) -> None:
    """Make an importance matrix for the quantizer.

    It says which columns of each weight matter, in llama.cpp's format and as llama-imatrix
    computes it, from code in twelve languages unless --corpus says otherwise. What was
    interrupted goes on with the same command.
    """
    from pyengine.commands.output import print_result, reporting
    from pyengine.report.imatrix_view import imatrix_document

    check_format(json=json, markdown=markdown)
    with reporting("imatrix") as progress:
        run = imatrix(**options, progress=progress)
    print_result(run, imatrix_document, json=json, markdown=markdown)
