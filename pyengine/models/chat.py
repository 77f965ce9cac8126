"""Render a model's own chat template. Templates are untrusted programs.

They run in Jinja's sandbox, and in a process of their own under limits of time and memory: the
sandbox alone does not stop a loop without end.
"""

import resource
import time
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache, partial
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from pyengine.errors import OptionError, PyengineError, TokenizerError, WorkerError
from pyengine.models.child import Child
from pyengine.models.model import Model, Vocabulary

if TYPE_CHECKING:
    from pyengine.models.template import ChatTemplate

Conversation: TypeAlias = Sequence[Mapping[str, Any]]
# The day that templates are told which ask for it: equal runs give equal prompts.
DAY = date(2026, 1, 1)
MOST_SECONDS = 30
MOST_CHARACTERS = 20_000_000
CPU_S, MEMORY_BYTES = 5, 1 << 30


class ChatRenderer:
    """A template in another process, compiled once, under limits of time and memory.

    Use it as a context, or `close` it. Threads take turns.
    """

    def __init__(self, template: str, *, bos: str = "", eos: str = "", day: date = DAY) -> None:
        """Take a template.

        Args:
            template: Jinja, as a file's metadata holds it.
            bos, eos: the texts of those tokens, "" where there are none.
            day: the day that the template is told.
        """
        self._source = (template, bos, eos, day)
        self._name = ""
        self._child: Child | None = None
        self._turn = Lock()

    @classmethod
    def of(cls, model: Model, *, day: date = DAY) -> "ChatRenderer":
        """Take a model's own template.

        Raises:
            OptionError: the file holds none.
        """
        if not model.chat_template:
            raise OptionError(f"{model.path}: the model has no chat template")
        vocabulary = model.vocabulary
        bos, eos = (special_text(vocabulary, token) for token in (vocabulary.bos, vocabulary.eos))
        renderer = cls(model.chat_template, bos=bos, eos=eos, day=day)
        renderer._name = f"{Path(model.path).name}: "
        return renderer

    def render(
        self,
        conversations: Sequence[Conversation],
        *,
        answering: bool = True,
        variables: Mapping[str, Any] = MappingProxyType({}),
    ) -> list[str]:
        """Render conversations.

        Args:
            conversations: of each, messages with "role" and "content", and what else the template
                reads, such as "tool_calls".
            answering: end with the opening of the assistant's turn (`add_generation_prompt`).
            variables: what else the template is given, such as "tools" or "enable_thinking".

        Raises:
            TokenizerError: the template is broken, refuses the messages, tries what it may not, or
                does not end; names the line where there is one.
        """
        told = [list(messages) for messages in conversations]
        try:
            with self._turn:
                self._child = self._child or Child()
                try:
                    return self._child.call(
                        *(_render_limited, CPU_S, *self._source),
                        *(told, answering, dict(variables)),
                        seconds=MOST_SECONDS,
                    )
                except BaseException as error:
                    if not isinstance(error, PyengineError) or isinstance(error, WorkerError):
                        self.close()  # its process is dead, or still at work
                    raise
        except (WorkerError, OSError) as error:
            reason = "it does not end, or takes too much memory"
            raise self._failure(reason) from error
        except RecursionError as error:
            raise self._failure("what it is given is nested too deep") from error
        except PyengineError as error:
            raise self._failure(str(error)[:300]) from error

    def _failure(self, reason: str) -> TokenizerError:
        return TokenizerError(f"{self._name}the chat template cannot be used: {reason}")

    def close(self) -> None:
        """End the process."""
        if self._child is not None:
            self._child.close()
            self._child = None

    def __enter__(self) -> "ChatRenderer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def render_chats(
    model: Model, conversations: Sequence[Conversation], *, day: date = DAY, answering: bool = True
) -> list[str]:
    """Render a model's template for each conversation, see `ChatRenderer`.

    Raises:
        OptionError: the file holds no template.
        TokenizerError: the template cannot be used.
    """
    with ChatRenderer.of(model, day=day) as renderer:
        return renderer.render(conversations, answering=answering)


def special_text(vocabulary: Vocabulary, token: int | None) -> str:
    """Return the text by which a template writes a token that stands for no text; "" for None."""
    return "" if token is None else vocabulary.texts()[token].decode("utf-8", "replace")


@lru_cache(maxsize=1)
def _compiled(template: str, bos: str, eos: str, day: date) -> "ChatTemplate":
    from pyengine.models.template import ChatTemplate

    return ChatTemplate(template, bos=bos, eos=eos, day=day)


def _render_limited(
    cpu_s: int,
    template: str,
    bos: str,
    eos: str,
    day: date,
    conversations: Sequence[Conversation],
    answering: bool,
    variables: Mapping[str, Any],
) -> list[str]:
    """Render the conversations in this process, which a template without end takes down."""
    spent = int(time.process_time()) + 1
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (spent + cpu_s, most))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    compiled = _compiled(template, bos, eos, day)
    texts = [_rendered(compiled, messages, answering, variables) for messages in conversations]
    if sum(map(len, texts)) > MOST_CHARACTERS:
        raise TokenizerError("it writes without end")
    return texts


def _rendered(
    template: "ChatTemplate", messages: Conversation, answering: bool, variables: Mapping[str, Any]
) -> str:
    """Render contents as text, or as lists of parts where the template shows only those.

    Templates of models that see pictures may know no other form. What is asked tells them apart:
    it is missing in what they make of a text.
    """
    render = partial(template.render, answering=answering, variables=variables)
    content = messages[-1].get("content") if messages else None
    if not isinstance(content, str):
        return render(messages)
    asked = content.strip()
    failure = None
    try:
        text = render(messages)
    except TokenizerError as error:
        failure, text = error, ""
    if asked in text and failure is None:
        return text
    try:
        other = render([_in_parts(message) for message in messages])
    except TokenizerError:
        other = ""
    if asked and asked in other:
        return other
    if failure is not None:
        raise failure
    return text


def _in_parts(message: Mapping[str, Any]) -> Mapping[str, Any]:
    content = message.get("content")
    if not isinstance(content, str):
        return message
    return {**message, "content": [{"type": "text", "text": content}]}
