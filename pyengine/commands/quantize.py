"""`pyengine quantize`: make quantized files of a model."""

from pathlib import Path
from typing import Annotated

import typer

from pyengine.api.quantize import quantize
from pyengine.commands.options import Json, Markdown, Threads, check_format, defaults_of

FileTypes = Annotated[
    list[str],
    typer.Option(
        "--to",
        help="File types such as Q4_K_M, several by commas or repeated; all: every type "
        "from Q2_K to Q8_0.",
    ),
]
OutputType = Annotated[str | None, typer.Option(help="Tensor type of output.weight, such as q8_0.")]
EmbeddingType = Annotated[str | None, typer.Option(help="Tensor type of token_embd.weight.")]
Pure = Annotated[bool, typer.Option("--pure", help="One tensor type throughout, no mixture.")]
TensorTypes = Annotated[
    list[str] | None,
    typer.Option(help="PATTERN=TYPE for tensors whose name matches; the first match wins."),
]
Imatrix = Annotated[
    Path | None, typer.Option(help="Importance matrix, a GGUF written by llama-imatrix.")
]
Requantize = Annotated[
    bool, typer.Option("--requantize", help="Accept a source that is quantized already.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Tell exact sizes and write nothing.")]


@defaults_of(quantize)
def command(
    source: Annotated[str, typer.Argument(help="A model of F16, BF16 or F32 weights.")],
    *,
    to: FileTypes,
    output_dir: Annotated[Path, typer.Option(help="Where the files go: NAME-TYPE.gguf.")],
    output_type: OutputType,
    embedding_type: EmbeddingType,
    pure: Pure,
    tensor_type: TensorTypes,
    imatrix: Imatrix,
    requantize: Requantize,
    threads: Threads,
    dry_run: DryRun,
    json: Json = False,
    markdown: Markdown = False,
) -> None:
    """Quantize a model through llama.cpp's own quantizer.

    Files that an earlier run made of the same source with the same options are kept; another file
    of the same name is never overwritten.
    """
    from pyengine.commands.output import print_result, reporting
    from pyengine.report.quantize_view import quantize_document

    check_format(json=json, markdown=markdown)
    with reporting() as progress:
        run = quantize(
            source,
            to=to,
            output_dir=output_dir,
            output_type=output_type,
            embedding_type=embedding_type,
            pure=pure,
            tensor_type=tensor_type,
            imatrix=imatrix,
            requantize=requantize,
            threads=threads,
            dry_run=dry_run,
            progress=progress,
        )
    print_result(run, quantize_document, json=json, markdown=markdown)
