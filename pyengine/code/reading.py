"""Where a model's answer ends, and how it becomes a solution."""

import re
from dataclasses import dataclass, replace
from enum import IntEnum

from pyengine.code.answers import Form
from pyengine.code.completions import CompletionStop, completion_of
from pyengine.code.definitions import defined_names, root_of
from pyengine.code.fences import Block, blocks_of, fenced_blocks
from pyengine.code.pieces import body_of, defines, finished_part, gives, is_complete, is_program
from pyengine.code.prompting import Prompt, PromptStyle
from pyengine.code.showing import free_names
from pyengine.code.tasks import Task
from pyengine.code.thoughts import opened_thought, without_thoughts
from pyengine.code.unfenced import code_lines, is_prose

FENCES = (b"```", b"~~~")
MOST_JUDGED = 100  # blocks of code of an answer, after which it is let run on
MOST_OPEN = 4  # blocks that may yet turn out to end elsewhere, looked at again


class Rank(IntEnum):
    """How good a block of an answer is, the best first.

    WHOLE defines what was asked for; a BODY goes on with the prompt, a PLAIN_BODY without a word of
    its language; BROKEN_WHOLE has an error, or no substance; NO_RESULT is a body that gives nothing
    back; BROKEN is none, PLAIN_BROKEN without a word of its language.
    """

    WHOLE = 0
    BODY = 1
    PLAIN_BODY = 2
    BROKEN_WHOLE = 3
    NO_RESULT = 4
    BROKEN = 5
    PLAIN_BROKEN = 6


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


def stop_rule(prompt: Prompt) -> "CompletionStop | FenceStop | NoStop":
    """Return a new stop rule for one continuation of `prompt`."""
    if prompt.style is PromptStyle.UNCUT:
        return NoStop()
    if prompt.style is PromptStyle.CHAT:
        return FenceStop(prompt.task, opened_thought(prompt.text))
    return CompletionStop(prompt.task)


def read_answer(prompt: Prompt, text: bytes, *, end: int | None, cut_off: bool) -> Solution:
    """Return the solution in what the model wrote after `prompt`; see `completion_of`."""
    if prompt.style is PromptStyle.UNCUT:
        return Solution(text.decode("utf-8", "replace"))
    if prompt.style is not PromptStyle.CHAT:
        completion, trimmed = completion_of(prompt.task, text, end=end, cut_off=cut_off)
        return Solution(completion, trimmed=trimmed)
    begun = opened_thought(prompt.text)
    found = read_chat(prompt.task, begun + text.decode("utf-8", "replace"))
    if cut_off and found.whole:
        kept = finished_part(prompt.task, found.completion)
        found = replace(found, completion=kept, trimmed=kept != found.completion)
    return replace(found, thought_bytes=max(found.thought_bytes - len(begun.encode()), 0))


def read_chat(task: Task, said: str) -> Solution:
    """Return the solution in what a chat model said.

    Of its fenced blocks the first that defines the function asked for; else the first that goes on
    with the prompt; without either, the lines of the text that are code.
    """
    told = without_thoughts(said.replace("\r\n", "\n"))
    found = _solution(task, told.text)
    return replace(
        found, thinking=told.thoughts, thought_bytes=told.n_bytes, open_thought=told.is_open
    )


def _solution(task: Task, text: str) -> Solution:
    best = _in_blocks(task, blocks_of(text, task.language))
    if best is not None and best[0] <= Rank.BROKEN_WHOLE:
        return best[1]
    if (lines := code_lines(task, text)) is not None:
        return Solution(lines, whole=True, form=Form.TEXT_WHOLE)
    begun = None
    if "```" in text:  # the fence that begins it may be the prompt's
        begun = _in_blocks(task, fenced_blocks(f"```{task.language}\n{text}", task.language))
    if begun is not None and begun[0] <= Rank.PLAIN_BODY:
        return begun[1]
    return _in_words(task, text) if best is None else best[1]


def _in_blocks(task: Task, blocks: list[Block]) -> tuple[Rank, Solution] | None:
    """Return the best solution that a block holds, or None where there is no block of code."""
    best: tuple[Rank, Solution] | None = None
    seen = set()
    for number, block in enumerate(blocks):
        kind = (block.tag, block.code)
        if kind in seen:
            continue
        seen.add(kind)
        found = _in_block(task, block, blocks[:number])
        if found is not None and (best is None or found[0] < best[0]):
            best = found
        if best is not None and best[0] is Rank.WHOLE:
            break
    return best


