"""`pyengine quantize`: make quantized files of a model."""

from pathlib import Path

from pyengine.api.quantize import quantize
from pyengine.commands.options import (
    MARGIN,
    PRECISION,
    REQUANTIZE,
    SENSITIVITY,
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
from pyengine.errors import ThresholdNotMet


@command_of(
    quantize,
    source=argument(str, "A model of F16, BF16 or F32 weights."),
    to=option(
        list[str] | None,
        "File types such as Q4_K_M or IQ4_XS, several by commas or repeated; all: Q8_0 to Q2_K, "
        "what is quick to make and commonly run; a size such as 5GB or 4.5bpw: the largest type "
        "within it. Without it, --dry-run shows every type. With --recipe a type is its size.",
        "--to",
    ),
    output_dir=option(Path, "Where the files go: NAME-TYPE.gguf."),
    output_type=option(str | None, "Tensor type of output.weight, such as q8_0."),
    embedding_type=option(str | None, "Tensor type of token_embd.weight."),
    pure=option(bool, "One tensor type throughout, no mixture.", "--pure"),
    tensor_type=option(
        list[str] | None,
        "PATTERN=TYPE for tensors whose name matches; the first match wins. A rule that "
        "matches nothing is refused.",
    ),
    imatrix=option(
        Path | None, "Importance matrix, a GGUF by `pyengine imatrix` or llama-imatrix."
    ),
    requantize=REQUANTIZE,
    threads=THREADS,
    dry_run=option(
        bool,
        "Tell exact sizes, what needs an importance matrix and what falls back; write nothing.",
        "--dry-run",
    ),
    recipe=option(
        bool,
        "Choose the type of each tensor so that the least is lost within the size, verify the file "
        "on other documents beside the largest type within it, and write the better one.",
        "--recipe",
    ),
    sensitivity=SENSITIVITY,
    corpus=option(
        list[Path] | None,
        "With --recipe: files or folders of text; default: the shipped twelve languages.",
    ),
    tokens=option(int, "With --recipe: scored tokens of a file at most; 0 for no limit.", min=0),
    precision=PRECISION,
    margin=MARGIN,
    seed=option(int, "With --recipe: seed of the halves and the order of documents.", min=0),
    speed=option(
        float | None,
        "With --recipe: tokens per second that it must generate at least, by the speeds of types, "
        "which are timed for it.",
        show_default=False,
    ),
    context=option(
        int | None,
        "With --speed: tokens of context at which speed is measured. Default: 8,192, or as many as "
        "the model was trained with.",
        min=1,
    ),
)
def command(
    options: Options,
    *,
    json: Json = False,
    markdown: Markdown = False,
    html: Html = None,
) -> None:
    """Quantize a model through llama.cpp's own quantizer.

    Files that an earlier run made of the same source with the same options are kept; another file
    of the same name is never overwritten. Exits with 1 where a file is slower than was asked for.
    """
    from pyengine.commands.output import print_result, reporting
    from pyengine.report.sentences.recipes import unmet_recipes_sentence
    from pyengine.report.views import document_of

    check_format(json=json, markdown=markdown, html=html)
    with reporting("recipe" if options["recipe"] else "quantize") as display:
        run = quantize(**options, progress=display, watch=display.watch)
    print_result(run, document_of, json=json, markdown=markdown, html=html)
    if unmet := unmet_recipes_sentence(run):
        raise ThresholdNotMet(unmet)
