"""When a continuation is complete, and which part of it is the answer."""

from pyengine.code.parsing import BRACED, analyse, definition_end
from pyengine.code.tasks import Task

PARSE_EVERY = frozenset(b"\n};")


class CompletionStop:
    """The stop rule of one task: stop strings, or the end of the first complete definition.

    Call it with the bytes written so far after each token. `end` is then the length of what counts,
    or None while the continuation is open.
    """

    def __init__(self, task: Task) -> None:
        self._language = task.language
        self._prompt = task.prompt.encode()
        self._suffix = task.suffix
        self._strings = [text.encode() for text in task.stop]
        self._depth = task.closing.count("}") if task.language in BRACED else 0
        self._seen = 0
        self.end: int | None = None

    def __call__(self, text: bytes) -> bool:
        """Take note of the text so far; True where it is complete."""
        fresh, self._seen = text[self._seen :], len(text)
        self.end = self._string_end(text)
        if self.end is None and self._may_end(text, fresh):
            self.end = self._definition_end(text)
        return self.end is not None

    def _string_end(self, text: bytes) -> int | None:
        found = [text.find(string) for string in self._strings if string in text]
        return min(found) if found else None

    def _may_end(self, text: bytes, fresh: bytes) -> bool:
        """Parse only where a definition can have ended since the last time."""
        if self._suffix:
            return False  # the hole ends where the model says so
        if self._language != "python":
            return bool(PARSE_EVERY & set(fresh)) or fresh.strip() == b"end"
        last = text.rpartition(b"\n")[2] if b"\n" in text else b""
        return 0 < len(last) <= len(fresh) + 1 and last[:1] not in b" \t\r)]}#"

    def _definition_end(self, text: bytes) -> int | None:
        start = len(self._prompt)
        end = definition_end(self._prompt + text, start, self._language, depth=self._depth)
        return None if end is None else end - start


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
        return _without_tail(task, whole)
    return whole, False


def _without_tail(task: Task, text: str) -> tuple[str, bool]:
    lines = text.splitlines(keepends=True)
    for count in range(len(lines), 0, -1):
        kept = "".join(lines[:count])
        if analyse(task.solution(kept).encode(), task.language).parses:
            return kept, count < len(lines)
    return text, False
