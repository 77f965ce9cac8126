"""Where a model's answer ends, and how it becomes a solution."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace

from pyengine.code.answers import Form
from pyengine.code.completions import CompletionStop, completion_of
from pyengine.code.definitions import (
    COMMENTS,
    IMPORTS,
    defining,
    functions_named,
    has_substance,
    is_callable,
    is_level,
    names_of,
    text_of,
)
from pyengine.code.fences import Block, blocks_of, fenced_blocks
from pyengine.code.languages import LANGUAGES
from pyengine.code.prompting import Prompt, PromptStyle
from pyengine.code.tasks import Task
from pyengine.code.thoughts import opened_thought, without_thoughts
from pyengine.text.parsing import parse

FENCES = (b"```", b"~~~")
MOST_LINES = 400  # of an answer without a fence, in which code is looked for
MOST_STARTS = 40  # lines of it that name the function, tried as the first of its definition
MOST_TRIES = 800  # ends of a definition, shared among its starts
MOST_BRACES = 8  # at the end of a body, taken away
MOST_JUDGED = 100  # blocks of code of an answer, after which it is let run on
MOST_OPEN = 4  # blocks that may yet turn out to end elsewhere, looked at again


@dataclass(frozen=True)
class Solution:
    """What came of a model's text.

    Attributes:
        completion: what follows the prompt, or a whole program where `whole`.
        whole: the answer defines what was asked for, and so replaces the prompt.
        thinking: what was removed as thinking.
        thought_bytes: how much of the text was removed with it, marks included.
        open_thought: the text ends within a thought.
        trimmed: a tail cut off by the token budget was dropped.
        form: how the text was read.
    """

    completion: str
    whole: bool = False
    thinking: str = ""
    thought_bytes: int = 0
    open_thought: bool = False
    trimmed: bool = False
    form: Form = Form.CONTINUATION


def stop_rule(prompt: Prompt) -> "CompletionStop | FenceStop":
    """Return a new stop rule for one continuation of `prompt`."""
    if prompt.style is PromptStyle.CHAT:
        return FenceStop(prompt.task, opened_thought(prompt.text))
    return CompletionStop(prompt.task)


def read_answer(prompt: Prompt, text: bytes, *, end: int | None, cut_off: bool) -> Solution:
    """Return the solution in what the model wrote after `prompt`; see `completion_of`."""
    if prompt.style is not PromptStyle.CHAT:
        completion, trimmed = completion_of(prompt.task, text, end=end, cut_off=cut_off)
        return Solution(completion, trimmed=trimmed)
    begun = opened_thought(prompt.text)
    found = read_chat(prompt.task, begun + text.decode("utf-8", "replace"))
    return replace(found, thought_bytes=max(found.thought_bytes - len(begun.encode()), 0))


def read_chat(task: Task, said: str) -> Solution:
    """Return the solution in what a chat model said.

    Of its fenced blocks the first that defines the function asked for; else the first that goes on
    with the prompt; without any fence, the lines of the text that are code.
    """
    told = without_thoughts(said.replace("\r\n", "\n"))
    found = _in_blocks(task, blocks_of(told.text, task.language)) or _in_words(task, told.text)
    return replace(
        found, thinking=told.thoughts, thought_bytes=told.n_bytes, open_thought=told.is_open
    )


def _in_blocks(task: Task, blocks: list[Block]) -> Solution | None:
    """Return the best solution that a block holds, or None where there is no block of code."""
    ranked: list[tuple[int, Solution]] = []
    seen = set()
    for number, block in enumerate(blocks):
        kind = (block.tag, block.code)
        if not block.code.strip() or kind in seen:
            continue
        seen.add(kind)
        if found := _in_block(task, block, blocks[:number]):
            ranked.append(found)
            if found[0] == 0:
                break
    return min(ranked, key=lambda pair: pair[0])[1] if ranked else None


def _in_block(task: Task, block: Block, earlier: list[Block]) -> tuple[int, Solution] | None:
    """Return how good a block is, 0 for best, and the solution in it; None where there is none."""
    mine = block.tag == task.language
    if defines(task, block.code):
        complete = is_complete(task, block.code)
        code = f"{_helpers(task, block.code, earlier)}{block.code}" if complete else block.code
        return (0 if complete else 3), Solution(code, whole=True, form=Form.FENCED_WHOLE)
    if block.tag and not mine:
        return None  # a shell, an output, another language
    body = _body(task, block.code)
    if body is None:
        return (5 if mine else 6), Solution(block.code, form=Form.FENCED_BODY)
    rank = (1 if mine else 2) if _gives(task, block.code) else 4
    return rank, Solution(*body, form=Form.FENCED_BODY)


def _gives(task: Task, body: str) -> bool:
    """Return whether a body gives a result back, where the reference says so by `return`."""
    return "return" not in f"{task.prompt}{task.reference}" or "return" in body


def defines(task: Task, code: str) -> bool:
    """Return whether code defines the function or class that a task asks for."""
    root = parse(_opened(code, task.language).encode(), task.language).root_node
    return any(True for _ in functions_named(root, task.entry_point))


def is_complete(task: Task, code: str) -> bool:
    """Return whether code defines, without an error, the function asked for and what it does."""
    root = parse(_opened(code, task.language).encode(), task.language).root_node
    found = functions_named(root, task.entry_point)
    if root.has_error or not any(has_substance(function) for function, _ in found):
        return False
    return task.language != "python" or is_level(textwrap.dedent(code))


def _opened(code: str, language: str) -> str:
    return f"<?php\n{code}" if language == "php" and "<?php" not in code else code


def _helpers(task: Task, code: str, earlier: list[Block]) -> str:
    """Return the earlier blocks that hold what the code uses and does not define."""
    used = [
        block.code
        for block in earlier
        if block.tag in ("", task.language) and _defines_for(task, block.code, code)
    ]
    return "".join(f"{text.rstrip()}\n" for text in used)


def _defines_for(task: Task, helper: str, code: str) -> bool:
    root = parse(_opened(helper, task.language).encode(), task.language).root_node
    if root.has_error or defines(task, helper):
        return False
    names = {name for node in root.named_children for name in names_of(node)} - {""}
    own = parse(_opened(code, task.language).encode(), task.language).root_node
    names -= {name for node in own.named_children for name in names_of(node)}
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", code) for name in names)


def _body(task: Task, code: str) -> tuple[str, bool] | None:
    """Return code that goes on with the prompt, as (completion, whole); None where it does not."""
    if _only_defines(task, code):
        return None
    for completion, whole in _bodies(task, code):
        if whole and not defines(task, completion):
            continue
        source = task.solution(completion, whole=whole)
        root = parse(source.encode("utf-8", "replace"), task.language).root_node
        before = len(f"{task.prelude}{task.prompt}".encode())
        # Python's parser takes `return` outside a function
        beside = task.language == "python" and not whole
        inside = not beside or all(node.start_byte < before for node in root.named_children)
        if inside and not root.has_error and (not beside or is_level(source)):
            return completion, whole
    return None


def _only_defines(task: Task, code: str) -> bool:
    """Return whether code is functions beside the one asked for, and no body of it."""
    source = _opened(textwrap.dedent(code), task.language)
    nodes = parse(source.encode(), task.language).root_node.named_children
    return any(is_callable(found) for node in nodes for found in defining(node)) and all(
        node.type in COMMENTS | IMPORTS or any(map(is_callable, defining(node))) for node in nodes
    )


def _bodies(task: Task, code: str) -> Iterator[tuple[str, bool]]:
    """Yield the ways in which code may go on with the prompt, the likeliest first.

    A body may have lost its margin, or its first line alone has; braces that the prompt opened may
    be left open, or closed though the task closes them; and a prompt that ends within a line may
    see that line again.
    """
    code = code.strip("\n") + "\n"
    begun, _, line = task.prompt.rpartition("\n")
    margins = [code]
    if not LANGUAGES[task.language].braced:
        margin = _margin(task)
        level = textwrap.indent(textwrap.dedent(code), margin)
        margins = [code, level, margin + code.lstrip(" \t")]
    if not line.strip():
        for body in margins:
            yield from ((closed, False) for closed in _closed(body))
        return
    for body in margins:  # the line that the prompt has begun, once more
        if body.lstrip().startswith(line.strip()):
            kept = body.lstrip()[len(line.strip()) :]
            yield from ((closed, False) for closed in _closed(kept))
        yield from ((f" {closed}", False) for closed in _closed(body.lstrip(" \t")))
        yield from ((f"{begun}\n{closed}", True) for closed in _closed(body))


def _closed(body: str) -> Iterator[str]:
    """Yield a body as it is, and with more and fewer braces at its end."""
    yield body
    for braces in ("}\n", "}\n}\n"):
        yield body + braces
    shorter = body.rstrip()
    for _ in range(MOST_BRACES):
        if not shorter.endswith("}"):
            break
        shorter = shorter[:-1].rstrip()
        yield shorter + "\n"


def _margin(task: Task) -> str:
    """Return the margin of the body that a prompt has begun."""
    last = [line for line in task.prompt.splitlines() if line.strip()][-1:]
    found = re.match(r"[ \t]+", last[0]) if last else None
    return found.group(0) if found else "    "


def _in_words(task: Task, text: str) -> Solution:
    """Return the solution in a text without a fence."""
    region = _code_lines(task, text)
    if region is not None:
        return Solution(region, whole=True, form=Form.TEXT_WHOLE)
    body = _body(task, text) if text.strip() else None
    if body is not None and not _is_prose(text):
        return Solution(*body, form=Form.TEXT_BODY)
    if re.search(rf"\b{re.escape(task.entry_point)}\b\s*[(=]", text):
        return Solution(text, whole=True, form=Form.TEXT_WHOLE)  # meant as code, and broken
    return Solution("", form=Form.NOTHING)


def _is_prose(text: str) -> bool:
    """Return whether a text is a word or two, which some grammars take for code."""
    return re.fullmatch(r"[\w\s.!,]*", text) is not None and "return" not in text


def _code_lines(task: Task, text: str) -> str | None:
    """Return the longest run of lines around the definition asked for that is code and no prose."""
    lines = text.split("\n")[:MOST_LINES]
    named = re.compile(rf"\b{re.escape(task.entry_point)}\b")
    firsts = [at for at, line in enumerate(lines) if named.search(line)][:MOST_STARTS]
    tried: set[str] = set()
    for first in firsts:
        last = _last_line(task, lines, first, MOST_TRIES // len(firsts), tried)
        if last is None:
            continue
        starts = (at for at in range(first + 1) if _is_code(task, lines[at:last]))
        start = next(starts, first)
        stops = (at for at in range(len(lines), last, -1) if _is_code(task, lines[start:at]))
        return textwrap.dedent("\n".join(lines[start : next(stops, last)])).rstrip() + "\n"
    return None


def _last_line(task: Task, lines: list[str], first: int, tries: int, tried: set[str]) -> int | None:
    """Return the line after the shortest complete definition that begins in a line, or None.

    Args:
        task: what was asked.
        lines: those of the answer.
        first: the line in which the definition begins.
        tries: how many lines are looked at.
        tried: what was found to be no such definition before; what is found so now is added.
    """
    for last in range(first + 1, min(first + tries, len(lines)) + 1):
        code = textwrap.dedent("\n".join(lines[first:last]))
        if code not in tried and is_complete(task, code):
            return last
        tried.add(code)
    return None


def _is_code(task: Task, lines: list[str]) -> bool:
    """Return whether lines parse and none of their top level is a word of prose."""
    if not lines or not lines[0].strip():
        return False
    source = _opened(textwrap.dedent("\n".join(lines)), task.language)
    root = parse(source.encode(), task.language).root_node
    return not root.has_error and not any(_is_prose(text_of(n)) for n in root.named_children)


class FenceStop:
    """End a chat answer at the end of its first fenced block that solves the task.

    `opened` is the mark by which the prompt has begun the thinking.
    """

    def __init__(self, task: Task, opened: str = "") -> None:
        self.end: int | None = None
        self._task = task
        self._opened = opened
        self._judged: dict[tuple[str, str], bool] = {}
        self._passed = ""  # what was said up to the last block that need not be looked at again

    def __call__(self, text: bytes) -> bool:
        """Return True once the block is closed."""
        if len(self._judged) >= MOST_JUDGED or not text.rstrip(b"\n").endswith(FENCES):
            return False
        said = self._opened + text.decode("utf-8", "replace")
        told = without_thoughts(said)
        rest = told.text
        if told.is_open:
            return False
        if not rest.startswith(self._passed):
            self._passed = ""  # it was a thought
        place = len(self._passed)
        blocks = (fenced_blocks if place else blocks_of)(rest[place:], self._task.language)
        if any(block.closed and self._judge(block) for block in blocks):
            return True
        for number, block in enumerate(blocks[:-1]):
            if not block.sure and number >= len(blocks) - MOST_OPEN:
                break
            self._passed = rest[: place + block.end]
        return False

    def _judge(self, block: Block) -> bool:
        """Return whether a block solves the task, judging no code twice."""
        kind = (block.tag, block.code)
        if kind not in self._judged:
            self._judged[kind] = self._solves(block)
        return self._judged[kind]

    def _solves(self, block: Block) -> bool:
        if defines(self._task, block.code):
            return is_complete(self._task, block.code)
        mine = block.tag == self._task.language and _gives(self._task, block.code)
        return mine and _body(self._task, block.code) is not None
