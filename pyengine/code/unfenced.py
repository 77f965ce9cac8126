"""Find the code in a text that fences none."""

import re
import textwrap
from collections.abc import Iterator
from itertools import islice

from pyengine.code.completions import brace_ends
from pyengine.code.definitions import IMPORTS, root_of, text_of
from pyengine.code.languages import LANGUAGES
from pyengine.code.pieces import is_complete
from pyengine.code.tasks import Task

MOST_LINES = 400  # of an answer, in which code is looked for
MOST_STARTS = 20  # lines of it that name the function, tried as the first of its definition
MOST_SPAN = 100  # lines of a definition in a language with braces
MOST_TRIES = 200  # ends of a definition, shared among its starts
MOST_EDGES = 40  # lines tried as the first, and as the last, of the code around the definition


def is_prose(text: str) -> bool:
    """Return whether a text is a word or two, which some grammars take for code."""
    return re.fullmatch(r"[\w\s.!,]*", text) is not None and "return" not in text


def code_lines(task: Task, text: str) -> str | None:
    """Return the longest run of lines around the definition asked for that is code and no prose."""
    lines = text.split("\n")[:MOST_LINES]
    named = re.compile(rf"\b{re.escape(task.entry_point)}\b\s*(?:[^\w\s.,]|$)")
    firsts = [at for at, line in enumerate(lines) if named.search(line)][:MOST_STARTS]
    tried: set[str] = set()
    for first in firsts:
        ends = islice(_ends(task, lines, first), MOST_TRIES // len(firsts))
        last = next((end for end in ends if _is_whole(task, lines[first:end], tried)), None)
        if last is None:
            continue
        before = [at for at in range(first) if lines[at].strip()][-MOST_EDGES:]
        start = next((at for at in before if _is_code(task, lines[at:last])), first)
        after = [at + 1 for at in range(last, len(lines)) if _ends_part(lines, at)][-MOST_EDGES:]
        stop = next((at for at in reversed(after) if _is_code(task, lines[start:at])), last)
        return _level(lines[start:stop]).rstrip() + "\n"
    return None


def _level(lines: list[str]) -> str:
    return textwrap.dedent("\n".join(lines))


def _ends(task: Task, lines: list[str], first: int) -> Iterator[int]:
    """Yield the lines before which a definition may end that begins in a line, the nearest first.

    It ends where its braces do, or before a line that has no larger margin than its first.
    """
    if LANGUAGES[task.language].braced:
        source = "\n".join(lines[first : first + MOST_SPAN]).encode()
        for end in brace_ends(source, task.language):
            yield first + source[:end].count(b"\n") + 1
    margin = _width(lines[first])
    for at in range(first, len(lines)):
        after = next((line for line in lines[at + 1 :] if line.strip()), "")
        if _width(after) <= margin:
            yield at + 1


def _width(line: str) -> int:
    return len(line) - len(line.lstrip())


def _ends_part(lines: list[str], at: int) -> bool:
    """Return whether a part of a text may end with a line: an empty one follows, or a margin."""
    after = lines[at + 1] if at + 1 < len(lines) else ""
    return bool(lines[at].strip()) and (not after.strip() or after[0] not in " \t")


def _is_whole(task: Task, lines: list[str], tried: set[str]) -> bool:
    """Return whether lines are a complete definition; what was tried before is none."""
    code = _level(lines)
    if code in tried:
        return False
    tried.add(code)
    return is_complete(task, code)


def _is_code(task: Task, lines: list[str]) -> bool:
    """Return whether lines parse and none of their top level is a word of prose."""
    root = root_of(_level(lines), task.language)
    prose = (node.type not in IMPORTS and is_prose(text_of(node)) for node in root.named_children)
    return not root.has_error and not any(prose)
