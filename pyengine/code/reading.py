"""Where a model's answer ends, and how it becomes a solution."""

import re
from dataclasses import dataclass

from pyengine.code.languages import LANGUAGES
from pyengine.code.parsing import leaves
from pyengine.code.prompting import Prompt, PromptStyle
from pyengine.code.tasks import Task
from pyengine.text.parsing import error_count, parse

THINKING = re.compile(r"<(think|thinking|reasoning)>(.*?)(?:</\1>|\Z)", re.DOTALL)
OPENED = re.compile(r"<(?:think|thinking|reasoning)>\s*\Z")
FENCED = re.compile(r"^[ \t]*```[^\n`]*\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE)
CLOSED = re.compile(r"^[ \t]*```[^\n`]*\n.*?^[ \t]*```", re.DOTALL | re.MULTILINE)
PARSE_EVERY = frozenset(b"\n};")


@dataclass(frozen=True)
class Solution:
    """What came of a model's text.

    Attributes:
        completion: what follows the prompt, or a whole program where `whole`.
        whole: the answer repeats the prompt's definition, and so replaces it.
        thinking: what was removed as thinking.
        trimmed: a tail cut off by the token budget was dropped.
    """

    completion: str
    whole: bool = False
    thinking: str = ""
    trimmed: bool = False


def stop_rule(prompt: Prompt) -> "CompletionStop | FenceStop":
    """Return a new stop rule for one continuation of `prompt`."""
    if prompt.style is PromptStyle.CHAT:
        return FenceStop(_opened_thinking(prompt.text))
    return CompletionStop(prompt.task)


def read_answer(prompt: Prompt, text: bytes, *, end: int | None, cut_off: bool) -> Solution:
    """Return the solution in what the model wrote after `prompt`; see `completion_of`."""
    if prompt.style is not PromptStyle.CHAT:
        completion, trimmed = completion_of(prompt.task, text, end=end, cut_off=cut_off)
        return Solution(completion, trimmed=trimmed)
    said = _opened_thinking(prompt.text) + text.decode("utf-8", "replace")
    code, thinking = take_apart(said)
    named = re.search(rf"\b{re.escape(prompt.task.entry_point)}\b", code) is not None
    return Solution(code, named and not code.lstrip().startswith("return"), thinking)


def _opened_thinking(prompt: str) -> str:
    """Return the tag by which a prompt has begun the thinking; "" where it has not."""
    found = OPENED.search(prompt)
    return found.group(0).strip() if found else ""


def take_apart(text: str) -> tuple[str, str]:
    """Return the code of a chat answer, and the thinking that was removed.

    The code is the first fenced block, or all where there is none.
    """
    thinking = "\n".join(match.group(2) for match in THINKING.finditer(text))
    rest = THINKING.sub("", text)
    if "</think>" in rest:  # the opening tag was part of the prompt
        before, _, rest = rest.partition("</think>")
        thinking = f"{before}\n{thinking}".strip()
    fenced = FENCED.search(rest)
    return fenced.group(1) if fenced else rest, thinking


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
        return "<think" not in rest and CLOSED.search(rest) is not None


class CompletionStop:
    """The stop rule of one task: stop strings, or the end of the first complete definition.

    Call it with the bytes written so far after each token. `end` is then the length of what counts,
    or None while the continuation is open.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._prompt = task.prompt.encode()
        self._strings = [text.encode() for text in task.stop]
        self._seen = 0
        self.end: int | None = None

    def __call__(self, text: bytes) -> bool:
        """Take note of the text so far; True where it is complete."""
        fresh, self._seen = text[self._seen :], len(text)
        self.end = min((text.find(each) for each in self._strings if each in text), default=None)
        if self.end is None and self._may_end(text, fresh):
            start, closing = len(self._prompt), self._task.closing.count("}")
            end = definition_end(self._prompt + text, start, self._task.language, depth=closing)
            self.end = None if end is None else end - start
        return self.end is not None

    def _may_end(self, text: bytes, fresh: bytes) -> bool:
        """Parse only where a definition can have ended since the last time."""
        if self._task.suffix:
            return False  # the hole ends where the model says so
        if self._task.language != "python":
            return bool(PARSE_EVERY & set(fresh)) or fresh.strip() == b"end"
        last = text.rpartition(b"\n")[2] if b"\n" in text else b""
        return 0 < len(last) <= len(fresh) + 1 and last[:1] not in b" \t\r)]}#"


def definition_end(source: bytes, start: int, language: str, *, depth: int = 0) -> int | None:
    """Return where the definition that `start` lies in ends, or None while it is open.

    Args:
        source: the prompt and what was written after it.
        start: length of the prompt in bytes.
        depth: how many braces around the definition stay open when it ends: 1 for a method whose
            class is closed elsewhere.
    """
    find = _brace_end if LANGUAGES[language].braced else _statement_end
    return find(source, start, language, depth)


def _brace_end(source: bytes, start: int, language: str, depth: int) -> int | None:
    """Follow the braces that are tokens, not those in strings or comments."""
    level = 0
    for leaf in leaves(source, language):
        if leaf.type in ("{", "${", "#{"):
            level += 1
        elif leaf.type == "}":
            level -= 1
            if level <= depth and leaf.end_byte > start:
                return leaf.end_byte
    return None


def _statement_end(source: bytes, start: int, language: str, _: int) -> int | None:
    """Find the statement around `start` and see whether it is complete or another one follows."""
    children = parse(source, language).root_node.children
    around = [node for node in children if node.start_byte < start]
    after = [node for node in children if node.start_byte >= start and node.type != "comment"]
    if not around:
        return None
    last = around[-1]
    if language == "ruby":
        whole = last.type in ("method", "class", "module") and not last.has_error
        return last.end_byte if whole and last.end_byte > start else None
    return last.end_byte if after and not last.has_error else None


def completion_of(task: Task, text: bytes, *, end: int | None, cut_off: bool) -> tuple[str, bool]:
    """Return the part of `text` that answers the task, and whether a ragged tail was dropped.

    Args:
        task: what was asked.
        text: what the model wrote, whole.
        end: where the stop rule said that it is complete.
        cut_off: True where the token budget ended it. Of Python, the unfinished last lines then
            go: a line cut in the middle is no syntax error of the model's.
    """
    if end is not None:
        kept = text[:end].decode("utf-8", "replace")
        return (kept if kept.endswith("\n") or task.suffix else kept + "\n"), False
    whole = text.decode("utf-8", "replace")
    if cut_off and task.language == "python" and not task.suffix:
        lines = whole.splitlines(keepends=True)
        for count in range(len(lines), 0, -1):
            kept = "".join(lines[:count])
            if error_count(parse(task.solution(kept).encode(), task.language)) == 0:
                return kept, count < len(lines)
    return whole, False
