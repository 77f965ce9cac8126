"""The syntactic class of every byte of a program, and of tokens that cover those bytes."""

from __future__ import annotations

from enum import IntEnum
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pyengine.text.parsing import parse
from pyengine.vocabulary.keywords import WordClass, load_tables

if TYPE_CHECKING:
    from tree_sitter import Node


class SyntaxClass(IntEnum):
    """What a byte of a program belongs to.

    OTHER is what the grammar leaves unparsed, preprocessor text and text outside of PHP tags.
    INDENTATION is white space between the start of a line and its first other character, outside
    strings and comments; WHITESPACE is all other space between syntactic tokens.
    """

    OTHER = 0
    KEYWORD = 1
    IDENTIFIER = 2
    LITERAL = 3
    OPERATOR = 4
    BRACKET = 5
    PUNCTUATION = 6
    COMMENT = 7
    INDENTATION = 8
    WHITESPACE = 9

    @property
    def label(self) -> str:
        """Return the name in lower case."""
        return "white space" if self is SyntaxClass.WHITESPACE else self.name.lower()


_BRACKETS = frozenset({"(", ")", "[", "]", "{", "}", "{|", "|}", "#{", "${", "#["})
_SEPARATORS = frozenset({",", ";", ".", ":"})
_ANGLE_PARENTS = (
    "type_arguments",
    "type_parameters",
    "type_argument_list",
    "type_parameter_list",
    "template_argument_list",
    "template_parameter_list",
    "jsx_opening_element",
    "jsx_closing_element",
    "jsx_self_closing_element",
)
_STRING_NAMES = ("string", "char", "heredoc", "regex", "symbol_array")
_STRING_PARTS = (*_STRING_NAMES, "content", "fragment", "escape", "quote", "start", "end")
# Words that grammars spell out although they are names or parts of numbers, and no keywords.
_NAMES = frozenset({"__future__", "NULL", "strict_types", "ticks", "encoding"})
_NUMBER_ENDS = frozenset({"i", "r", "ri"})
_WHITE = np.isin(np.arange(256), list(b" \t\n\r\v\f"))


def classify_bytes(source: bytes | str, language: str) -> npt.NDArray[np.uint8]:
    """Return the SyntaxClass of every byte of a UTF-8 text, read-only uint8 (n_bytes,).

    Raises OptionError for a language without a grammar.
    """
    return _classified(source.encode() if isinstance(source, str) else source, language)


# Every model that is measured asks again for the documents of one corpus; the shipped one fits.
@lru_cache(maxsize=256)
def _classified(text: bytes, language: str) -> npt.NDArray[np.uint8]:
    data = np.frombuffer(text, np.uint8)
    classes = _white_or_other(data)
    reserved = _reserved(language)
    stack: list[tuple[Node, bool]] = [(parse(text, language).root_node, False)]
    while stack:
        node, in_string = stack.pop()
        known = _class_of(node, in_string, reserved)
        if known is not None:
            start, end = _span(node)
            classes[start:end] = known
            continue
        inside = _is_string(node)
        if inside:
            classes[node.start_byte : node.end_byte] = SyntaxClass.LITERAL
        stack.extend((child, inside) for child in node.children)
    classes[(classes == SyntaxClass.WHITESPACE) & _line_starts(data)] = SyntaxClass.INDENTATION
    classes.setflags(write=False)
    return classes


def classify_white_space(text: bytes) -> npt.NDArray[np.uint8]:
    """Return INDENTATION, WHITESPACE or OTHER for every byte of a text in any language."""
    data = np.frombuffer(text, np.uint8)
    classes = _white_or_other(data)
    classes[_line_starts(data)] = SyntaxClass.INDENTATION
    return classes


def classify_tokens(
    byte_classes: npt.NDArray[np.uint8], offsets: npt.NDArray[np.integer]
) -> npt.NDArray[np.uint8]:
    """Return the class of every token: that of its first byte that is not white space.

    A token of white space alone is INDENTATION when any byte of it is, else WHITESPACE. Token i
    covers the bytes [offsets[i], offsets[i + 1]); an empty one is WHITESPACE. So ` return` is a
    keyword, and a newline with the indentation after it is indentation.
    """
    n_tokens = len(offsets) - 1
    result = np.full(n_tokens, SyntaxClass.WHITESPACE, np.uint8)
    owner = np.repeat(np.arange(n_tokens), np.diff(offsets))
    covered = byte_classes[offsets[0] : offsets[-1]] if n_tokens else byte_classes[:0]
    result[owner[covered == SyntaxClass.INDENTATION]] = SyntaxClass.INDENTATION
    solid = np.flatnonzero(covered < SyntaxClass.INDENTATION)
    # Assigned from the back, so that the first byte of each token has the last word.
    result[owner[solid[::-1]]] = covered[solid[::-1]]
    return result


