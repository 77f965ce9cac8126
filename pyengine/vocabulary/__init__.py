"""What a tokenizer keeps whole: token classes, keyword tables, coverage, integrity, fertility."""

from pyengine.vocabulary.keywords import (
    Keyword,
    KeywordTable,
    WordClass,
    load_table,
    load_tables,
)

__all__ = [
    "Keyword",
    "KeywordTable",
    "WordClass",
    "load_table",
    "load_tables",
]
