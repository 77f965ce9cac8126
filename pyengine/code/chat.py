"""Tell chat models, and take the code out of their answers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

CHAT_NAMES = re.compile(r"instruct|chat|assistant|[-_.]it\b|\br1\b|thinking|distill", re.IGNORECASE)
THINKING = re.compile(r"<(think|thinking|reasoning)>(.*?)(?:</\1>|\Z)", re.DOTALL)
OPENED = re.compile(r"<(?:think|thinking|reasoning)>\s*\Z")
FENCED = re.compile(r"^[ \t]*```[^\n`]*\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Answer:
    """A chat answer taken apart: the code, the thinking that was removed, whether it was fenced."""

    code: str
    thinking: str
    fenced: bool


def opened_thinking(prompt: str) -> str:
    """Return the tag by which a prompt has begun the thinking; "" where it has not."""
    found = OPENED.search(prompt)
    return found.group(0).strip() if found else ""


def take_apart(text: str) -> Answer:
    """Remove thinking blocks, then take the first fenced block, or all where there is none."""
    thinking = "\n".join(match.group(2) for match in THINKING.finditer(text))
    rest = THINKING.sub("", text)
    if "</think>" in rest:  # the opening tag was part of the prompt
        before, _, rest = rest.partition("</think>")
        thinking = f"{before}\n{thinking}".strip()
    fenced = FENCED.search(rest)
    code = fenced.group(1) if fenced else rest
    return Answer(code, thinking, fenced is not None)


class FenceStop:
    """End a chat answer at the end of its first fenced block outside the thinking.

    `opened` is the tag by which the prompt has begun the thinking.
    """

    def __init__(self, opened: str = "") -> None:
        self.end: int | None = None
        self._opened = opened

    def __call__(self, text: bytes) -> bool:
        """Return True once the block is closed."""
        if not text.rstrip(b"\n").endswith(b"```"):
            return False
        rest = THINKING.sub("", self._opened + text.decode("utf-8", "replace"))
        if "<think" in rest:
            return False
        closed = re.search(r"^[ \t]*```[^\n`]*\n.*?^[ \t]*```", rest, re.DOTALL | re.MULTILINE)
        return closed is not None


def is_chat_model(names: Sequence[str], template: str | None) -> bool:
    """Return whether a model is to be talked to: it has a template and its names say so.

    Base models often carry the template of their instruct sister, so that a template alone says
    nothing.
    """
    return template is not None and any(CHAT_NAMES.search(name) for name in names)
