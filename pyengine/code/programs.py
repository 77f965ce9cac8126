"""Put a program together from what a task gives and what a model wrote as a whole.

What a task gives stands before the function that it asks for: imports, helpers, types. Models often
leave it out of an answer, as they were shown it, and often repeat it. So it is added without what
the answer defines itself, and of the answer goes what only shows its use: a main guard, calls
that print, a `main` beside that of the tests. What sets a name that a function uses stays.
"""

import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tree_sitter import Node

from pyengine.code.definitions import (
    CLASSES,
    COMMENTS,
    IMPORTS,
    defining,
    free_names,
    functions_named,
    is_callable,
    is_level,
    members,
    name_of,
    names_of,
    text_of,
)
from pyengine.text.parsing import parse

# What a program says or reads where it shows its use, by language; `main` is called for nothing
# else.
SHOWING = {
    "python": r"\b(?:print|input|main|testmod|check)\s*\(|__name__|\bunittest\.|\bsys\.stdin\b",
    "javascript": r"\bconsole\.|\bmain\s*\(|\brequire\.main\b|\breadline\b",
    "ruby": r"^(?:puts|p|print|pp|main)\b|__FILE__|\bgets\b",
    "php": r"^(?:echo|print|print_r|var_dump|printf)\b|\bmain\s*\(|\breadline\s*\(",
}
EXPORT = re.compile(r"^export\s+(?:default\s+)?(?=(?:async\s+)?(?:function|class|const|let|var)\b)")
# What Rust puts before an item and is at fault without one.
LEADING = frozenset({"attribute_item", "line_comment", "block_comment"})
PUBLIC = re.compile(r"^((?:@\w+\s+)*)public\s+")


@dataclass(frozen=True)
class Given:
    """What a task says of its program.

    Attributes:
        before: the source that stands before the answer; `after` is its solution.
        tests: what is run with the answer in one file, and may define names; "" where none is.
    """

    language: str
    entry_point: str
    before: str
    after: str
    tests: str = ""


def whole_program(given: Given, code: str) -> str:
    """Return the program of an answer that defines what was asked for, or a part of its class."""
    code = code.replace("?>", "") if given.language == "php" else code
    if given.language == "php" and "<?php" not in code:
        code = f"<?php\n{code}"
    if given.language == "java":
        return _java_program(given, code)
    root = parse(code, given.language).root_node
    if given.language == "python" and not root.has_error and not is_level(textwrap.dedent(code)):
        return code  # Python refuses it; put together anew it might not
    answer = _without_showing(root, given)
    defined = set().union(*map(names_of, answer)) if answer else set()
    items = _items(preamble(given))
    before = [n for item in items if not _clashes(item[-1], defined, answer) for n in item]
    assemble = _ASSEMBLE.get(given.language, _in_order)
    return f"{assemble(before, answer, given.tests)}{_bridge(root, given)}"


def preamble(given: Given) -> list[Node]:
    """Return what stands at the top level before the definition that is asked for."""
    source, end = given.before + given.after, len(given.before.encode())
    nodes = parse(source, given.language).root_node.named_children
    kept: list[Node] = []
    for node in nodes:
        if node.end_byte > end or given.entry_point in names_of(node):
            # an attribute belongs to what follows it
            while kept and kept[-1].type == "attribute_item":
                kept.pop()
            break
        if node.type not in COMMENTS:
            kept.append(node)
    return kept


def _without_showing(root: Node, given: Given) -> list[Node]:
    """Return the answer's top level without what shows its use or stands in the tests."""
    tested = parse(given.tests, given.language).root_node.named_children
    taken = set().union(*map(names_of, tested)) - {given.entry_point} if tested else set()
    needed = _needed(root, given)
    gone: set[str] = set()
    kept = []
    for item in _items(root.named_children):
        node = item[-1]
        names = names_of(node)
        if names and names <= taken and node.type not in IMPORTS:
            continue
        if not _sets(node) & needed and _shows(node, given, gone):
            gone |= _assigned(node)
        else:
            kept.extend(item)
    return kept


