"""`pyengine tokenize`: the tokens of a text, with their ids and places."""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from pyengine.commands.completion import complete_model
from pyengine.commands.options import Json, Markdown, check_format
from pyengine.errors import CorpusError, OptionError
from pyengine.inputs import read_bytes

Model = Annotated[
    str,
    typer.Argument(help="A GGUF file, with or without weights.", autocompletion=complete_model),
]
Text = Annotated[
    str | None,
    typer.Argument(
        help="A text, a file, or - for standard input (the default).", show_default=False
    ),
]
Literal = Annotated[
    bool, typer.Option("--text", help="Take TEXT as text, even where a file is called so.")
]
Special = Annotated[
    bool, typer.Option(help="Add the tokens that the model wants around a text (BOS, EOS).")
]
ParseSpecial = Annotated[
    bool, typer.Option(help="Read control tokens such as <|im_end|> in the text as such.")
]


def command(
    model: Model,
    text: Text = None,
    *,
    literal: Literal = False,
    special: Special = False,
    parse_special: ParseSpecial = False,
    rows: Annotated[int, typer.Option(min=0, help="Tokens in the table; 0 for no table.")] = 200,
    json: Json = False,
    markdown: Markdown = False,
) -> None:
    """Show the tokens of a text: pieces, ids and byte offsets."""
    from pyengine.api.arguments import usable_model
    from pyengine.commands.output import print_result
    from pyengine.measure.tokenization import tokenize_text
    from pyengine.models.model import open_model
    from pyengine.models.options import ModelOptions
    from pyengine.report.tokenize_view import tokenize_document

    check_format(json=json, markdown=markdown)
    name, content = _content(text, literal)
    opened = open_model(
        usable_model(model, vocabulary_only=True), options=ModelOptions(vocabulary_only=True)
    )
    run = tokenize_text(
        opened, content, source=name, add_special=special, parse_special=parse_special
    )
    view = partial(tokenize_document, rows=rows)
    print_result(run, view, json=json, markdown=markdown)


def _content(text: str | None, literal: bool) -> tuple[str, bytes]:
    if literal:
        if text is None:
            raise OptionError("--text: give the text")
        return "text", _encoded(text)
    if text is None or text == "-":
        return "standard input", _standard_input()
    if not text:
        return "text", b""
    try:
        if not Path(text).exists():
            return "text", _encoded(text)
    except (OSError, ValueError):  # no path can be so long, or hold such characters
        return "text", _encoded(text)
    return text, read_bytes(text, error=CorpusError, most=None, pipes=True)


def _standard_input() -> bytes:
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        raise CorpusError(f"standard input: cannot be read: {error.strerror or error}") from error


def _encoded(text: str) -> bytes:
    """Give back the bytes of an argument, those that were not valid UTF-8 included."""
    return text.encode("utf-8", "surrogateescape")
