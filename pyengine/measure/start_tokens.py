"""Where a cold start starts: the exact token ids fed, and why these."""

from dataclasses import dataclass
from pathlib import Path

from pyengine.errors import OptionError, TokenizerError
from pyengine.models.chat import render_chats
from pyengine.models.model import Model, Vocabulary

NATURAL = "natural"
DEFAULT_STARTS = ("bos", "eos", "newline", "fim", "chat", "fence:python")
HELP = "natural, bos, eos, newline, fim, chat, fence:LANGUAGE or text:TEXT"


@dataclass(frozen=True)
class Start:
    """A context that asks for nothing.

    Attributes:
        name: as on the command line, such as "bos" or "fence:python".
        ids: the token ids that are fed.
        reason: code that says why these ids.
    """

    name: str
    ids: tuple[int, ...]
    reason: str


def natural_start(vocabulary: Vocabulary) -> Start:
    """Return how a model itself begins a document: BOS, or a recorded substitute."""
    if vocabulary.bos is not None:
        reason = "bos-added" if vocabulary.add_bos else "bos-declared"
        return Start(NATURAL, (vocabulary.bos,), reason)
    if vocabulary.eos is not None:
        return Start(NATURAL, (vocabulary.eos,), "eos-for-bos")
    newline = vocabulary.token(b"\n") if vocabulary.kind != "none" else None
    if newline is not None:
        return Start(NATURAL, (newline,), "newline-for-bos")
    return Start(NATURAL, (0,), "zero-for-bos")


def resolve_start(spec: str, model: Model) -> Start:
    """Return the start that a name asks for.

    Raises:
        OptionError: the name is unknown, or this model does not support it.
    """
    kind, _, argument = spec.partition(":")
    vocabulary = model.vocabulary
    if spec == NATURAL:
        return natural_start(model.vocabulary)
    if vocabulary.kind == "none":
        raise OptionError(f"start {spec!r} needs a vocabulary, which {model.path} does not have")
    if spec in ("bos", "eos"):
        token = vocabulary.bos if spec == "bos" else vocabulary.eos
        if token is None:
            raise OptionError(f"start {spec!r}: the tokenizer of {_file(model)} has no such token")
        return Start(spec, (token,), spec)
    if spec == "newline" or (kind in ("fence", "text") and argument):
        texts = {"newline": "\n", "fence": f"```{argument}\n", "text": argument}
        return _text_start(spec, texts[kind], model, kind)
    if spec == "fim":
        return _fim_start(model)
    if spec == "chat":
        return _chat_start(model)
    raise OptionError(f"unknown start {spec!r}; use {HELP}")


def default_starts(model: Model) -> list[Start]:
    """Return the natural start, then every other default start that the model supports."""
    starts = [natural_start(model.vocabulary)]
    for spec in DEFAULT_STARTS:
        try:
            start = resolve_start(spec, model)
        except (OptionError, TokenizerError):
            continue
        fits = model.n_positions is None or len(start.ids) <= model.n_positions
        if fits and all(start.ids != other.ids for other in starts):
            starts.append(start)
    return starts


def document_prefix(vocabulary: Vocabulary) -> list[int]:
    """Return what the tokenizer puts before every text: BOS, or nothing."""
    bos = vocabulary.bos
    return [bos] if vocabulary.add_bos and bos is not None else []


def _text_start(spec: str, text: str, model: Model, reason: str) -> Start:
    ids = model.vocabulary.tokenize(text)
    if len(ids) == 0:
        raise OptionError(f"start {spec!r}: the tokenizer of {_file(model)} makes no token of it")
    prefix = document_prefix(model.vocabulary)
    after = "-after-bos" if prefix else ""
    return Start(spec, (*prefix, *(int(i) for i in ids)), reason + after)


def _fim_start(model: Model) -> Start:
    vocabulary = model.vocabulary
    marks = (vocabulary.fim_prefix, vocabulary.fim_suffix, vocabulary.fim_middle)
    if None in marks:
        raise OptionError(f"start 'fim': {_file(model)} has no fill-in-the-middle tokens")
    ids = tuple(mark for mark in marks if mark is not None)
    return Start("fim", (*document_prefix(vocabulary), *ids), "fim")


def _chat_start(model: Model) -> Start:
    if not model.chat_template:
        raise OptionError(f"start 'chat': {_file(model)} has no chat template")
    vocabulary = model.vocabulary
    (text,) = render_chats(model, [[{"role": "user", "content": ""}]])
    ids = [int(i) for i in vocabulary.tokenize(text, parse_special=True)]
    if not ids:
        raise OptionError(f"start 'chat': the chat template of {_file(model)} renders to nothing")
    prefix = document_prefix(vocabulary)
    if ids[: len(prefix)] != prefix:
        ids = [*prefix, *ids]
    return Start("chat", tuple(ids), "chat")


def _file(model: Model) -> str:
    return Path(model.path).name
