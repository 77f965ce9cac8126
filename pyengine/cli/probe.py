"""`pyengine probe`: what a model wants to write when nothing was asked."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pyengine.cli.options import (
    Html,
    Json,
    KeywordFiles,
    Languages,
    Markdown,
    Threads,
    check_format,
    choose_languages,
)
from pyengine.errors import OptionError

if TYPE_CHECKING:
    from pyengine.cli.output import Reporter
    from pyengine.measure.cold_rows import ColdRows
    from pyengine.measure.probe import ProbeOptions

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


def command(
    models: Models = None,
    *,
    start: Starts = None,
    keywords: KeywordFiles = None,
    language: Languages = None,
    split: Split = True,
    top: Annotated[int, typer.Option(min=1, help="Tokens listed for each start.")] = 20,
    draws: Annotated[int, typer.Option(min=1, help="Random token sets for each language.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random sets and controls.")] = 0,
    threads: Threads = None,
    gpu_layers: GpuLayers = 0,
    save_logits: SaveLogits = None,
    json: Json = False,
    markdown: Markdown = False,
    html: Html = None,
) -> None:
    """Show what a model wants to write when nothing was asked.

    The full next-token distribution after the model's natural start, seen through the keywords
    of twelve languages, with controls.
    """
    from pyengine.cli.output import print_result, reporting
    from pyengine.measure.probe import ProbeOptions, probe_run
    from pyengine.measure.saved_cold_rows import save_rows
    from pyengine.reports.probe_view import probe_document
    from pyengine.vocabulary.keywords import load_tables

    check_format(json=json, markdown=markdown)
    sources = models or [""]
    if save_logits is not None:
        _check_target(save_logits, sources)
    options = ProbeOptions(
        tables=choose_languages(load_tables("reference", extra=keywords or ()), language),
        starts=tuple(start or ()),
        split=split,
        top=top,
        draws=draws,
        seed=seed,
        threads=threads,
        n_gpu_layers=gpu_layers,
    )
    with reporting() as progress:
        decoded = [_decoded(source, options, progress) for source in sources]
        if save_logits is not None:
            save_rows(save_logits, decoded[0])
        run = probe_run(decoded, options)
    print_result(run, probe_document, json=json, markdown=markdown, html=html)


def _check_target(save_logits: Path, sources: list[str]) -> None:
    if len(sources) > 1:
        raise OptionError("--save-logits takes one model at a time")
    if save_logits.suffix != ".npz":
        raise OptionError(f"--save-logits {save_logits}: the name must end in .npz")


def _decoded(source: str, options: "ProbeOptions", progress: "Reporter") -> "ColdRows":
    from pyengine.cli.model_argument import usable_model
    from pyengine.measure.probe import decode_cold
    from pyengine.measure.saved_cold_rows import load_rows

    if source.endswith(".npz"):
        if options.starts:
            raise OptionError(f"{source}: saved logits have their starts; drop --start")
        return load_rows(source)
    path = usable_model(
        source or None, progress=lambda fraction: progress("try in a child process", fraction)
    )
    return decode_cold(path, options, progress)
