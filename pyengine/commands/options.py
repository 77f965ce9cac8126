"""Options that several commands have, declared once so that they look and mean the same."""

from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from pyengine.errors import OptionError
from pyengine.extras import require_extra

C = TypeVar("C", bound=Callable[..., None])

Json = Annotated[bool, typer.Option("--json", help="Print the record as JSON.")]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print Markdown.")]
Html = Annotated[
    Path | None, typer.Option(help="Also write one self-contained HTML page.", metavar="FILE")
]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads; default: cores less one.")]
GpuLayers = Annotated[int, typer.Option(help="Layers on the GPU; -1 for all.")]
OneAtATime = Annotated[
    bool, typer.Option("--one-at-a-time", help="Hold one model in memory at a time.")
]
Margin = Annotated[float, typer.Option(help="KL divergence, in nats, that is of no interest.")]
KeywordFiles = Annotated[
    list[Path] | None,
    typer.Option(help="A keyword table (TOML) that extends or replaces a shipped one."),
]
Languages = Annotated[list[str] | None, typer.Option(help="Only these languages, by table name.")]


def check_format(*, json: bool, markdown: bool, html: Path | None = None) -> None:
    """Raise an error where two formats were asked for, or a page whose pictures nobody can draw."""
    if json and markdown:
        raise OptionError("--json and --markdown exclude each other")
    if html is not None:
        require_extra("matplotlib", "--html")


def defaults_of(function: Callable[..., object]) -> Callable[[C], C]:
    """Give a command the defaults of the function in `pyengine.api` that it calls.

    Every option that the command declares without a default takes that of the argument of its name.
    """
    known = {
        name: parameter.default
        for name, parameter in signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is not parameter.empty
    }

    def give(command: C) -> C:
        declared: Any = command
        own = declared.__kwdefaults__ or {}
        shared = signature(command).parameters.keys() & known.keys() - own.keys()
        declared.__kwdefaults__ = own | {name: known[name] for name in shared}
        return command

    return give
