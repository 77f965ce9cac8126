"""A chat template as a program: Jinja with what transformers' `apply_chat_template` gives it.

Jinja's sandbox keeps a template from the machine, and from nothing else: not from time, not from
memory. `models/chat.py` holds those.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from types import MappingProxyType, TracebackType
from typing import Any, TypeAlias

from jinja2 import Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pyengine.errors import TokenizerError

Message: TypeAlias = Mapping[str, Any]
# What a program of strings, numbers, lists and calls can fail with.
FAILURES = (
    TemplateError,
    SyntaxError,  # Jinja writes Python: a break outside a loop
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    AttributeError,
    RuntimeError,  # too deep a recursion
    AssertionError,
)


class Refusal(TemplateError):
    """What a template says when it refuses the messages."""


class Generation(Extension):
    """The block `{% generation %}` around what the assistant wrote, which training masks need."""

    tags = {"generation"}  # noqa: RUF012 - as Jinja declares it

    def parse(self, parser: Parser) -> nodes.Node:
        """Make a block that prints its body."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_printed"), [], [], body).set_lineno(line)

    def _printed(self, caller: Callable[[], str]) -> str:
        return caller()


def _to_json(
    value: object,
    ensure_ascii: bool = False,
    indent: int | str | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Return plain JSON; Jinja's own filter writes it for HTML."""
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def _refuse(message: str) -> None:
    raise Refusal(f"it refuses what it was given: {message}")


class ChatTemplate:
    """A template, compiled.

    What it is given: `messages`; `tools` and `documents`, which are None unless given;
    `add_generation_prompt`; `bos_token` and `eos_token`; `raise_exception` and `strftime_now`; and
    what the caller names. Nothing else is defined.
    """

    def __init__(self, source: str, *, bos: str, eos: str, day: date) -> None:
        """Compile a template.

        Args:
            source: Jinja, as the file's metadata holds it.
            bos, eos: the texts of those tokens, "" where there are none.
            day: what `strftime_now` tells, at midnight.

        Raises:
            TokenizerError: it is no template; names the line.
        """
        now = datetime.combine(day, time())
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
        )
        environment.filters["tojson"] = _to_json
        environment.globals.update(raise_exception=_refuse, strftime_now=now.strftime)
        self._words = {"bos_token": bos, "eos_token": eos, "tools": None, "documents": None}
        try:
            self._template: Template = environment.from_string(source)
        except FAILURES as error:
            raise _failure(error) from error

    def render(
        self,
        messages: Sequence[Message],
        *,
        answering: bool,
        variables: Mapping[str, Any] = MappingProxyType({}),
    ) -> str:
        """Return the text of a conversation.

        Args:
            messages: dictionaries with "role" and "content".
            answering: end with the opening of the assistant's turn.
            variables: what else is defined, such as `tools`; instead of what is always given.

        Raises:
            TokenizerError: the template fails, or refuses the messages; names the line.
        """
        try:
            given = {"messages": list(messages), "add_generation_prompt": answering}
            text = self._template.render({**self._words, **variables, **given})
            text.encode()  # half a character has no UTF-8: a ValueError
        except FAILURES as error:
            raise _failure(error) from error
        return text


def _failure(error: Exception) -> TokenizerError:
    """Say in one line what failed, and in which line of the template."""
    if isinstance(error, TemplateSyntaxError):
        line: int | None = error.lineno
        said = str(error.message)
    elif isinstance(error, SyntaxError):  # of the Python made of it, whose lines are others
        line, said = None, error.msg
    else:
        line, said = _line(error.__traceback__), str(error)
    where = "" if line is None else f"line {line}: "
    return TokenizerError(where + (" ".join(said.split()) or type(error).__name__))


def _line(trace: TracebackType | None) -> int | None:
    """Return the template's line that was reached last; Jinja puts its lines into tracebacks."""
    found = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            found = trace.tb_lineno
        trace = trace.tb_next
    return found
