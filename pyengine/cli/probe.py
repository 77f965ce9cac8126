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
    from pyengine.probes.measurement import Measurement

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
    from pyengine.probes.analysis import AnalysisOptions, analyze
    from pyengine.probes.saved_logits import save_logits as write_logits
    from pyengine.reports.probe_view import probe_document
    from pyengine.vocabulary.keywords import load_tables

    check_format(json=json, markdown=markdown)
    sources = models or [""]
    if save_logits is not None:
        _check_target(save_logits, sources)
    tables = choose_languages(load_tables("reference", extra=keywords or ()), language)
    words = [word for table in tables.values() for word in table.words()] if split else []
    with reporting() as progress:
        measurements = [
            _measurement(source, start or [], words, threads, gpu_layers, progress)
            for source in sources
        ]
        if save_logits is not None:
            write_logits(save_logits, measurements[0])
        options = AnalysisOptions(
            tables=tables, paper_tables=load_tables("paper"), top=top, draws=draws, seed=seed
        )
        result = analyze(measurements, options)
    print_result(result, probe_document, json=json, markdown=markdown, html=html)


def _check_target(save_logits: Path, sources: list[str]) -> None:
    if len(sources) > 1:
        raise OptionError("--save-logits takes one model at a time")
    if save_logits.suffix != ".npz":
        raise OptionError(f"--save-logits {save_logits}: the name must end in .npz")


def _measurement(
    source: str,
    specs: list[str],
    words: list[str],
    threads: int | None,
    gpu_layers: int,
    progress: "Reporter",
) -> "Measurement":
    from pyengine.cli.model_argument import usable_model
    from pyengine.engine.model import open_model
    from pyengine.engine.options import ModelOptions
    from pyengine.probes.measurement import measure
    from pyengine.probes.saved_logits import load_logits
    from pyengine.probes.starts import default_starts, resolve_start

    if source.endswith(".npz"):
        if specs:
            raise OptionError(f"{source}: saved logits have their starts; drop --start")
        return load_logits(source)
    path = usable_model(
        source or None, progress=lambda fraction: progress("try in a child process", fraction)
    )
    options = ModelOptions(n_gpu_layers=gpu_layers)
    with open_model(
        path, options=options, progress=lambda fraction: progress(f"open {path.name}", fraction)
    ) as model:
        starts = [resolve_start(spec, model) for spec in specs] or default_starts(model)
        return measure(model, starts, words, threads=threads, progress=progress)
