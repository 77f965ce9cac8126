"""What is said of a program without running it: its tokens, its errors, whether it repeats."""

from collections.abc import Iterator, Sequence

import numpy as np
from tree_sitter import Node

from pyengine.code.tasks import Task
from pyengine.text.parsing import error_count, parse

NGRAM = 4
MOST_PERIOD, FEWEST_ROUNDS, SHORTEST_LOOP = 64, 3, 24


def leaves(source: bytes, language: str) -> Iterator[Node]:
    """Yield the tokens of the grammar that `source` holds, in order."""
    waiting = [parse(source, language).root_node]
    while waiting:
        node = waiting.pop()
        if node.child_count == 0 and not node.is_missing and node.end_byte > node.start_byte:
            yield node
        waiting.extend(reversed(node.children))


def is_keyword(leaf: Node) -> bool:
    """Return whether a token of the grammar is a keyword."""
    return not leaf.is_named and leaf.type.replace("_", "").isalpha()


def shape_of(task: Task, completion: str, *, whole: bool = False) -> tuple[bool, int, int]:
    """Say what a parser says of the solution that `completion` makes.

    Returns:
        whether there is a completion and the solution has no error; how many error nodes it has;
        how many tokens of the grammar the completion has.
    """
    source = task.solution(completion, whole=whole).encode("utf-8", "replace")
    written = completion.encode("utf-8", "replace")
    before = b"" if whole else (task.prelude + task.prompt).encode()
    start, end = len(before), len(before) + len(written)
    among = leaves(written if whole else source, task.language)
    n_leaves = sum(start <= leaf.start_byte < end for leaf in among)
    n_errors = error_count(parse(source, task.language))
    return bool(completion.strip()) and n_errors == 0, n_errors, n_leaves


def repetition(tokens: Sequence[int]) -> float:
    """Return the share of 4-grams of tokens that have occurred before; 0 below five tokens."""
    grams = [tuple(tokens[i : i + NGRAM]) for i in range(len(tokens) - NGRAM + 1)]
    if len(grams) < 2:
        return 0.0
    return 1.0 - len(set(grams)) / len(grams)


def loop_of(tokens: Sequence[int]) -> tuple[int, int]:
    """Find the loop in which a text ends, as (its period, the tokens after the first time round).

    A loop is an end of 24 tokens or more that repeats a piece of at most 64 tokens at least three
    times; (0, 0) where there is none. Of several periods the one that holds longest counts.
    """
    longest, period = 0, 0
    for step in range(1, MOST_PERIOD + 1):
        length = step
        while length < len(tokens) and tokens[-1 - length] == tokens[-1 - length + step]:
            length += 1
        if length >= max(FEWEST_ROUNDS * step, SHORTEST_LOOP) and length - step > longest - period:
            longest, period = length, step
    return period, longest - period


def edit_similarity(first: str, second: str) -> float:
    """Return 1 - d / max(len) with d Levenshtein's distance over characters (Levenshtein 1966)."""
    longest = max(len(first), len(second))
    return 1.0 - levenshtein(first, second) / longest if longest else 1.0


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
