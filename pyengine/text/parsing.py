"""tree-sitter parsers for the twelve languages, each from its own grammar package."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

from pyengine.errors import OptionError

if TYPE_CHECKING:
    from tree_sitter import Node, Parser, Tree

# Language -> grammar package and the function in it. React is TypeScript with JSX, which takes in
# JavaScript with JSX.
_GRAMMARS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "python": ("tree_sitter_python", "language"),
        "java": ("tree_sitter_java", "language"),
        "go": ("tree_sitter_go", "language"),
        "javascript": ("tree_sitter_javascript", "language"),
        "cpp": ("tree_sitter_cpp", "language"),
        "typescript": ("tree_sitter_typescript", "language_typescript"),
        "php": ("tree_sitter_php", "language_php"),
        "ruby": ("tree_sitter_ruby", "language"),
        "c": ("tree_sitter_c", "language"),
        "csharp": ("tree_sitter_c_sharp", "language"),
        "rust": ("tree_sitter_rust", "language"),
        "react": ("tree_sitter_typescript", "language_tsx"),
    }
)
PARSED_LANGUAGES = tuple(_GRAMMARS)


def parse(source: bytes | str, language: str) -> Tree:
    """Parse a text; a tree always results, with ERROR nodes where the text is not valid.

    Raises OptionError for a language without a grammar (see PARSED_LANGUAGES).
    """
    text = source.encode() if isinstance(source, str) else source
    return _parser(language).parse(text)


def error_count(tree: Tree) -> int:
    """Return the number of places that could not be parsed: outermost ERROR and MISSING nodes."""
    return sum(1 for _ in _errors(tree.root_node))


def _errors(root: Node) -> Iterator[Node]:
    stack = [root]
    while stack:
        node = stack.pop()
        if node.is_error or node.is_missing:
            yield node
        elif node.has_error:
            stack.extend(node.children)


@cache
def _parser(language: str) -> Parser:
    if language not in _GRAMMARS:
        raise OptionError(
            f"no grammar for language {language!r}: choose one of {', '.join(PARSED_LANGUAGES)}"
        )
    from tree_sitter import Language, Parser

    package, function = _GRAMMARS[language]
    return Parser(Language(getattr(import_module(package), function)()))
