"""What a model thinks before it answers: the marks of each family, taken out of its text."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from pyengine.code.fences import spans_of


class Marks(NamedTuple):
    """How a thought begins and ends; `alone`: its end tells of one that was begun elsewhere.

    `words`: they are words that any answer may hold, which mean nothing without their end.
    """

    begin: re.Pattern[str]
    end: re.Pattern[str]
    alone: bool
    words: bool


# Names in angle brackets are written in any case.
NAMES = "think|thinking|reasoning|thought|thoughts|reflection|scratchpad|analysis"
HARMONY = r"<\|channel\|>(?:analysis|commentary)[^<]*<\|message\|>"
MARKS = tuple(
    Marks(re.compile(begin, re.IGNORECASE), re.compile(end, re.IGNORECASE), alone, words)
    for begin, end, alone, words in (
        (rf"<(?:{NAMES})>", rf"</(?:{NAMES})>", True, False),  # DeepSeek, Qwen, EXAONE and others
        (r"\[THINK\]", r"\[/THINK\]", True, False),  # Magistral
        (r"<seed:think>", r"</seed:think>", True, False),  # Seed
        (r"<\|START_THINKING\|>", r"<\|END_THINKING\|>", True, False),  # Command A
        (r"◁think▷", r"◁/think▷", True, False),  # Kimi
        (r"<\|channel>thought\b", r"<channel\|>", True, False),  # Gemma 4
        (r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>", True, False),  # Sky-T1
        (r"<\|inner_prefix\|>", r"<\|inner_suffix\|>", True, False),  # Apertus
        # the answer's own message ends so too
        (HARMONY, r"<\|end\|>|<\|call\|>", False, False),  # gpt-oss
        # Granite
        (r"Here(?:'s| is) my thought process:", r"Here(?:'s| is) my response:", False, True),
    )
)
# What stands around the answer itself.
AROUND = re.compile(
    r"<\|(?:START|END)_RESPONSE\|>|<\|(?:begin|end)_of_solution\|>|<\|start\|>\s*assistant"
    r"|<\|channel\|>\s*final[^<]*<\|message\|>|<\|(?:end|return)\|>"
    r"|^[ \t]*</?(?:answer|response|output)>[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
# Marks of the end that a model spells out as its last words.
ENDED = re.compile(r"(?:\s*(?:<\|\w+\|>|<｜[^｜\n]+｜>|</s>|<eos>|<end_of_turn>))+\s*\Z")


def opened_thought(prompt: str) -> str:
    """Return the mark by which a prompt has begun the thinking; "" where it has not."""
    text = prompt.rstrip()
    for marks in MARKS:
        for found in marks.begin.finditer(text):
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


def without_thoughts(text: str, *, whole: bool = True) -> Told:
    """Take the thoughts out of a text, which goes on where it is not `whole`.

    A mark that code or a sentence holds is none: one that begins a thought stands at the start of
    a line, one that ends a thought begun elsewhere, or stands around the answer, at an end of a
    line, none in a block of code.
    """
    thoughts: list[str] = []
    is_open, n_bytes = False, len(text.encode())
    for begin, end, alone, words in MARKS:
        kept = ""
        while True:
            first = next(_marks(begin, text, _begins_line), None)
            last = next(_marks(end, text, _bounds_line), None) if alone else None
            if last and (first is None or last.start() < first.start()):
                thoughts.append(kept + text[: last.start()])  # begun by the prompt
                kept, text = "", text[last.end() :]
                continue
            if first is None:
                break
            last = end.search(text, first.end())
            if words and whole and last is None:
                break
            kept += text[: first.start()]
            thoughts.append(text[first.end() : last.start() if last else len(text)])
            is_open = is_open or last is None
            text = text[last.end() :] if last else ""
        text = kept + text
    n_bytes -= len(text.encode())
    text = ENDED.sub("\n", text)
    for mark in reversed([*_marks(AROUND, text, _bounds_line)]):
        text = text[: mark.start()] + text[mark.end() :]
    said = "\n".join(thought for thought in thoughts if thought)
    return Told(text, said, n_bytes, is_open)


def _marks(
    mark: re.Pattern[str], text: str, counts: Callable[[str, re.Match[str]], bool]
) -> Iterator[re.Match[str]]:
    """Yield the marks that count where they stand, outside every fenced block."""
    fenced = spans_of(text)
    start = end = 0
    for found in mark.finditer(text):
        while end <= found.start():
            start, end = next(fenced, (len(text), len(text) + 1))
        if found.start() < start and counts(text, found):
            yield found


def _begins_line(text: str, mark: re.Match[str]) -> bool:
    """Return whether nothing but marks of the answer stands before a mark in its line."""
    before = text[text.rfind("\n", 0, mark.start()) + 1 : mark.start()]
    return not AROUND.sub("", before).strip()


def _bounds_line(text: str, mark: re.Match[str]) -> bool:
    """Return whether a mark stands at the start or the end of its line, or before a fence."""
    after = AROUND.sub("", text[mark.end() :].partition("\n")[0]).strip()
    return not after or after.startswith(("```", "~~~")) or _begins_line(text, mark)
