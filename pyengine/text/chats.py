"""Conversations in the shape of OpenAI's messages, rendered by a model's own chat template."""

from __future__ import annotations

import json
import os.path
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyengine.errors import CorpusError, TokenizerError
from pyengine.inputs import read_bytes
from pyengine.models.chat import ChatRenderer, Conversation, special_text
from pyengine.models.model import Model
from pyengine.text.documents import CHAT, Corpus, Document


@dataclass(frozen=True)
class Chat:
    """A conversation.

    Attributes:
        name: its file and line.
        messages: of which the last is the assistant's.
        variables: what else the template is given: the tools that there are.
    """

    name: str
    messages: Conversation
    variables: Mapping[str, Any]

    @property
    def own(self) -> list[Mapping[str, Any]]:
        """The assistant's messages."""
        return [message for message in self.messages if message["role"] == "assistant"]

    def turns(self, *, spoken: bool) -> list[Conversation]:
        """Return the messages before each of the assistant's, or with it once it has spoken."""
        own = [i for i, message in enumerate(self.messages) if message["role"] == "assistant"]
        return [self.messages[: i + spoken] for i in own]


def load_chats(paths: Iterable[Path | str]) -> Corpus:
    """Read conversations, which no model's template has rendered yet.

    A line of a file is a JSON object with "messages" and, where there are any, "tools", or the list
    of messages; these have "role" and "content", and may have "tool_calls" and "reasoning_content".

    Raises:
        CorpusError: a file cannot be read, or a line is no conversation.
    """
    given = [Path(path) for path in paths]
    documents = tuple(document for path in given for document in _read(path))
    return Corpus(documents, " ".join(str(path) for path in given))


def render(corpus: Corpus, model: Model) -> tuple[Corpus, int]:
    """Render conversations by a model's template, each up to the assistant's last words.

    Returns:
        the corpus, and how many of the assistant's messages are not scored in it: those that the
        template does not show as the assistant wrote them, since it knows no calls of tools, or
        leaves out earlier reasoning.

    Raises:
        CorpusError: the template shows nothing of what the assistant wrote.
        TokenizerError: the template cannot be used, or refuses a conversation.
        OptionError: the model has no template.
    """
    chats = [Chat(document.name, **json.loads(document.content)) for document in corpus]
    with ChatRenderer.of(model) as renderer:
        found = [_document(chat, *_turns(chat, renderer)) for chat in chats]
    documents = tuple(_begun(document, model) for document, _ in found)
    return Corpus(documents, corpus.origin), sum(left_out for _, left_out in found)


def _read(path: Path) -> list[Document]:
    # Only line feeds end a line of JSON.
    lines = read_bytes(path, error=CorpusError, most=None).split(b"\n")
    chats = [_chat(line, f"{path}:{n}") for n, line in enumerate(lines, 1) if line.strip()]
    if not chats:
        raise CorpusError(f"{path}: holds no conversation; give one JSON object in each line")
    return chats


def _chat(line: bytes, name: str) -> Document:
    """Return the conversation of a line, up to the assistant's last message."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"{name}: no JSON ({error})") from error
    messages, tools = value, None
    if isinstance(value, dict):
        messages, tools = value.get("messages"), value.get("tools")
    if not isinstance(messages, list) or not messages:
        raise CorpusError(f'{name}: no conversation: a list of "messages" is needed')
    checked = [_message(message, f"{name}, message {n}") for n, message in enumerate(messages, 1)]
    while checked and checked[-1]["role"] != "assistant":
        checked.pop()
    if not checked:
        raise CorpusError(f"{name}: the assistant says nothing in this conversation")
    told = {"messages": checked, "variables": {"tools": tools} if tools else {}}
    return Document(name, CHAT, json.dumps(told).encode())


def _message(message: object, name: str) -> dict[str, Any]:
    """Return a message with text as its content, and with arguments of calls as values."""
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise CorpusError(f'{name}: needs a "role"')
    return {
        **message,
        "content": _content(message.get("content"), name),
        **_calls(message.get("tool_calls"), name),
    }


def _content(content: object, name: str) -> str:
    if content is None:
        return ""
    parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    if len(texts) < len(parts) or not all(isinstance(text, str) for text in texts):
        raise CorpusError(f'{name}: its "content" is not text, which alone can be measured')
    return "".join(map(str, texts))


def _calls(calls: object, name: str) -> dict[str, Any]:
    """Return the calls of tools; arguments come as JSON in a string, and templates write values."""
    if calls is None:
        return {}
    try:
        return {"tool_calls": [_call(call) for call in calls]}  # type: ignore[attr-defined]
    except (TypeError, ValueError, KeyError) as error:
        raise CorpusError(f'{name}: its "tool_calls" are no list of functions') from error


def _call(call: dict[str, Any]) -> dict[str, Any]:
    function = dict(call["function"])
    if isinstance(function.get("arguments"), str):
        with suppress(ValueError, RecursionError):  # what a model wrote may be no JSON
            function["arguments"] = json.loads(function["arguments"])
    return {**call, "function": function}


def _turns(chat: Chat, renderer: ChatRenderer) -> tuple[list[str], list[str]]:
    """Return for each of the assistant's messages the text before it, and up to its end."""
    try:
        before, after = (
            renderer.render(
                chat.turns(spoken=spoken), answering=not spoken, variables=chat.variables
            )
            for spoken in (False, True)
        )
    except TokenizerError as error:
        raise TokenizerError(f"{chat.name}: {error}") from error
    return before, after


def _document(chat: Chat, before: Sequence[str], after: Sequence[str]) -> tuple[Document, int]:
    """Return a conversation as a document, and how many of its turns are not scored."""
    text = after[-1]
    spans = []
    for message, begins, ends in zip(chat.own, before, after, strict=True):
        begin = len(os.path.commonprefix((begins, ends)))
        if text.startswith(ends) and _shows(ends[begin:], message):
            spans.append((len(text[:begin].encode()), len(ends.encode())))
    if not spans:
        raise CorpusError(
            f"{chat.name}: the model's chat template shows nothing of what the assistant wrote"
        )
    return Document(chat.name, CHAT, text.encode(), tuple(spans)), len(before) - len(spans)


def _shows(written: str, message: Mapping[str, Any]) -> bool:
    """Return whether a template wrote anything of a message: many know no calls of tools."""
    if message["content"]:
        return bool(written)
    names = [str(call["function"].get("name")) for call in message.get("tool_calls", [])]
    return any(name in written for name in names)


def _begun(document: Document, model: Model) -> Document:
    """Take away a BOS that the template wrote and that is fed before every text anyway."""
    vocabulary = model.vocabulary
    bos = special_text(vocabulary, vocabulary.bos).encode() if vocabulary.add_bos else b""
    content, spans = document.content, document.spoken or ()
    if not bos or not content.startswith(bos):
        return document
    moved = tuple((begin - len(bos), end - len(bos)) for begin, end in spans)
    return Document(document.name, document.language, content[len(bos) :], moved)
