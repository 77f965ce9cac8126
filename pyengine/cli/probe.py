"""`pyengine probe`: what a model wants to write when nothing was asked."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pyengine.errors import OptionError

if TYPE_CHECKING:
    from pyengine.cli.output import Reporter
    from pyengine.probes.measurement import Measurement
    from pyengine.vocabulary.keywords import KeywordTable


def command(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            help="GGUF files, or .npz files of saved logits; none: the embedded model.",
            show_default=False,
        ),
    ] = None,
    *,
    start: Annotated[
        list[str] | None,
        typer.Option(
            "--start",
            help="Where to start: natural, bos, eos, newline, fim, chat, fence:LANGUAGE or "
            "text:TEXT. Several at once; keywords are measured at the first. "
            "Default: the natural start and every other that the model supports.",
            show_default=False,
        ),
    ] = None,
    keywords: Annotated[
        list[Path] | None,
        typer.Option(help="A keyword table (TOML) that extends or replaces a shipped one."),
    ] = None,
    language: Annotated[
        list[str] | None, typer.Option(help="Only these languages, by table name.")
    ] = None,
    split: Annotated[
        bool, typer.Option(help="Measure keywords of several tokens by the chain rule.")
    ] = True,
    top: Annotated[int, typer.Option(min=1, help="Tokens listed for each start.")] = 20,
    draws: Annotated[int, typer.Option(min=1, help="Random token sets for each language.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random sets and controls.")] = 0,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads; default: cores less one.")
    ] = None,
    gpu_layers: Annotated[
        int, typer.Option(help="Layers on the GPU; -1 for all. Ignored without a GPU.")
    ] = 0,
    save_logits: Annotated[
        Path | None, typer.Option(help="Keep the rows in a .npz file, to be probed without model.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    html: Annotated[
        Path | None,
        typer.Option(help="Also write one self-contained HTML page.", metavar="FILE"),
    ] = None,
) -> None:
    """Show what a model wants to write when nothing was asked.

    The full next-token distribution after the model's natural start, seen through the keywords
    of twelve languages, with controls.
    """
    from pyengine.cli.output import print_document, print_json, reporting, write_page
    from pyengine.probes.analysis import AnalysisOptions, analyze
    from pyengine.probes.saved_logits import save_logits as write_logits
    from pyengine.reports.probe_view import probe_document
    from pyengine.vocabulary.keywords import load_tables

    if json and markdown:
        raise OptionError("--json and --markdown exclude each other")
    sources = models or [""]
    if save_logits is not None and len(sources) > 1:
        raise OptionError("--save-logits takes one model at a time")
    if save_logits is not None and save_logits.suffix != ".npz":
        raise OptionError(f"--save-logits {save_logits}: the name must end in .npz")
    tables = _chosen(dict(load_tables("reference", extra=keywords or ())), language)
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
    if json:
        print_json(result)
    else:
        print_document(probe_document(result), markdown=markdown)
    write_page(result, html)


def _chosen(
    tables: dict[str, "KeywordTable"], languages: list[str] | None
) -> dict[str, "KeywordTable"]:
    for language in languages or ():
        if language not in tables:
            raise OptionError(f"unknown language {language!r}; use {', '.join(tables)}")
    return {name: tables[name] for name in languages} if languages else tables


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
