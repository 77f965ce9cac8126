"""Put a program of Java together: a class under the name asked for, and its helpers."""

import re
from collections.abc import Sequence

from tree_sitter import Node

from pyengine.code.definitions import (
    CLASSES,
    COMMENTS,
    defined_names,
    members,
    name_of,
    root_of,
    text_of,
)
from pyengine.code.given import Given, preamble
from pyengine.text.parsing import parse

PUBLIC = re.compile(r"^((?:@\w+\s+)*)public\s+")


def java_program(given: Given, code: str) -> str:
    """Return imports, the class asked for with the helpers of the task's, and the other classes.

    The class may be missing around the method, or have another name.
    """
    asked, helpers = _class_asked_for(given)
    root = root_of(code, "java")
    nodes = [node for node in root.named_children if node.type != "package_declaration"]
    imports = [node for node in nodes if node.type == "import_declaration"]
    given_imports = [node for node in preamble(given) if node.type == "import_declaration"]
    header = "".join(dict.fromkeys(f"{text_of(node)}\n" for node in [*given_imports, *imports]))
    types = [node for node in nodes if node.type in CLASSES]
    taken = defined_names(parse(given.tests, "java").root_node.named_children)
    others = [node for node in preamble(given) if node.type in CLASSES]
    holder = _holder(types, asked, given.entry_point)
    if holder is None:
        inner = [node for node in nodes if node.type not in CLASSES | {"import_declaration"}]
        body = _members(helpers, inner)
        solution = f"class {asked} {{\n{body}{''.join(_loose(inner))}}}\n"
    else:
        solution = _renamed(holder, asked, _members(helpers, members(holder)))
    rest = [node for node in types if node is not holder and name_of(node) not in taken | {asked}]
    own = {name_of(node) for node in rest}
    shared = [node for node in others if name_of(node) not in own | {asked}]
    return header + solution + "".join(f"{_not_public(text_of(n))}\n" for n in [*shared, *rest])


def _not_public(text: str) -> str:
    """Take away the word that would ask for a file of the class's name."""
    return PUBLIC.sub(r"\1", text)


def _loose(nodes: Sequence[Node]) -> list[str]:
    return [f"{text_of(node)}\n" for node in nodes if node.type not in COMMENTS]


def _class_asked_for(given: Given) -> tuple[str, list[Node]]:
    """Return the name of the class that a task asks for, and what stands in it before."""
    end = len(given.before.encode())
    root = parse(given.before + given.after, "java").root_node
    around = [node for node in root.named_children if node.type in CLASSES and node.end_byte > end]
    if not around:
        return "Solution", []
    before = [node for node in members(around[0]) if node.end_byte <= end]
    kept = [node for node in before if node.type not in COMMENTS]
    return name_of(around[0]), [node for node in kept if name_of(node) != given.entry_point]


def _holder(types: Sequence[Node], asked: str, entry_point: str) -> Node | None:
    """Return the class that holds the method asked for, or else the one of the name asked for."""
    classes = sorted(types, key=lambda node: node.type == "interface_declaration")
    holding = [t for t in classes if any(name_of(m) == entry_point for m in members(t))]
    named = [t for t in [*holding, *classes] if name_of(t) == asked]
    return next(iter([*named, *holding]), None)


def _members(helpers: Sequence[Node], own: Sequence[Node]) -> str:
    """Return the helpers that an answer does not define itself."""
    defined = {_signature(node) for node in own}
    return "".join(f"    {text_of(n)}\n" for n in helpers if _signature(n) not in defined)


def _signature(node: Node) -> tuple[str, str]:
    """Return name and types of parameters: methods of one name may stand beside each other."""
    names = [
        name_of(child) for child in node.named_children if child.type in ("variable_declarator",)
    ]
    parameters = node.child_by_field_name("parameters")
    kinds = [] if parameters is None else parameters.named_children
    types = [kind.child_by_field_name("type") for kind in kinds]
    return name_of(node) or ",".join(names), ",".join(text_of(t) for t in types if t is not None)


def _renamed(holder: Node, asked: str, helpers: str) -> str:
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
