"""Put a program together from what a task gives and what a model wrote as a whole.

What a task gives stands before the function that it asks for: imports, helpers, types. Models often
leave it out of an answer, as they were shown it, and often repeat it. So it is added without what
the answer defines itself, and of the answer goes what only shows its use: a main guard, calls
that print, a `main` beside that of the tests. What sets a name that a function uses stays.
"""

import re
import textwrap
from collections.abc import Sequence

from tree_sitter import Node

from pyengine.code.definitions import (
    defined_names,
    exported,
    functions_named,
    is_first,
    is_level,
    items_of,
    lines_of,
    name_of,
    names_of,
    root_of,
    standing,
    text_of,
)
from pyengine.code.given import Given, preamble
from pyengine.code.go_programs import go_program
from pyengine.code.java_programs import java_program
from pyengine.code.showing import without_showing

EXPORT = re.compile(r"^export\s+(?:default\s+)?(?=(?:async\s+)?(?:function|class|const|let|var)\b)")
# A script of JavaScript asks for modules otherwise.
MODULE = re.compile(
    r"^import\s+(?:(\w+)\s*,\s*)?(?:(?:\*\s+as\s+)?(\w+|\{[^}]*\})\s+from\s+)?"
    r"(['\"][^'\"\n]+['\"])",
    re.MULTILINE,
)


def whole_program(given: Given, code: str) -> str:
    """Return the program of an answer that defines what was asked for, or a part of its class."""
    language = given.language
    if language == "java":
        return java_program(given, code)
    if language == "javascript":
        code = MODULE.sub(_required, code)
    code = standing(code.replace("?>", "") if language == "php" else code, language)
    root = root_of(code, language)
    if language == "python" and not root.has_error and not is_level(textwrap.dedent(code)):
        return code  # Python refuses it; put together anew it might not
    answer = without_showing(root, given)
    defined = defined_names(answer)
    items = items_of(preamble(given))
    before = [n for item in items if not _clashes(item[-1], defined, answer) for n in item]
    first = sorted(filter(is_first, [*before, *answer]), key=lambda node: node.type != "php_tag")
    before, answer = ([n for n in nodes if n not in first] for nodes in (before, answer))
    rest = _ASSEMBLE.get(language, _in_order)(before, answer, given.tests)
    return f"{lines_of(first)}{rest}{_bridge(root, given)}"


def _required(found: re.Match[str]) -> str:
    """Return how a script asks for a module."""
    named = [re.sub(r"\bas\b", ":", names) for names in found.group(1, 2) if names]
    asked = f"require({found[3]})"
    return f"const {', '.join(f'{names} = {asked}' for names in named)}" if named else asked


def _clashes(node: Node, defined: set[str], answer: Sequence[Node]) -> bool:
    """Return whether the answer defines what a node of the preamble defines, or repeats it."""
    if node.type == "impl_item":
        head = text_of(node).partition("{")[0].split()
        return any(
            a.type == "impl_item" and text_of(a).partition("{")[0].split() == head for a in answer
        )
    names = names_of(node)
    return (bool(names) and names <= defined) or any(text_of(a) == text_of(node) for a in answer)


def _in_order(before: Sequence[Node], answer: Sequence[Node], _: str) -> str:
    """Put the preamble before the answer."""
    return lines_of([*before, *answer])


def _javascript_program(before: Sequence[Node], answer: Sequence[Node], _: str) -> str:
    """Take away `export`, which a script may not say."""
    texts = [EXPORT.sub("", text_of(node)) for node in answer]
    return lines_of(before) + "".join(f"{text}\n" for text in texts if text[:7] != "export ")


def _rust_program(before: Sequence[Node], answer: Sequence[Node], _: str) -> str:
    """Import what the preamble imports by a glob, which what the answer imports may shadow."""
    items = items_of(before)
    uses = [item for item in items if item[-1].type == "use_declaration"]
    rest = [node for item in items if item[-1].type != "use_declaration" for node in item]
    given = "".join(f"{lines_of(item[:-1])}    pub {text_of(item[-1])}\n" for item in uses)
    shared = f"mod given {{\n{given}}}\n#[allow(unused_imports)]\nuse given::*;\n" if uses else ""
    return f"{shared}{lines_of([*rest, *answer])}"


_ASSEMBLE = {
    "javascript": _javascript_program,
    "rust": _rust_program,
    "go": go_program,
}
BRIDGES = {
    "python": "{name} = {holder}().{name}\n",
    "javascript": "const {name} = (...given) => new {holder}().{name}(...given);\n",
}


def _bridge(root: Node, given: Given) -> str:
    """Return the line that makes a method of a class, as on some sites, the function asked for."""
    found = list(functions_named(root, given.entry_point))
    line = BRIDGES.get(given.language)
    if given.entry_point in defined_names(root.named_children):
        return ""
    if any(name == given.entry_point for top in root.named_children for name, _ in exported(top)):
        return f"const {{{given.entry_point} = module.exports}} = module.exports;\n"
    if line is None or not found or any(holder is None for _, holder in found):
        return ""
    method, holder = next((method, holder) for method, holder in found if holder is not None)
    if text_of(method).startswith("static "):
        line = line.replace("new {holder}()", "{holder}")
    return line.format(name=given.entry_point, holder=name_of(holder))