def _in_block(task: Task, block: Block, earlier: list[Block]) -> tuple[Rank, Solution] | None:
    """Return how good a block is and the solution in it; None where there is none."""
    code, mine = block.code, block.tag == task.language
    if not code.strip():
        return None
    if defines(task, code):
        if not is_complete(task, code):
            return Rank.BROKEN_WHOLE, Solution(code, whole=True, form=Form.FENCED_WHOLE)
        code = f"{_helpers(task, code, earlier)}{code}"
        return Rank.WHOLE, Solution(code, whole=True, form=Form.FENCED_WHOLE)
    if block.tag and not mine:
        return None  # a shell, an output, another language
    body = body_of(task, code)
    if body is None:
        rank = Rank.BROKEN if mine else Rank.PLAIN_BROKEN
        if mine and is_program(task, code):  # meant as a whole, without what was asked for
            return rank, Solution(code, whole=True, form=Form.FENCED_WHOLE)
        return rank, Solution(code, form=Form.FENCED_BODY)
    rank = Rank.BODY if mine else Rank.PLAIN_BODY
    return rank if gives(task, code) else Rank.NO_RESULT, Solution(*body, form=Form.FENCED_BODY)


def _helpers(task: Task, code: str, earlier: list[Block]) -> str:
    """Return the earlier blocks that hold what the code uses and does not define."""
    used = [
        block.code
        for block in earlier
        if block.tag in ("", task.language) and _defines_for(task, block.code, code)
    ]
    return "".join(f"{text.rstrip()}\n" for text in used)


def _defines_for(task: Task, helper: str, code: str) -> bool:
    root = root_of(helper, task.language)
    if root.has_error or defines(task, helper):
        return False
    own = root_of(code, task.language)
    names = defined_names(root.named_children) - defined_names(own.named_children) - {""}
    if task.language in ("python", "javascript", "ruby"):  # not what functions name as their own
        return not names.isdisjoint(set().union(*map(free_names, own.named_children)))
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", code) for name in names)


def _in_words(task: Task, text: str) -> Solution:
    """Return the solution in a text without a fence, none of whose lines define it."""
    body = body_of(task, text) if text.strip() else None
    if body is not None and not is_prose(text):
        return Solution(*body, form=Form.TEXT_BODY)
    if re.search(rf"\b{re.escape(task.entry_point)}\b\s*[(=]", text):
        return Solution(text, whole=True, form=Form.TEXT_WHOLE)  # meant as code, and broken
    return Solution("", form=Form.NOTHING)


class NoStop:
    """Let an answer run on to the model's end of text or the budget."""

    end: int | None = None

    def __call__(self, _text: bytes) -> bool:
        """Return False."""
        return False


class FenceStop:
    """End a chat answer at the end of its first fenced block that solves the task.

    A block that only goes on with the prompt ends it where nothing was said before: it may be an
    idea in one line, or how the function is called, and the solution follow.

    `opened` is the mark by which the prompt has begun the thinking.
    """

    def __init__(self, task: Task, opened: str = "") -> None:
        self.end: int | None = None
        self._task = task
        self._opened = opened
        self._judged: dict[tuple[str, str], Rank | None] = {}
        self._passed = ""  # what was said up to the last block that need not be looked at again

    def __call__(self, text: bytes) -> bool:
        """Return True once the block is closed."""
        if len(self._judged) >= MOST_JUDGED or not text.rstrip(b"\n").endswith(FENCES):
            return False
        said = self._opened + text.decode("utf-8", "replace")
        told = without_thoughts(said, whole=False)
        rest = told.text
        if told.is_open:
            return False
        if not rest.startswith(self._passed):
            self._passed = ""  # it was a thought
        place = len(self._passed)
        blocks = (fenced_blocks if place else blocks_of)(rest[place:], self._task.language)
        begins = not place and rest.lstrip().startswith(("```", "~~~"))
        for number, block in enumerate(blocks):
            rank = self._judge(block) if block.closed else None
            if rank is not None and rank <= (Rank.WHOLE if number or not begins else Rank.BODY):
                return True
        for number, block in enumerate(blocks[:-1]):
            if not block.sure and number >= len(blocks) - MOST_OPEN:
                break
            self._passed = rest[: place + block.end]
        return False

    def _judge(self, block: Block) -> Rank | None:
        """Return how good a block is, None where it is no code; no code is judged twice."""
        kind, task = (block.tag, block.code), self._task
        if kind not in self._judged:
            worth = defines(task, block.code) or gives(task, block.code)
            found = _in_block(task, block, []) if worth else None
            self._judged[kind] = None if found is None else found[0]
        return self._judged[kind]
