"""The paper's numbers, read from `data/paper`, and which of its models a file is."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from pyengine.run.record import ModelInfo
from pyengine.vocabulary.keywords import Keyword, KeywordTable, WordClass, load_tables
from pyengine.vocabulary.paper import PAPER, paper_data

# The only model whose cold starts are published, and the row that the others are held against.
COLD_MODEL, BASELINE = "Qwen2.5-Coder-7B-Instruct", "Q8_0"
FULL = ("F32", "F16", "BF16")
# Languages whose lists the paper counts and does not print.
UNPRINTED = ("typescript", "ruby", "c", "csharp")


class Programs(NamedTuple):
    """How many tasks a model solved (D.6), or programs ended with exit code 0 (D.7)."""

    table: str
    model: str
    file_type: str
    language: str
    passed: int
    tasks: int


@cache
def cold_rows() -> Mapping[str, Mapping[str, Any]]:
    """Return the numbers of each quantization in D.5."""
    return paper_data("cold_starts.toml")


@cache
def lists() -> Mapping[str, Any]:
    """Return what the paper says of its word lists."""
    return paper_data("lists.toml")


@cache
def programs() -> tuple[Programs, ...]:
    """Return the rows of D.6 and D.7."""
    with (PAPER / "programs.csv").open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
        return tuple(
            Programs(table, model, file_type, language, int(passed), int(tasks))
            for table, model, file_type, language, passed, tasks in rows
        )


@cache
def union_table() -> KeywordTable:
    """Return the paper's 276 words as one table.

    These are its eight printed lists, and for the four languages whose lists it does not print
    the reserved words of our reference tables; together they are as many as it counts.
    """
    words = dict.fromkeys(word for table in load_tables("paper").values() for word in table.words())
    reference = load_tables("reference")
    for name in UNPRINTED:
        words |= dict.fromkeys(reference[name].words(WordClass.RESERVED))
    keywords = tuple(Keyword(word, WordClass.LISTED, "", "arXiv 2601.02563") for word in words)
    return KeywordTable("union", "Union", "", keywords, "shipped:paper")


def plain_name(model: ModelInfo) -> str:
    """Return a model's name as names are compared: lower case, with hyphens, without GGUF."""
    return "-".join(model.name.lower().replace("_", " ").split()).removesuffix("-gguf")


def is_model(model: ModelInfo, name: str) -> bool:
    """Tell whether a file says that it is the model of that name, in whatever type."""
    return plain_name(model) == name.lower()
