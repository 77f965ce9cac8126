"""Render a model's own chat template. Templates are untrusted programs.

They run in Jinja's sandbox, and in a process of their own under limits of time and memory: the
sandbox alone does not stop a loop without end.
"""

import resource
from collections.abc import Sequence

from pyengine.errors import PyengineError, TokenizerError, WorkerError
from pyengine.models.child import Child

Message = dict[str, str]
MOST_SECONDS = 30
MOST_CHARACTERS = 4_000_000
CPU_S, MEMORY_BYTES = 5, 1 << 30


def render_chats(
    template: str, conversations: Sequence[Sequence[Message]], *, bos: str = "", eos: str = ""
) -> list[str]:
    """Render a template for each conversation, up to where the assistant's answer begins.

    Done in another process, under limits of time and memory.

    Raises:
        TokenizerError: the template is broken, refuses the messages, tries what it may not, or
            does not end.
    """
    try:
        with Child() as child:
            return child.call(
                _render_limited, template, list(conversations), bos, eos, seconds=MOST_SECONDS
            )
    except (WorkerError, OSError) as error:
        reason = "it does not end, or takes too much memory"
        raise TokenizerError(f"the model's chat template cannot be used: {reason}") from error
    except PyengineError as error:
        reason = str(error)[:300]
        raise TokenizerError(f"the model's chat template cannot be used: {reason}") from error


def _render_limited(
    template: str, conversations: Sequence[Sequence[Message]], bos: str, eos: str
) -> list[str]:
    """Render the conversations in this process, which a template without end takes down."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    texts = [render_chat(template, messages, bos=bos, eos=eos) for messages in conversations]
    if sum(map(len, texts)) > MOST_CHARACTERS:
        raise TokenizerError("it writes without end")
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
