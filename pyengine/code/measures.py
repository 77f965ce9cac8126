"""What is said of a completion without running it: whether it parses, repeats, is the reference."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyengine.code.parsing import analyse
from pyengine.code.tasks import Task

NGRAM = 4


@dataclass(frozen=True)
class CompletionShape:
    """What a parser says of a solution: no verdict, and no toolchain needed.

    Attributes:
        parses: there is a completion, and the solution that it makes has no error.
    """

    parses: bool
    error_nodes: int
    leaves: int


def shape_of(task: Task, completion: str, *, whole: bool = False) -> CompletionShape:
    """Parse the solution that `completion` makes; leaves are those of the completion."""
    source = task.solution(completion, whole=whole).encode("utf-8", "replace")
    syntax = analyse(source, task.language)
    start = len((task.prelude if whole else task.prelude + task.prompt).encode())
    end = start + len(completion.encode("utf-8", "replace"))
    leaves = sum(1 for leaf in syntax.leaves if start <= leaf.start < end)
    return CompletionShape(bool(completion.strip()) and syntax.parses, syntax.n_errors, leaves)


def repetition(tokens: Sequence[int]) -> float:
    """Return the share of 4-grams of tokens that have occurred before; 0 below five tokens."""
    grams = [tuple(tokens[i : i + NGRAM]) for i in range(len(tokens) - NGRAM + 1)]
    if len(grams) < 2:
        return 0.0
    return 1.0 - len(set(grams)) / len(grams)


def edit_similarity(first: str, second: str) -> float:
    """Return 1 - d / max(len) with d Levenshtein's distance over characters (Levenshtein 1966)."""
    longest = max(len(first), len(second))
    if longest == 0:
        return 1.0
    return 1.0 - levenshtein(first, second) / longest


def levenshtein(first: str, second: str) -> int:
    """Return the fewest insertions, deletions and substitutions that make one of the other."""
    if not first or not second:
        return max(len(first), len(second))
    columns = np.arange(len(second) + 1)
    target = np.frombuffer(second.encode("utf-32-le", "replace"), dtype=np.uint32)
    row = columns.copy()
    for number, letter in enumerate(first, start=1):
        substituted = row[:-1] + (target != ord(letter))
        row = np.concatenate([[number], np.minimum(row[1:] + 1, substituted)])
        # An insertion costs one for each column that it moves on.
        row = np.minimum.accumulate(row - columns) + columns
    return int(row[-1])