def _needed(root: Node, given: Given) -> set[str]:
    """Return the names that the answer's functions use, and those that these are made of.

    A `main` does not count, as no call of it stays.
    """
    if given.language not in SHOWING:
        return set()
    nodes = root.named_children
    functions = [
        n for n in nodes if any(map(is_callable, defining(n))) and "main" not in names_of(n)
    ]
    needed = set().union(*map(free_names, functions)) if functions else set()
    size = -1
    while size < len(needed):
        size = len(needed)
        for node in nodes:
            if node not in functions and _sets(node) & needed:
                needed |= free_names(node)
    return needed


def _sets(node: Node) -> set[str]:
    """Return the names that a statement sets, also those that stand elsewhere first."""
    inner = node.named_children[:1] if node.type == "expression_statement" else [node]
    left = inner[0].child_by_field_name("left") if inner else None
    return _assigned(node) | set(re.findall(r"\$?\w+", "" if left is None else text_of(left)))


def _items(nodes: Iterable[Node]) -> list[list[Node]]:
    """Return each node after what belongs to it: Rust's attributes and comments stand before."""
    found: list[list[Node]] = []
    leading: list[Node] = []
    for node in nodes:
        leading.append(node)
        if node.type not in LEADING:
            found.append(leading)
            leading = []
    return [*found, leading] if leading else found


def _shows(node: Node, given: Given, gone: Iterable[str]) -> bool:
    """Return whether a statement only shows how the answer is used.

    `gone` are the names that only such statements have set.
    """
    marks = SHOWING.get(given.language)
    if (
        marks is None
        or node.type in IMPORTS
        or node.is_error
        or any(map(is_callable, defining(node)))
    ):
        return False
    if node.type == "assert_statement":
        return True
    text = text_of(node)
    called = rf"\b{re.escape(given.entry_point)}\s*\("
    if given.language == "ruby":  # a call needs no parentheses
        called = rf"\b{re.escape(given.entry_point)}\b"
    names = "|".join(map(re.escape, gone))
    used = bool(names) and re.search(rf"(?<!\w)(?:{names})(?!\w)", text) is not None
    return used or re.search(f"{marks}|{called}", text) is not None


def _assigned(node: Node) -> set[str]:
    """Return the names that a statement of the top level sets."""
    return {word for name in names_of(node) for word in re.findall(r"\$?\w+", name)}


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
    return _lines([*before, *answer])


def _lines(nodes: Iterable[Node]) -> str:
    return "".join(f"{text_of(node).rstrip()}{_end(node)}\n" for node in nodes)


def _end(node: Node) -> str:
    """Return the semicolon that C and C++ put after a type, and their grammars beside it."""
    after = node.next_sibling if node.type.endswith("_specifier") else None
    return ";" if after is not None and after.type == ";" else ""


def _python_program(before: Sequence[Node], answer: Sequence[Node], _: str) -> str:
    """Put Python's `from __future__` first."""
    first = [node for node in [*before, *answer] if node.type == "future_import_statement"]
    rest = [node for node in [*before, *answer] if node.type != "future_import_statement"]
    return _lines([*first, *rest])


def _javascript_program(before: Sequence[Node], answer: Sequence[Node], _: str) -> str:
    """Take away `export`, which a script may not say."""
    texts = [EXPORT.sub("", text_of(node)) for node in answer]
    return _lines(before) + "".join(f"{text}\n" for text in texts if text[:7] != "export ")


