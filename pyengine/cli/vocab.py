"""`pyengine vocab`: how tokenizers encode programming languages."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pyengine.cli.options import (
    Html,
    Json,
    KeywordFiles,
    Languages,
    Markdown,
    check_format,
    choose_languages,
)
from pyengine.errors import OptionError

if TYPE_CHECKING:
    from pyengine.engine.model import Model
    from pyengine.vocabulary.keywords import KeywordTable

Models = Annotated[
    list[str] | None,
    typer.Argument(
        help="GGUF files, with or without weights; none: the embedded model.", show_default=False
    ),
]
Texts = Annotated[
    list[Path] | None,
    typer.Option(
        help="Text to tokenize: a file or a folder, language by file name; may be given "
        "again. Default: the shipped programs in twelve languages.",
        show_default=False,
    ),
]
TableCollection = Annotated[
    str, typer.Option(help="Keyword tables: reference (language references) or paper (its lists).")
]
Paper = Annotated[
    bool, typer.Option("--paper", help="Set the numbers of arXiv 2601.02563 beside ours.")
]


def command(
    models: Models = None,
    *,
    corpus: Texts = None,
    keywords: KeywordFiles = None,
    language: Languages = None,
    collection: TableCollection = "reference",
    paper: Paper = False,
    json: Json = False,
    markdown: Markdown = False,
    html: Html = None,
) -> None:
    """Show how a tokenizer encodes programming languages.

    Which keywords it keeps whole, what code costs in tokens, which classes its tokens are of and
    what is broken in it. No weight is read. Several models are set side by side.
    """
    from pyengine.cli.output import print_result, reporting
    from pyengine.corpus import load_corpus
    from pyengine.measure.vocab import vocab
    from pyengine.measure.vocab_analysis import VocabOptions
    from pyengine.reports.vocab_view import paper_document, vocab_document

    check_format(json=json, markdown=markdown)
    collections = _collections(collection, keywords, language)
    options = VocabOptions(collections, load_corpus(corpus or ()))
    with reporting() as progress:
        opened = [_open(source) for source in models or [""]]
        run = vocab(opened, options, progress=progress)
    if paper and not run.shown("paper"):
        paths = ", ".join(str(model.path) for model in opened)
        raise OptionError(f"--paper: none of the paper's tokenizers is in {paths}")
    view = paper_document if paper else vocab_document
    print_result(run, view, json=json, markdown=markdown, html=html)


def _collections(
    collection: str, files: list[Path] | None, languages: list[str] | None
) -> dict[str, Mapping[str, "KeywordTable"]]:
    """Return the tables asked for, and beside them those of the paper as they are."""
    from pyengine.vocabulary.keywords import load_tables

    tables = load_tables(collection, extra=files or ())  # type: ignore[arg-type]
    chosen, paper = choose_languages(tables, languages), load_tables("paper")
    changed = collection == "paper" and dict(chosen) != dict(paper)
    return {"paper, changed" if changed else collection: chosen, "paper": paper}


def _open(source: str) -> "Model":
    from pyengine.cli.model_argument import usable_model
    from pyengine.engine.model import open_model
    from pyengine.engine.options import ModelOptions

    return open_model(
        usable_model(source or None, vocabulary_only=True),
        options=ModelOptions(vocabulary_only=True),
    )
