"""Decide by evidence whether a model is talked to or given bare code, and say why.

A chat template in the file is needed, and is not enough: base models often hold that of their chat
sister. What its authors say of it decides first, then its tokens: a chat model's text ends where
its turn ends, while the sister's template ends turns by a token with which a base model ends
nothing. That its vocabulary has turn marks, or that llama.cpp takes one for an end of generation,
tells nothing: both hold for the base model too.

The first reason that applies decides; docs/evaluate.md lists them with examples.
"""

import re
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from pyengine.code.prompting import PromptStyle
from pyengine.errors import TokenizerError
from pyengine.models.chat import render_chats
from pyengine.models.model import Model, prompt_ids
from pyengine.vocabulary.tokens import TokenKind

CHAT_WORDS = frozenset(
    ("it", "assistant", "conversational", "think", "thinking", "reasoning", "r1", "distill")
) | {"sft", "dpo", "rlhf"}
CHAT_STARTS = ("instruct", "chat")  # instruction, Instruct2, ChatGLM3
BASE_WORDS = frozenset(("base", "foundation", "pretrain", "pretrained"))
CARD = ("general.basename", "general.name", "general.finetune")
PARENTS = re.compile(r"general\.base_model\.\d+\.(?:name|repo_url)")
TURN = (("user", "How many?"), ("assistant", "Seventeen of them."))
LONGEST_END = 1000
# Reasons for raw where the file holds a template.
TEMPLATE_UNUSED = ("card-base", "file-base", "other-token-ends-turn")


class Choice(NamedTuple):
    """How a model is asked, and the code of the reason."""

    style: PromptStyle
    reason: str


def choose_style(model: Model, *, asked: PromptStyle | None = None) -> Choice:
    """Return what was asked for; else CHAT for a model that was taught to chat, or RAW."""
    return Choice(asked, "asked") if asked else next(_reasons(model))


def how_asked(model: Model, choice: Choice, day: date) -> dict[str, str]:
    """Return for the record how a model is asked; the day where its template can ask for it."""
    told = choice.style is PromptStyle.CHAT and "strftime_now" in (model.chat_template or "")
    settings = {"style": choice.style.value, "style_reason": choice.reason}
    return settings | ({"day": day.isoformat()} if told else {})


def _reasons(model: Model) -> Iterator[Choice]:
    """Yield what applies, the strongest first."""
    chat, raw = PromptStyle.CHAT, PromptStyle.RAW
    if not model.chat_template:
        yield Choice(raw, "no-template")
        return
    said = model.metadata
    card = told_by_name(" ".join(said.get(key, "") for key in CARD))
    if card is not None:
        yield Choice(card, f"card-{'chat' if card is chat else 'base'}")
    ends = turn_ends(model)
    if model.vocabulary.eos in ends:
        yield Choice(chat, "eos-ends-turn")
    if any(told_by_name(said[key]) is chat for key in said if PARENTS.fullmatch(key)):
        yield Choice(chat, "parent-chat")
    file = told_by_name(model.path.stem)
    if file is not None:
        yield Choice(file, f"file-{'chat' if file is chat else 'base'}")
    if ends:
        yield Choice(raw, "other-token-ends-turn")
    yield Choice(chat, "template-alone")


def told_by_name(name: str) -> PromptStyle | None:
    """Return what a name says of its model: the last word that says anything counts.

    So a chat model made of Qwen3-8B-Base is one, and ChatGLM3-6B-Base is none.
    """
    told = None
    for word in re.split(r"[^a-z0-9]+", name.lower()):
        if word in BASE_WORDS:
            told = PromptStyle.RAW
        elif word in CHAT_WORDS or word.startswith(CHAT_STARTS):
            told = PromptStyle.CHAT
    return told


def turn_ends(model: Model) -> list[int]:
    """Return the control tokens that the template writes behind the assistant's last words.

    Empty where it writes none there, or cannot be rendered.
    """
    messages = [{"role": role, "content": content} for role, content in TURN]
    try:
        (text,) = render_chats(model, [messages], answering=False)
    except TokenizerError:
        return []
    _, answer, behind = text.rpartition(messages[-1]["content"])
    if not answer:
        return []
    vocabulary = model.vocabulary
    ids = prompt_ids(vocabulary, behind[:LONGEST_END], begun=True, parse_special=True)
    return [id_ for id_ in ids if vocabulary.kinds[id_] == TokenKind.CONTROL]
