"""`pyengine sensitivity`: what a model loses when a group of its tensors is rounded."""

from pathlib import Path

from pyengine.api.sensitivity import sensitivity
from pyengine.commands.options import (
    GPU_LAYERS,
    THREADS,
    Html,
    Json,
    Markdown,
    Options,
    argument,
    check_format,
    command_of,
    option,
)


@command_of(
    sensitivity,
    model=argument(str, "The model that is to be quantized, in F16, BF16 or F32."),
    at=option(str, "The tensor type to which a group is rounded.", metavar="TYPE"),
    groups=option(int, "Groups into which the tensors are divided, if not more kinds.", min=1),
    imatrix=option(Path | None, "Importance matrix to quantize with.", show_default=False),
    corpus=option(
        list[Path] | None, "Files or folders of text; default: the shipped twelve languages."
    ),
    half=option(
        bool,
        "Measure on the half of the documents by which recipes choose types, or on all.",
        "--half/--all-documents",
    ),
    tokens=option(int, "Scored tokens, of twelve documents at least.", min=1),
    context=option(int, "Tokens in a window."),
    threads=THREADS,
    gpu_layers=GPU_LAYERS,
    seed=option(int, "Seed of the half, and of the order of documents.", min=0),
)
def command(
    options: Options, *, json: Json = False, markdown: Markdown = False, html: Html = None
) -> None:
    """Measure what a model loses by rounding some tensors.

    Tensors of a kind, or of some layers, are rounded in memory, one group at a time, and the model
    is compared with itself as it was. Nothing is written. What was interrupted goes on with the
    same command.
    """
    from pyengine.commands.output import print_result, reporting
    from pyengine.report.sensitivity_view import sensitivity_document

    check_format(json=json, markdown=markdown, html=html)
    with reporting("sensitivity") as progress:
        run = sensitivity(**options, progress=progress)
    print_result(run, sensitivity_document, json=json, markdown=markdown, html=html)