def _span(node: Node) -> tuple[int, int]:
    """Return the bytes of a node; text between JSX tags without the white space around it."""
    if node.type != "jsx_text":
        return node.start_byte, node.end_byte
    text = node.text or b""
    start = node.start_byte + len(text) - len(text.lstrip())
    return start, start + len(text.strip())


def _white_or_other(data: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.where(_WHITE[data], SyntaxClass.WHITESPACE, SyntaxClass.OTHER).astype(np.uint8)


@cache
def _reserved(language: str) -> frozenset[str]:
    tables = load_tables()
    names = ("javascript", "typescript") if language == "react" else (language,)
    words = (tables[name].words(WordClass.RESERVED) for name in names if name in tables)
    return frozenset(word for table in words for word in table)


def _is_string(node: Node) -> bool:
    return node.is_named and any(name in node.type for name in _STRING_NAMES)


def _class_of(node: Node, in_string: bool, reserved: frozenset[str]) -> SyntaxClass | None:
    """Return the class of a whole node, or None where its children decide."""
    kind = node.type
    if node.is_named and "comment" in kind:
        return SyntaxClass.COMMENT
    if in_string and (not node.is_named or any(part in kind for part in _STRING_PARTS)):
        return SyntaxClass.LITERAL if kind not in _BRACKETS else SyntaxClass.BRACKET
    if kind in ("lifetime", "label", "variable_name", "hash_key_symbol"):
        return SyntaxClass.IDENTIFIER
    if node.child_count:
        return None
    return _named(node, reserved) if node.is_named else _anonymous(node)


def _anonymous(node: Node) -> SyntaxClass:
    kind = node.type
    if kind in _BRACKETS:
        return SyntaxClass.BRACKET
    if kind in _SEPARATORS:
        return SyntaxClass.PUNCTUATION
    if kind in _NUMBER_ENDS:
        return SyntaxClass.LITERAL
    if kind in _NAMES or (node.parent and node.parent.type == "fragment_specifier"):
        return SyntaxClass.IDENTIFIER
    if any(char.isalpha() for char in kind):
        return SyntaxClass.KEYWORD
    if kind in ("<", ">", "</", "/>") and node.parent and node.parent.type in _ANGLE_PARENTS:
        return SyntaxClass.BRACKET
    return SyntaxClass.LITERAL if kind.strip("\"'`") == "" else SyntaxClass.OPERATOR


def _named(node: Node, reserved: frozenset[str]) -> SyntaxClass | None:
    kind, text = node.type, (node.text or b"").decode("utf-8", "replace")
    if kind in ("ERROR", "text", "php_tag", "preproc_arg", "source_file", "program"):
        return SyntaxClass.OTHER if text.strip() else None
    if text in _BRACKETS:
        return SyntaxClass.BRACKET
    if "identifier" not in kind and kind not in ("name", "constant") and text in reserved:
        return SyntaxClass.KEYWORD
    if kind == "jsx_text" or "literal" in kind or "symbol" in kind or _is_string(node):
        return SyntaxClass.LITERAL if text.strip() else None
    if text[:1].isdigit():
        return SyntaxClass.LITERAL
    if any(char.isalnum() or char == "_" for char in text):
        return SyntaxClass.IDENTIFIER
    return SyntaxClass.OPERATOR if text.strip() else None


def _line_starts(data: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Mark blanks (space, tab) that have only blanks between them and the start of their line."""
    newline = data == ord("\n")
    blank = (data == ord(" ")) | (data == ord("\t"))
    solid = np.cumsum(~(newline | blank))
    line = np.concatenate(([0], np.cumsum(newline)[:-1])) if data.size else np.zeros(0, np.int64)
    at_start = np.concatenate(([0], solid[newline])) if data.size else np.zeros(1, np.int64)
    result: npt.NDArray[np.bool_] = blank & (solid == at_start[line])
    return result
