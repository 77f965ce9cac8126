"""`pyengine quantize`: make quantized files of a model."""

from pathlib import Path

from pyengine.api.quantize import quantize
from pyengine.commands.options import (
    REQUANTIZE,
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
    quantize,
    source=argument(str, "A model of F16, BF16 or F32 weights."),
    to=option(
        list[str] | None,
        "File types such as Q4_K_M or IQ4_XS, several by commas or repeated; all: Q8_0 to Q2_K, "
        "what is quick to make and commonly run; a size such as 5GB or 4.5bpw: the largest type "
        "within it. Without it, --dry-run shows every type.",
        "--to",
    ),
    output_dir=option(Path, "Where the files go: NAME-TYPE.gguf."),
    output_type=option(str | None, "Tensor type of output.weight, such as q8_0."),
    embedding_type=option(str | None, "Tensor type of token_embd.weight."),
    pure=option(bool, "One tensor type throughout, no mixture.", "--pure"),
    tensor_type=option(
        list[str] | None,
        "PATTERN=TYPE for tensors whose name matches; the first match wins. What would do "
        "nothing is refused.",
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
)
def command(options: Options, *, json: Json = False, markdown: Markdown = False) -> None:
    """Quantize a model through llama.cpp's own quantizer.

    Files that an earlier run made of the same source with the same options are kept; another file
    of the same name is never overwritten.
    """
    from pyengine.commands.output import print_result, reporting
    from pyengine.report.quantize_view import quantize_document

    check_format(json=json, markdown=markdown)
    with reporting("quantize") as progress:
        run = quantize(**options, progress=progress)
    print_result(run, quantize_document, json=json, markdown=markdown)
