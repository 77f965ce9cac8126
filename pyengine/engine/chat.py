"""Render a model's own chat template. Templates are untrusted input and run in a sandbox."""

from collections.abc import Sequence

from pyengine.errors import TokenizerError

Message = dict[str, str]


def render_chat(
    template: str,
    messages: Sequence[Message],
    *,
    bos: str = "",
    eos: str = "",
    add_generation_prompt: bool = True,
) -> str:
    """Return the text that the template makes of the messages.

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
        return environment.from_string(template).render(
            messages=list(messages),
            bos_token=bos,
            eos_token=eos,
            add_generation_prompt=add_generation_prompt,
        )
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
