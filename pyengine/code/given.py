"""What a task says of the program that is made of an answer."""

from dataclasses import dataclass

from tree_sitter import Node

from pyengine.code.definitions import COMMENTS, names_of
from pyengine.text.parsing import parse


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
