"""Put a program of Go together, which imports what it uses, once, and nothing else."""

import re
from collections.abc import Sequence

from tree_sitter import Node

from pyengine.code.definitions import lines_of, name_of, text_of
from pyengine.text.parsing import parse


def go_program(before: Sequence[Node], answer: Sequence[Node], tests: str) -> str:
    """Import every package once, and none that is not used, as Go demands.

    An import of the answer that nothing ever used stays, as it is the answer's fault.
    """
    given = imports_of([node for node in before if node.type == "import_declaration"])
    own = imports_of([node for node in answer if node.type == "import_declaration"])
    header = ("import_declaration", "package_clause")
    rest = lines_of(node for node in [*before, *answer] if node.type not in header)
    package = next((node for node in before if node.type == "package_clause"), None)
    used = packages_used(parse(rest, "go").root_node) | packages_used(parse(tests, "go").root_node)
    root = answer[0].parent if answer else None
    left_out = (set() if root is None else packages_used(root)) - used
    kept = {name: spec for name, spec in given.items() if name in used or name == spec}
    kept |= {name: spec for name, spec in own.items() if name not in left_out}
    imports = "".join(f"import {spec}\n" for spec in kept.values())
    return f"{'package main' if package is None else text_of(package)}\n{imports}{rest}"


def imports_of(nodes: Sequence[Node]) -> dict[str, str]:
    """Return what is imported by its name; where that gives none, by itself."""
    waiting, found = list(nodes), {}
    while waiting:
        node = waiting.pop(0)
        if node.type == "import_spec":
            spec, name = text_of(node), name_of(node)
            found[spec if name in ("_", ".") else name or package_name(spec)] = spec
        waiting.extend(node.named_children)
    return found


def package_name(path: str) -> str:
    """Return the name of a package by its path, which a version may end."""
    return re.sub(r"[./]v\d+$", "", path.strip('"`')).split("/")[-1]


def packages_used(root: Node) -> set[str]:
    """Return the names before a point, as those of packages stand."""
    waiting, found = [root], set()
    while waiting:
        node = waiting.pop()
        waiting.extend(node.named_children)
        first = node.child_by_field_name("operand") or node.child_by_field_name("package")
        if first is not None and first.type in ("identifier", "package_identifier"):
            found.add(text_of(first))
    return found
