"""What a model thinks before it answers: the marks of each family, taken out of its text."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from pyengine.code.fences import spans_of

# How a thought begins and ends. Names in angle brackets are written in any case.
NAMES = "think|thinking|reasoning|thought|thoughts|reflection|scratchpad|analysis"
CHANNEL = r"<\|channel\|>(?:analysis|commentary)[^<]*<\|message\|>"
MARKS = (
    (rf"<(?:{NAMES})>", rf"</(?:{NAMES})>"),  # DeepSeek, Qwen, EXAONE, Reflection and others
    (r"\[THINK\]", r"\[/THINK\]"),  # Magistral
    (r"<seed:think>", r"</seed:think>"),  # Seed
    (r"<\|START_THINKING\|>", r"<\|END_THINKING\|>"),  # Command A
    (r"◁think▷", r"◁/think▷"),  # Kimi
    (CHANNEL, r"<\|end\|>|<\|call\|>"),  # harmony: gpt-oss
    (r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>"),  # Sky-T1
    (r"<\|inner_prefix\|>", r"<\|inner_suffix\|>"),  # Apertus
)
PATTERNS = tuple(
    (re.compile(begin, re.IGNORECASE), re.compile(end, re.IGNORECASE)) for begin, end in MARKS
)
# What stands around the answer itself.
AROUND = re.compile(
    r"<\|(?:START|END)_RESPONSE\|>|<\|(?:begin|end)_of_solution\|>|<\|start\|>\s*assistant"
    r"|<\|channel\|>\s*final[^<]*<\|message\|>|<\|(?:end|return)\|>"
    r"|^[ \t]*</?(?:answer|response|output)>[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)


def opened_thought(prompt: str) -> str:
    """Return the mark by which a prompt has begun the thinking; "" where it has not."""
    text = prompt.rstrip()
    for begin, _ in PATTERNS:
        for found in begin.finditer(text):
            if found.end() == len(text):
                return found.group(0)
    return ""


@dataclass(frozen=True)
class Told:
    """A text without its thoughts.

    Attributes:
        text: what is left of it, without the marks around an answer.
        thoughts: what was taken out.
        n_bytes: how much of the text that was, marks included.
        is_open: the last thought does not end.
    """

    text: str
    thoughts: str
    n_bytes: int
    is_open: bool


def without_thoughts(text: str) -> Told:
    """Take the thoughts out of a text.

    A mark that code or a sentence holds is none: one that begins a thought stands at the start of
    a line, one that ends a thought begun elsewhere at an end of a line, neither in a block of code.
    """
    thoughts: list[str] = []
    is_open, n_bytes = False, len(text.encode())
    for begin, end in PATTERNS:
        kept = ""
        while True:
            first = _first_mark(begin, text, _begins_line)
            # harmony ends every message so, the answer's too
            last = None if begin.pattern == CHANNEL else _first_mark(end, text, _bounds_line)
            if last and (first is None or last.start() < first.start()):
                thoughts.append(kept + text[: last.start()])  # begun by the prompt
                kept, text = "", text[last.end() :]
                continue
            if first is None:
                break
            kept += text[: first.start()]
            last = end.search(text, first.end())
            thoughts.append(text[first.end() : last.start() if last else len(text)])
            is_open = is_open or last is None
            text = text[last.end() :] if last else ""
        text = kept + text
    said = "\n".join(thought for thought in thoughts if thought)
    return Told(AROUND.sub("", text), said, n_bytes - len(text.encode()), is_open)


def _first_mark(
    mark: re.Pattern[str], text: str, counts: Callable[[str, re.Match[str]], bool]
) -> re.Match[str] | None:
    """Return the first mark that counts where it stands, outside every fenced block."""
    fenced = spans_of(text)
    start = end = 0
    for found in mark.finditer(text):
        while end <= found.start():
            start, end = next(fenced, (len(text), len(text) + 1))
        if found.start() < start and counts(text, found):
            return found
    return None


def _begins_line(text: str, mark: re.Match[str]) -> bool:
    """Return whether nothing but marks of the answer stands before a mark in its line."""
    before = text[text.rfind("\n", 0, mark.start()) + 1 : mark.start()]
    return not AROUND.sub("", before).strip()


def _bounds_line(text: str, mark: re.Match[str]) -> bool:
    """Return whether a mark stands at the start or the end of its line, or before a fence."""
    after = AROUND.sub("", text[mark.end() :].partition("\n")[0]).strip()
    return not after or after.startswith(("```", "~~~")) or _begins_line(text, mark)
