"""`pyengine probe`: what a model wants to write when nothing was asked."""

from pathlib import Path
from typing import Annotated

import typer

from pyengine.api.probe import probe
from pyengine.commands.options import (
    Html,
    Json,
    KeywordFiles,
    Languages,
    Markdown,
    Threads,
    check_format,
    defaults_of,
)

Models = Annotated[
    list[str] | None,
    typer.Argument(
        help="GGUF files, or .npz files of saved logits; none: the embedded model.",
        show_default=False,
    ),
]
Starts = Annotated[
    list[str] | None,
    typer.Option(
        "--start",
        help="Where to start: natural, bos, eos, newline, fim, chat, fence:LANGUAGE or "
        "text:TEXT. Several at once; keywords are measured at the first. "
        "Default: the natural start and every other that the model supports.",
        show_default=False,
    ),
]
Split = Annotated[bool, typer.Option(help="Measure keywords of several tokens by the chain rule.")]
GpuLayers = Annotated[
    int, typer.Option(help="Layers on the GPU; -1 for all. Ignored without a GPU.")
]
SaveLogits = Annotated[
    Path | None, typer.Option(help="Keep the rows in a .npz file, to be probed without model.")
]


@defaults_of(probe)
def command(
    models: Models = None,
    *,
    start: Starts,
    keywords: KeywordFiles,
    language: Languages,
    split: Split,
    top: Annotated[int, typer.Option(min=1, help="Tokens listed for each start.")],
    draws: Annotated[int, typer.Option(min=1, help="Random token sets for each language.")],
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random sets and controls.")],
    threads: Threads,
    gpu_layers: GpuLayers,
    save_logits: SaveLogits,
    json: Json = False,
    markdown: Markdown = False,
    html: Html = None,
) -> None:
    """Show what a model wants to write when nothing was asked.

    The full next-token distribution after the model's natural start, seen through the keywords
    of twelve languages, with controls.
    """
    from pyengine.commands.output import print_result, reporting
    from pyengine.report.probe_view import probe_document

    check_format(json=json, markdown=markdown, html=html)
    with reporting() as progress:
        run = probe(
            models,
            start=start,
            keywords=keywords,
            language=language,
            split=split,
            top=top,
            draws=draws,
            seed=seed,
            threads=threads,
            gpu_layers=gpu_layers,
            save_logits=save_logits,
            progress=progress,
        )
    print_result(run, probe_document, json=json, markdown=markdown, html=html)
