"""Where an answer ends that goes on with its prompt, and what of it counts."""

from collections.abc import Iterator

from pyengine.code.languages import LANGUAGES
from pyengine.code.parsing import leaves
from pyengine.code.tasks import Task
from pyengine.text.parsing import error_count, parse

# Strings at which an answer that goes on with a Python prompt has ended.
PYTHON_STOPS = ("\nclass ", "\ndef ", "\n#", "\nif ", "\nprint(", "\n@", "\nassert ")
PARSE_EVERY = frozenset(b"\n};")
MOST_CUTS = 20  # lines that are left out one by one of an answer that the budget cut off


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
    if not LANGUAGES[language].braced:
        return _statement_end(source, start, language)
    return next((end for end in brace_ends(source, language, depth) if end > start), None)


def brace_ends(source: bytes, language: str, depth: int = 0) -> Iterator[int]:
    """Yield where braces close and leave `depth` open: tokens, not those in strings or comments."""
    level = 0
    for leaf in leaves(source, language):
        if leaf.type in ("{", "${", "#{"):
            level += 1
        elif leaf.type == "}":
            level -= 1
            if level <= depth:
                yield leaf.end_byte


def _statement_end(source: bytes, start: int, language: str) -> int | None:
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
        kept = _before_ragged_end(task, whole)
        return kept, kept != whole
    return whole, False


def _before_ragged_end(task: Task, text: str) -> str:
    """Return the lines of an unfinished answer that parse; all of it where not even the first does.

    The last lines are left out one by one, and after so many by halves, which finds lines that
    parse and do not with the next one.
    """
    lines = text.splitlines(keepends=True)

    def parses(count: int) -> bool:
        source = task.solution("".join(lines[:count])).encode()
        return error_count(parse(source, task.language)) == 0

    low, high = 0, max(0, len(lines) - MOST_CUTS)
    count = next((n for n in range(len(lines), high, -1) if parses(n)), 0)
    while not count and high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if parses(middle) else (low, middle)
    return "".join(lines[: count or low]) or text
