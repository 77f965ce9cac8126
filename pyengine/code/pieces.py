"""What a piece of code is to a task: the function asked for, a body of it, or neither."""

import re
import textwrap
from collections.abc import Iterator, Mapping

from tree_sitter import Node

from pyengine.code.definitions import (
    CALLABLES,
    COMMENTS,
    FUNCTION_VALUES,
    IMPORTS,
    defining,
    functions_named,
    has_substance,
    is_callable,
    is_level,
    name_of,
    root_of,
    text_of,
    value_of,
)
from pyengine.code.languages import LANGUAGES
from pyengine.code.tasks import Task
from pyengine.text.parsing import parse

MOST_BRACES = 8  # at the end of a body, taken away
MOST_PARTS = 3  # at the end of a program that was cut off, taken away


def gives(task: Task, body: str) -> bool:
    """Return whether a body gives a result back, where the reference says so by `return`."""
    if "return" not in f"{task.prompt}{task.reference}":
        return True
    if task.language != "python" or "def " not in body:
        return "return" in body
    outside = _outside_functions(root_of(textwrap.dedent(body), task.language))
    return any(node.type == "return_statement" for node in outside)


def _outside_functions(node: Node) -> Iterator[Node]:
    for child in node.named_children:
        if child.type not in CALLABLES:
            yield child
            yield from _outside_functions(child)


def defines(task: Task, code: str) -> bool:
    """Return whether code defines the function or class that a task asks for."""
    root = root_of(code, task.language)
    found = functions_named(root, task.entry_point)
    return any(True for _ in found) or _renames(root, task)


def _renames(root: Node, task: Task) -> bool:
    """Return whether code gives the name asked for to a function that it makes or names.

    In a body it may be a variable of that name.
    """
    if task.language not in ("python", "javascript"):
        return False
    found = [each for node in root.named_children for each in defining(node)]
    functions = {name_of(each): each for each in found if is_callable(each)}
    values = [v for v in map(value_of, found) if v is not None]
    named = [v for v in values if name_of(v.parent or v) == task.entry_point]
    return any(_is_function(value, functions) for value in named)


def _is_function(value: Node, functions: Mapping[str, Node]) -> bool:
    """Return whether a value is made of `functions`: one of them, of one, or by one."""
    called = value.child_by_field_name("function")
    maker = functions.get(text_of(called)) if called is not None else None
    if maker is not None:
        return any(node.type in CALLABLES | FUNCTION_VALUES for node in _within(maker))
    return any(
        node.type == "identifier" and text_of(node) in functions
        for node in [value, *_within(value)]
    )


def _within(node: Node) -> Iterator[Node]:
    for child in node.named_children:
        yield child
        yield from _within(child)


def is_complete(task: Task, code: str) -> bool:
    """Return whether code defines, without an error, the function asked for and what it does."""
    root = root_of(code, task.language)
    found = functions_named(root, task.entry_point)
    full = any(has_substance(function) for function, _ in found) or _renames(root, task)
    if root.has_error or not full:
        return False
    return task.language != "python" or is_level(textwrap.dedent(code))


def finished_part(task: Task, code: str) -> str:
    """Return a whole program that was cut off without its unfinished last part.

    All of it where what was asked for would go with that, or nothing is unfinished.
    """
    if is_complete(task, code):
        return code
    lines = code.split("\n")
    starts = [at for at, line in enumerate(lines) if line[:1] not in ("", " ", "\t", "}", ")", "]")]
    for start in starts[: -MOST_PARTS - 1 : -1]:
        kept = "\n".join(lines[:start]) + "\n"
        if is_complete(task, kept):
            return kept
    return code


def is_program(task: Task, code: str) -> bool:
    """Return whether code without an error makes functions at its top level."""
    root = root_of(code, task.language)
    nodes = root.named_children
    return not root.has_error and any(is_callable(each) for n in nodes for each in defining(n))


def body_of(task: Task, code: str) -> tuple[str, bool] | None:
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
    nodes = root_of(textwrap.dedent(code), task.language).named_children
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
