"""Tell what an answer is made of from what only shows its use, such as calls that print."""

import re
from collections.abc import Iterable, Sequence

from tree_sitter import Node

from pyengine.code.definitions import (
    AROUND,
    CALLABLES,
    IMPORTS,
    VALUES,
    defined_names,
    exported,
    is_callable,
    items_of,
    made_by,
    names_of,
    node_types,
    text_of,
)
from pyengine.code.given import Given
from pyengine.text.parsing import parse

# What a program says or reads where it shows its use, by language.
SHOWING = {
    "python": r"\b(?:print|input|main|testmod|check)\s*\(|__name__|\bunittest\.|\bsys\.stdin\b",
    "javascript": r"\bconsole\.|\bmain\s*\(|\brequire\.main\b|\breadline\b",
    "ruby": r"^(?:puts|p|print|pp|main)\b|__FILE__|\bgets\b",
    "php": r"^(?:echo|print|print_r|var_dump|printf)\b|\bmain\s*\(|\breadline\s*\(",
}
# Functions that are called for nothing else, by their names.
SHOWER = re.compile(r"(?:main|demo|examples?|(?:run_?|self_?)?tests?(?:_\w+)?)\b", re.IGNORECASE)
# Where names become a function's own, by the type of a node, if it matters, and the field of it.
BINDINGS = frozenset(
    {
        *(("assignment", "left"), ("augmented_assignment", "left"), ("for_statement", "left")),
        *(("for_in_clause", "left"), ("for_in_statement", "left"), ("named_expression", "name")),
        *(("as_pattern", "alias"), ("variable_declarator", "name")),
        *(("function_definition", "name"), ("function_declaration", "name")),
        *(("", "parameters"), ("", "parameter")),
    }
)
# Within a place where names become own: what only mentions others.
MENTIONS = node_types(
    "attribute subscript member_expression subscript_expression element_reference",
)
NAMES = node_types(
    "identifier constant global_variable shorthand_property_identifier",
    "shorthand_property_identifier_pattern",
)
# What makes names of the top level a function's: all others of a function of PHP are its own.
OUTER = node_types(
    "global_statement nonlocal_statement global_declaration anonymous_function_use_clause",
)


def without_showing(root: Node, given: Given) -> list[Node]:
    """Return the answer's top level without what shows its use or stands in the tests."""
    tested = parse(given.tests, given.language).root_node.named_children
    taken = defined_names(tested) - {given.entry_point}
    needed = _needed(root.named_children) if given.language in SHOWING else set()
    gone: set[str] = set()
    kept = []
    for item in items_of(root.named_children):
        node = item[-1]
        names = names_of(node)
        if names and names <= taken and node.type not in IMPORTS:
            continue
        if not changed_names(node) & needed and _shows(node, given, gone):
            gone |= changed_names(node, filled=False) if node.type in AROUND | VALUES else set()
        else:
            kept.extend(item)
    return kept


def _needed(nodes: Sequence[Node]) -> set[str]:
    """Return the names of values that functions use, and of those that these are made of.

    A `main` or a test does not count, as no call of it stays.
    """
    functions = [n for n in nodes if any(map(is_callable, made_by(n)))]
    values = [n for n in nodes if n not in functions]
    changed = [changed_names(node, filled=False) for node in values]
    set_here = set().union(*changed) if changed else set()
    free = [(names_of(n), free_names(n)) for n in functions]
    used = [
        names
        for own, names in free
        if not any(map(SHOWER.match, own)) or any(own & other for o, other in free if o != own)
    ]
    needed = set().union(*used) & set_here if used else set()
    size = -1
    while size < len(needed):
        size = len(needed)
        for node in values:
            if changed_names(node) & needed:
                needed |= free_names(node) & set_here
    return needed


def _shows(node: Node, given: Given, gone: Iterable[str]) -> bool:
    """Return whether a statement only shows how the answer is used.

    `gone` are the names that only such statements have set.
    """
    marks = SHOWING.get(given.language)
    made = [*filter(is_callable, made_by(node)), *exported(node)]
    guarded = node.type == "if_statement" and "__name__" in text_of(node)
    apart = node.is_error or (made and not guarded)
    if marks is None or apart:
        return False
    text = text_of(node)
    shower = SHOWER.match(text)
    if node.type == "assert_statement" or (shower and text[shower.end() :].lstrip()[:1] in "(;"):
        return True
    if _imports(node) and "__name__" not in text:  # a main guard goes with what it imports
        return False
    called = rf"\b{re.escape(given.entry_point)}\s*\("
    if given.language == "ruby":  # a call needs no parentheses
        called = rf"\b{re.escape(given.entry_point)}\b"
    names = "|".join(map(re.escape, gone))
    used = bool(names) and re.search(rf"(?<!\w)(?:{names})(?!\w)", text) is not None
    return used or re.search(f"{marks}|{called}", text) is not None


def _imports(node: Node) -> bool:
    """Return whether a statement holds an import outside functions, as `try` may."""
    if node.type in CALLABLES:
        return False
    return node.type in IMPORTS or any(map(_imports, node.named_children))


def free_names(node: Node) -> set[str]:
    """Return the names that a node uses and nowhere makes its own, in the scripting languages."""
    used: set[str] = set()
    own: set[str] = set()
    outer: set[str] = set()
    waiting = [(node, used)]
    while waiting:
        found, names = waiting.pop()
        if found.type in NAMES or (names is outer and found.type == "variable_name"):
            names.add(text_of(found))
        if found.type in OUTER:
            names = outer
        elif found.type in MENTIONS:
            names = used
        for place, child in enumerate(found.children):
            field = found.field_name_for_child(place) or ""
            if field == "attribute" or (found.type, field) == ("keyword_argument", "name"):
                continue
            if field in ("value", "right", "type") and found.type != "pair_pattern":
                waiting.append((child, used))
            elif (found.type, field) in BINDINGS or ("", field) in BINDINGS:
                waiting.append((child, own))
            else:
                waiting.append((child, names))
    return (used - own) | outer


def changed_names(node: Node, *, filled: bool = True) -> set[str]:
    """Return the names that a statement sets outside functions, in the scripting languages.

    Args:
        node: the statement; what stands in its blocks counts.
        filled: with the names of what it calls a method of, as a table is filled.
    """
    found: set[str] = set()
    waiting = [node]
    while waiting:
        inner = waiting.pop()
        if inner.type in CALLABLES:
            continue
        appends = inner.type == "binary" and any(child.type == "<<" for child in inner.children)
        fields: tuple[str, ...] = () if "binary" in inner.type else ("left",)
        if inner.type in ("variable_declarator", "named_expression"):
            fields = ("name",)
        if filled:  # of Ruby, Python, JavaScript and PHP
            fields += ("left",) if appends else ("receiver", "object")
        for target in filter(None, map(inner.child_by_field_name, fields)):
            found |= _targets(target)
        waiting.extend(inner.named_children)
    return found


def _targets(node: Node) -> set[str]:
    """Return the names to which a target leads: of `a.b[c]` the first."""
    if node.type in NAMES or node.type == "variable_name":
        return {text_of(node)}
    inner = node.named_children[:1] if node.type in MENTIONS else node.named_children
    return set().union(*map(_targets, inner)) if inner else set()