def _rust_program(before: Sequence[Node], answer: Sequence[Node], _: str) -> str:
    """Import what the preamble imports by a glob, which what the answer imports may shadow."""
    items = _items(before)
    uses = [item for item in items if item[-1].type == "use_declaration"]
    rest = [node for item in items if item[-1].type != "use_declaration" for node in item]
    given = "".join(f"{_lines(item[:-1])}    pub {text_of(item[-1])}\n" for item in uses)
    shared = f"mod given {{\n{given}}}\n#[allow(unused_imports)]\nuse given::*;\n" if uses else ""
    return f"{shared}{_lines([*rest, *answer])}"


def _go_program(before: Sequence[Node], answer: Sequence[Node], tests: str) -> str:
    """Import every package once, and none that is not used, as Go demands.

    An import of the answer that nothing ever used stays, as it is the answer's fault.
    """
    given = _go_imports([node for node in before if node.type == "import_declaration"])
    own = _go_imports([node for node in answer if node.type == "import_declaration"])
    header = ("import_declaration", "package_clause")
    rest = _lines(node for node in [*before, *answer] if node.type not in header)
    package = next((node for node in before if node.type == "package_clause"), None)
    used = _go_used(parse(rest, "go").root_node) | _go_used(parse(tests, "go").root_node)
    root = answer[0].parent if answer else None
    left_out = (set() if root is None else _go_used(root)) - used
    kept = {name: spec for name, spec in given.items() if name in used or name == spec}
    kept |= {name: spec for name, spec in own.items() if name not in left_out}
    imports = "".join(f"import {spec}\n" for spec in kept.values())
    return f"{'package main' if package is None else text_of(package)}\n{imports}{rest}"


def _go_imports(nodes: Sequence[Node]) -> dict[str, str]:
    """Return what is imported by its name; where that gives none, by itself."""
    waiting, found = list(nodes), {}
    while waiting:
        node = waiting.pop(0)
        if node.type == "import_spec":
            spec, name = text_of(node), name_of(node)
            found[spec if name in ("_", ".") else name or _go_name(spec)] = spec
        waiting.extend(node.named_children)
    return found


def _go_name(path: str) -> str:
    """Return the name of a package by its path, which a version may end."""
    return re.sub(r"[./]v\d+$", "", path.strip('"`')).split("/")[-1]


def _go_used(root: Node) -> set[str]:
    """Return the names before a point, as those of packages stand."""
    waiting, found = [root], set()
    while waiting:
        node = waiting.pop()
        waiting.extend(node.named_children)
        first = node.child_by_field_name("operand") or node.child_by_field_name("package")
        if first is not None and first.type in ("identifier", "package_identifier"):
            found.add(text_of(first))
    return found


def _php_program(before: Sequence[Node], answer: Sequence[Node], _: str) -> str:
    """Say once, and first, that PHP begins."""
    return f"<?php\n{_lines(n for n in [*before, *answer] if n.type != 'php_tag')}"


_ASSEMBLE = {
    "python": _python_program,
    "javascript": _javascript_program,
    "rust": _rust_program,
    "go": _go_program,
    "php": _php_program,
}
BRIDGES = {
    "python": "{name} = {holder}().{name}\n",
    "javascript": "const {name} = (...given) => new {holder}().{name}(...given);\n",
}


def _bridge(root: Node, given: Given) -> str:
    """Return the line that makes a method of a class, as on some sites, the function asked for."""
    found = list(functions_named(root, given.entry_point))
    line = BRIDGES.get(given.language)
    if line is None or not found or any(holder is None for _, holder in found):
        return ""
    holder = next(holder for _, holder in found if holder is not None)
    return line.format(name=given.entry_point, holder=name_of(holder))


