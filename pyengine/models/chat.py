"""Render a model's own chat template. Templates are untrusted programs.

They run in Jinja's sandbox, and in a process of their own under limits of time and memory: the
sandbox alone does not stop a loop without end.
"""

import resource
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pyengine.errors import OptionError, PyengineError, TokenizerError, WorkerError
from pyengine.models.child import Child
from pyengine.models.model import Model, Vocabulary

if TYPE_CHECKING:
    from pyengine.models.template import ChatTemplate

Conversation: TypeAlias = Sequence[dict[str, Any]]
# The day that templates are told which ask for it: equal runs give equal prompts.
DAY = date(2026, 1, 1)
MOST_SECONDS = 30
MOST_CHARACTERS = 20_000_000
CPU_S, MEMORY_BYTES = 5, 1 << 30


def render_chats(
    model: Model, conversations: Sequence[Conversation], *, day: date = DAY, answering: bool = True
) -> list[str]:
    """Render a model's template for each conversation.

    Args:
        model: its file holds the template and the tokens that begin and end a text.
        conversations: of each, messages with "role" and "content".
        day: the day that a template is told.
        answering: end with the opening of the assistant's turn.

    Raises:
        OptionError: the file holds no template.
        TokenizerError: the template cannot be used.
    """
    if not model.chat_template:
        raise OptionError(f"{model.path}: the model has no chat template")
    vocabulary = model.vocabulary
    bos, eos = (special_text(vocabulary, token) for token in (vocabulary.bos, vocabulary.eos))
    try:
        return render_template(
            model.chat_template, conversations, bos=bos, eos=eos, day=day, answering=answering
        )
    except TokenizerError as error:
        raise TokenizerError(f"{Path(model.path).name}: {error}") from error


def special_text(vocabulary: Vocabulary, token: int | None) -> str:
    """Return the text by which a template writes a token that stands for no text; "" for None."""
    return "" if token is None else vocabulary.texts()[token].decode("utf-8", "replace")


def render_template(
    template: str,
    conversations: Sequence[Conversation],
    *,
    bos: str = "",
    eos: str = "",
    day: date = DAY,
    answering: bool = True,
) -> list[str]:
    """Render a template in another process, under limits of time and memory.

    Raises:
        TokenizerError: the template is broken, refuses the messages, tries what it may not, or
            does not end; names the line where there is one.
    """
    arguments = (template, [list(messages) for messages in conversations], bos, eos, day, answering)
    try:
        with Child() as child:
            return child.call(_render_limited, *arguments, seconds=MOST_SECONDS)
    except (WorkerError, OSError) as error:
        reason = "it does not end, or takes too much memory"
        raise TokenizerError(f"the chat template cannot be used: {reason}") from error
    except PyengineError as error:
        reason = str(error)[:300]
        raise TokenizerError(f"the chat template cannot be used: {reason}") from error


def _render_limited(
    template: str,
    conversations: Sequence[Conversation],
    bos: str,
    eos: str,
    day: date,
    answering: bool,
) -> list[str]:
    """Render the conversations in this process, which a template without end takes down."""
    from pyengine.models.template import ChatTemplate

    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    compiled = ChatTemplate(template, bos=bos, eos=eos, day=day)
    texts = [_rendered(compiled, messages, answering) for messages in conversations]
    if sum(map(len, texts)) > MOST_CHARACTERS:
        raise TokenizerError("it writes without end")
    return texts


def _rendered(template: "ChatTemplate", messages: Conversation, answering: bool) -> str:
    """Render contents as text, or as lists of parts where the template shows only those.

    Templates of models that see pictures may know no other form. What is asked tells them apart:
    it is missing in what they make of a text.
    """
    asked = messages[-1]["content"].strip()
    failure = None
    try:
        text = template.render(messages, answering=answering)
    except TokenizerError as error:
        failure, text = error, ""
    if asked in text and failure is None:
        return text
    parts = [{**m, "content": [{"type": "text", "text": m["content"]}]} for m in messages]
    try:
        other = template.render(parts, answering=answering)
    except TokenizerError:
        other = ""
    if asked and asked in other:
        return other
    if failure is not None:
        raise failure
    return text
