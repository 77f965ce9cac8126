"""`pyengine vocab`: how tokenizers encode programming languages."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pyengine.errors import OptionError

if TYPE_CHECKING:
    from pyengine.engine.model import Model
    from pyengine.vocabulary.keywords import KeywordTable


def command(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            help="GGUF files, with or without weights; none: the embedded model.",
            show_default=False,
        ),
    ] = None,
    *,
    corpus: Annotated[
        list[Path] | None,
        typer.Option(
            help="Text to tokenize: a file or a folder, language by file name; may be given "
            "again. Default: the shipped programs in twelve languages.",
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
    collection: Annotated[
        str,
        typer.Option(help="Keyword tables: reference (language references) or paper (its lists)."),
    ] = "reference",
    paper: Annotated[
        bool, typer.Option("--paper", help="Set the numbers of arXiv 2601.02563 beside ours.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    html: Annotated[
        Path | None,
        typer.Option(help="Also write one self-contained HTML page.", metavar="FILE"),
    ] = None,
) -> None:
    """Show how a tokenizer encodes programming languages.

    Which keywords it keeps whole, what code costs in tokens, which classes its tokens are of and
    what is broken in it. No weight is read. Several models are set side by side.
    """
    from pyengine.cli.output import print_document, print_json, reporting, write_page
    from pyengine.corpus import load_corpus
    from pyengine.reports.vocab_view import paper_document, vocab_document
    from pyengine.vocabulary.analysis import AnalysisOptions, analyze
    from pyengine.vocabulary.keywords import load_tables

    if json and markdown:
        raise OptionError("--json and --markdown exclude each other")
    tables = load_tables(collection, extra=keywords or ())  # type: ignore[arg-type]
    chosen, paper_lists = _chosen(tables, language), load_tables("paper")
    changed = collection == "paper" and dict(chosen) != dict(paper_lists)
    collections = {"paper, changed" if changed else collection: chosen, "paper": paper_lists}
    options = AnalysisOptions(collections, load_corpus(corpus or ()))
    with reporting() as progress:
        opened = [_open(source) for source in models or [""]]
        result = analyze(opened, options, progress=progress)
    if paper and not result.paper:
        paths = ", ".join(str(model.path) for model in opened)
        raise OptionError(f"--paper: none of the paper's tokenizers is in {paths}")
    if json:
        print_json(result)
    else:
        show = paper_document if paper else vocab_document
        print_document(show(result), markdown=markdown)
    write_page(result, html)


def _chosen(
    tables: Mapping[str, "KeywordTable"], languages: list[str] | None
) -> Mapping[str, "KeywordTable"]:
    for language in languages or ():
        if language not in tables:
            raise OptionError(f"unknown language {language!r}; use {', '.join(tables)}")
    return {name: tables[name] for name in languages} if languages else tables


def _open(source: str) -> "Model":
    from pyengine.cli.model_argument import usable_model
    from pyengine.engine.model import open_model
    from pyengine.engine.options import ModelOptions

    return open_model(
        usable_model(source or None, vocabulary_only=True),
        options=ModelOptions(vocabulary_only=True),
    )
