"""What a real parser says of a program: its leaves, its errors, where a definition ends."""

from collections.abc import Iterator
from dataclasses import dataclass

from tree_sitter import Node

from pyengine.text.parsing import error_count, parse

# Languages whose definitions end with the brace that closes them.
BRACED = frozenset({"javascript", "c", "cpp", "java", "go", "rust", "php"})


@dataclass(frozen=True)
class Leaf:
    """One token of the grammar: its bytes' range, its kind, and whether it is a keyword."""

    start: int
    end: int
    kind: str
    is_keyword: bool


@dataclass(frozen=True)
class Syntax:
    """What a parse found: the number of outermost ERROR and MISSING nodes, the leaves."""

    n_errors: int
    leaves: tuple[Leaf, ...]

    @property
    def parses(self) -> bool:
        """True where the whole text is without error."""
        return self.n_errors == 0


def analyse(source: bytes, language: str) -> Syntax:
    """Parse `source` and count."""
    tree, leaves = parse(source, language), []
    for node in _walk(tree.root_node):
        if node.child_count == 0 and not node.is_missing and node.end_byte > node.start_byte:
            word = node.type.replace("_", "").isalpha()
            keyword = not node.is_named and word
            leaves.append(Leaf(node.start_byte, node.end_byte, node.type, keyword))
    return Syntax(error_count(tree), tuple(leaves))


def definition_end(source: bytes, start: int, language: str, *, depth: int = 0) -> int | None:
    """Return where the definition that `start` lies in ends, or None while it is open.

    Args:
        source: the prompt and what was written after it.
        start: length of the prompt in bytes.
        depth: how many braces around the definition stay open when it ends: 1 for a method whose
            class is closed elsewhere.
    """
    if language in BRACED:
        return _brace_end(source, start, language, depth)
    return _statement_end(source, start, language)


def _brace_end(source: bytes, start: int, language: str, depth: int) -> int | None:
    """Follow the braces that are tokens, not those in strings or comments."""
    level = 0
    for leaf in analyse(source, language).leaves:
        if leaf.kind in ("{", "${", "#{"):
            level += 1
        elif leaf.kind == "}":
            level -= 1
            if level <= depth and leaf.end > start:
                return leaf.end
    return None


def _statement_end(source: bytes, start: int, language: str) -> int | None:
    """Find the statement around `start` and see whether it is complete or another one follows."""
    children = parse(source, language).root_node.children
    around = [node for node in children if node.start_byte < start]
    after = [node for node in children if node.start_byte >= start and node.type != "comment"]
    if not around:
        return None
    if language == "ruby":
        last = around[-1]
        whole = last.type in ("method", "class", "module") and not last.has_error
        return last.end_byte if whole and last.end_byte > start else None
    if after and not around[-1].has_error:
        return int(around[-1].end_byte)
    return None


def _walk(root: Node) -> Iterator[Node]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node.children))
