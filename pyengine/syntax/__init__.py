"""Parsing source text with real grammars: errors, and the syntactic class of bytes and tokens."""

from pyengine.syntax.classes import SyntaxClass, classify_bytes, classify_tokens
from pyengine.syntax.parsing import PARSED_LANGUAGES, error_count, parse

__all__ = [
    "PARSED_LANGUAGES",
    "SyntaxClass",
    "classify_bytes",
    "classify_tokens",
    "error_count",
    "parse",
]
