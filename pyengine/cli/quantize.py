"""`pyengine quantize`: make quantized files of a model."""

from pathlib import Path
from typing import Annotated

import typer

from pyengine.cli.options import Json, Markdown, Threads, check_format
from pyengine.errors import OptionError

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


def command(
    source: Annotated[str, typer.Argument(help="A model of F16, BF16 or F32 weights.")],
    *,
    to: FileTypes,
    output_dir: Annotated[Path, typer.Option(help="Where the files go: NAME-TYPE.gguf.")] = Path(),
    output_type: OutputType = None,
    embedding_type: EmbeddingType = None,
    pure: Pure = False,
    tensor_type: TensorTypes = None,
    imatrix: Imatrix = None,
    requantize: Requantize = False,
    threads: Threads = None,
    dry_run: DryRun = False,
    json: Json = False,
    markdown: Markdown = False,
) -> None:
    """Quantize a model through llama.cpp's own quantizer.

    Files that an earlier run made of the same source with the same options are kept; another file
    of the same name is never overwritten.
    """
    from pyengine.cli.output import print_result, reporting
    from pyengine.discovery.references import resolve_model
    from pyengine.engine.quantize import QuantizeOptions, expand_types
    from pyengine.engine.session import default_threads
    from pyengine.measure.quantize import quantize_all
    from pyengine.reports.quantize_view import quantize_document

    check_format(json=json, markdown=markdown)
    options = QuantizeOptions(
        output_type=output_type,
        embedding_type=embedding_type,
        pure=pure,
        overrides=tuple(split_override(text) for text in tensor_type or ()),
        imatrix=imatrix,
        allow_requantize=requantize,
        threads=default_threads() if threads is None else threads,
    )
    types = expand_types(split_commas(to), has_imatrix=imatrix is not None)
    with reporting() as progress:
        result = quantize_all(
            resolve_model(source),
            types,
            output_dir,
            options=options,
            dry_run=dry_run,
            progress=progress,
        )
    print_result(result, quantize_document, json=json, markdown=markdown)


def split_commas(values: list[str]) -> list[str]:
    """Return the words of options that may be repeated and may hold several by commas."""
    return [word.strip() for value in values for word in value.split(",") if word.strip()]


def split_override(text: str) -> tuple[str, str]:
    """Split PATTERN=TYPE at its last equals sign.

    Raises:
        OptionError: there is none.
    """
    pattern, equals, kind = text.rpartition("=")
    if not equals or not pattern or not kind:
        raise OptionError(f"--tensor-type {text!r} is not PATTERN=TYPE")
    return pattern, kind
