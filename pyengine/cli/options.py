"""Options that several commands have, declared once so that they look and mean the same."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from pyengine.errors import OptionError

T = TypeVar("T")

Json = Annotated[bool, typer.Option("--json", help="Print the record as JSON.")]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print Markdown.")]
Html = Annotated[
    Path | None, typer.Option(help="Also write one self-contained HTML page.", metavar="FILE")
]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads; default: cores less one.")]
GpuLayers = Annotated[int, typer.Option(help="Layers on the GPU; -1 for all.")]
Margin = Annotated[float, typer.Option(help="KL divergence, in nats, that is of no interest.")]
KeywordFiles = Annotated[
    list[Path] | None,
    typer.Option(help="A keyword table (TOML) that extends or replaces a shipped one."),
]
Languages = Annotated[list[str] | None, typer.Option(help="Only these languages, by table name.")]


def check_format(*, json: bool, markdown: bool) -> None:
    """Raise OptionError where two formats were asked for."""
    if json and markdown:
        raise OptionError("--json and --markdown exclude each other")


def check_languages(named: list[str] | None, known: Collection[str]) -> None:
    """Raise OptionError where a language was named that is not known."""
    for language in named or ():
        if language not in known:
            raise OptionError(f"unknown language {language!r}; use {', '.join(known)}")


def choose_languages(tables: Mapping[str, T], named: list[str] | None) -> Mapping[str, T]:
    """Return the tables of the languages that were named, of all languages where none was.

    Raises:
        OptionError: a language is not known.
    """
    check_languages(named, tables)
    return {name: tables[name] for name in named} if named else tables
