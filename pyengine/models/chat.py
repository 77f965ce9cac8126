"""Render a model's own chat template. Templates are untrusted programs.

They run in Jinja's sandbox, and in a process of their own under limits of time and memory: the
sandbox alone does not stop a loop without end.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from pyengine.errors import TokenizerError

Message = dict[str, str]
MOST_SECONDS = 30


def render_chats(
    template: str, conversations: Sequence[Sequence[Message]], *, bos: str = "", eos: str = ""
) -> list[str]:
    """Render a template for each conversation, up to where the assistant's answer begins.

    Done in another process, under limits of time and memory.

    Raises:
        TokenizerError: the template is broken, refuses the messages, tries what it may not, or
            does not end.
    """
    request = {"template": template, "conversations": conversations, "bos": bos, "eos": eos}
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-m", "pyengine.models.chat_child"],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            timeout=MOST_SECONDS,
            check=True,
        )
        answer: dict[str, Any] = json.loads(done.stdout)
    except (subprocess.SubprocessError, OSError, ValueError) as error:
        reason = "it does not end, or takes too much memory"
        raise TokenizerError(f"the model's chat template cannot be used: {reason}") from error
    if "error" in answer:
        raise TokenizerError(f"the model's chat template cannot be used: {answer['error']}")
    texts: list[str] = answer["texts"]
    return texts


def render_chat(
    template: str,
    messages: Sequence[Message],
    *,
    bos: str = "",
    eos: str = "",
    add_generation_prompt: bool = True,
) -> str:
    """Return the text that the template makes of the messages, in this process and without limits.

    Args:
        template: Jinja source from the file's metadata.
        messages: dictionaries with "role" and "content".
        bos, eos: the texts of those tokens, which templates may write.
        add_generation_prompt: end with the opening of the assistant's turn.

    Raises:
        TokenizerError: the template fails, or refuses the messages.
    """
    from jinja2 import TemplateError
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> None:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
    )
    environment.globals["raise_exception"] = refuse
    try:
        text = environment.from_string(template).render(
            messages=list(messages),
            bos_token=bos,
            eos_token=eos,
            add_generation_prompt=add_generation_prompt,
        )
        text.encode()  # half a character has no UTF-8: a ValueError
        return text
    except (
        TemplateError,
        TypeError,
        ValueError,
        ArithmeticError,
        LookupError,
        RecursionError,
        AttributeError,
    ) as error:
        raise TokenizerError(f"the chat template cannot be rendered: {error}") from error