def _java_program(given: Given, code: str) -> str:
    """Return imports, the class asked for with the helpers of the task's, and the other classes.

    The class may be missing around the method, or have another name.
    """
    asked, helpers = _java_class(given)
    root = parse(code, "java").root_node
    nodes = [node for node in root.named_children if node.type != "package_declaration"]
    imports = [node for node in nodes if node.type == "import_declaration"]
    given_imports = [node for node in preamble(given) if node.type == "import_declaration"]
    header = "".join(dict.fromkeys(f"{text_of(node)}\n" for node in [*given_imports, *imports]))
    types = [node for node in nodes if node.type in CLASSES]
    tested = parse(given.tests, "java").root_node.named_children
    taken = set().union(*map(names_of, tested)) if tested else set()
    others = [node for node in preamble(given) if node.type in CLASSES]
    holder = _java_holder(types, asked, given.entry_point)
    if holder is None:
        inner = [node for node in nodes if node.type not in CLASSES | {"import_declaration"}]
        body = _java_members(helpers, inner)
        solution = f"class {asked} {{\n{body}{''.join(_java_loose(inner))}}}\n"
    else:
        solution = _java_renamed(holder, asked, _java_members(helpers, members(holder)))
    rest = [node for node in types if node is not holder and name_of(node) not in taken | {asked}]
    own = {name_of(node) for node in rest}
    shared = [node for node in others if name_of(node) not in own | {asked}]
    return header + solution + "".join(f"{_not_public(text_of(n))}\n" for n in [*shared, *rest])


def _not_public(text: str) -> str:
    """Take away the word that would ask for a file of the class's name."""
    return PUBLIC.sub(r"\1", text)


def _java_loose(nodes: Sequence[Node]) -> list[str]:
    return [f"{text_of(node)}\n" for node in nodes if node.type not in COMMENTS]


def _java_class(given: Given) -> tuple[str, list[Node]]:
    """Return the name of the class that a task asks for, and what stands in it before."""
    end = len(given.before.encode())
    root = parse(given.before + given.after, "java").root_node
    around = [node for node in root.named_children if node.type in CLASSES and node.end_byte > end]
    if not around:
        return "Solution", []
    before = [node for node in members(around[0]) if node.end_byte <= end]
    kept = [node for node in before if node.type not in COMMENTS]
    return name_of(around[0]), [node for node in kept if name_of(node) != given.entry_point]


def _java_holder(types: Sequence[Node], asked: str, entry_point: str) -> Node | None:
    """Return the class that holds the method asked for, or else the one of the name asked for."""
    holding = [t for t in types if any(name_of(m) == entry_point for m in members(t))]
    named = [t for t in [*holding, *types] if name_of(t) == asked]
    return next(iter([*named, *holding]), None)


def _java_members(helpers: Sequence[Node], own: Sequence[Node]) -> str:
    """Return the helpers that an answer does not define itself."""
    defined = {_java_signature(node) for node in own}
    return "".join(f"    {text_of(n)}\n" for n in helpers if _java_signature(n) not in defined)


def _java_signature(node: Node) -> tuple[str, str]:
    """Return name and types of parameters: methods of one name may stand beside each other."""
    names = [
        name_of(child) for child in node.named_children if child.type in ("variable_declarator",)
    ]
    parameters = node.child_by_field_name("parameters")
    kinds = [] if parameters is None else parameters.named_children
    types = [kind.child_by_field_name("type") for kind in kinds]
    return name_of(node) or ",".join(names), ",".join(text_of(t) for t in types if t is not None)


def _java_renamed(holder: Node, asked: str, helpers: str) -> str:
    """Return a class under the name asked for, with helpers at the head of its body."""
    body, name = holder.child_by_field_name("body"), holder.child_by_field_name("name")
    assert body is not None
    assert name is not None
    source, start = holder.text or b"", holder.start_byte
    head = source[: name.start_byte - start].decode("utf-8", "replace")
    between = source[name.end_byte - start : body.start_byte - start + 1].decode("utf-8", "replace")
    rest = source[body.start_byte - start + 1 :].decode("utf-8", "replace")
    if name_of(holder) != asked:  # its constructors have its name
        rest = re.sub(rf"\b{re.escape(name_of(holder))}\b", asked, rest)
    return f"{_not_public(head)}{asked}{between}\n{helpers}{rest}\n"
