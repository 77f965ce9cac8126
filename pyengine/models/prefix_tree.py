"""Lay out many token sequences as one batch in which a shared prefix is computed once."""

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple


class TreeBatch(NamedTuple):
    """A batch in which every distinct prefix is one token, shared by its sequences.

    Attributes:
        ids, positions: one entry per token.
        sequences: for each token, the sequences that pass through it.
        outputs: True where a row of logits is read.
        rows: for each sequence, the rows of the logits that follow its wanted tokens.
    """

    ids: list[int]
    positions: list[int]
    sequences: list[list[int]]
    outputs: list[bool]
    rows: list[list[int]]


def tree_batch(
    sequences: Sequence[Sequence[int]],
    *,
    held: Sequence[int] = (),
    wanted: Sequence[Sequence[int]] = (),
) -> TreeBatch:
    """Merge sequences of token ids into a prefix tree and list it breadth first.

    Breadth first keeps the positions of every sequence in rising order, as llama.cpp demands.

    Args:
        sequences: token ids.
        held: how many first tokens of each are decoded already; none where it is left out. Those
            with equal numbers have these tokens in common.
        wanted: rising indices into each, after which rows are read; its last where left out.
    """
    batch = TreeBatch([], [], [], [], [])
    starts = held or [0] * len(sequences)
    asked = [set(rows) for rows in wanted or [[len(tokens) - 1] for tokens in sequences]]
    # For each sequence, the index of its last token so far; of what is held, a number below 0.
    reached = [-1 - start for start in starts]
    found: list[list[int]] = [[] for _ in sequences]
    for position in range(min(starts, default=0), max(map(len, sequences), default=0)):
        index_of: dict[tuple[int, int], int] = {}
        here = [n for n, tokens in enumerate(sequences) if starts[n] <= position < len(tokens)]
        for number in sorted(here, key=reached.__getitem__):
            token = sequences[number][position]
            place = reached[number], token
            if place not in index_of:
                index_of[place] = len(batch.ids)
                batch.ids.append(token)
                batch.positions.append(position)
                batch.sequences.append([])
                batch.outputs.append(False)
            index = reached[number] = index_of[place]
            batch.sequences[index].append(number)
            if position in asked[number]:
                batch.outputs[index] = True
                found[number].append(index)
    row_of = list(accumulate(batch.outputs, initial=0))
    return batch._replace(rows=[[row_of[index] for index in places] for places in found])


def separate_batch(sequences: Sequence[Sequence[int]]) -> TreeBatch:
    """List sequences one after another, sharing nothing: what a recurrent state needs."""
    return TreeBatch(
        ids=[token for tokens in sequences for token in tokens],
        positions=[position for tokens in sequences for position in range(len(tokens))],
        sequences=[[number] for number, tokens in enumerate(sequences) for _ in tokens],
        outputs=[i == len(tokens) - 1 for tokens in sequences for i in range(len(tokens))],
        rows=[[number] for number in range(len(sequences))],
    )


def split_by_size(
    sequences: Sequence[Sequence[int]], *, max_sequences: int, max_tokens: int, share: bool = True
) -> list[list[int]]:
    """Cut sorted sequences into groups that fit one batch; returns their indices.

    Neighbours in sorted order share their prefixes, so a group's tree stays small. The token
    count of a group is bounded by the sum over its members of what the previous one did not hold,
    or of all their tokens where nothing is shared.
    """
    order = sorted(range(len(sequences)), key=lambda i: list(sequences[i]))
    groups: list[list[int]] = []
    used = 0
    previous: Sequence[int] = ()
    for index in order:
        tokens = sequences[index]
        shared = common_prefix(previous, tokens) if share else 0
        new = len(tokens) - shared
        if not groups or len(groups[-1]) >= max_sequences or used + new > max_tokens:
            groups.append([])
            used, new = 0, len(tokens)
        groups[-1].append(index)
        used += new
        previous = tokens
    return groups


def common_prefix(left: Sequence[int], right: Sequence[int]) -> int:
    """Return how many tokens two sequences have in common at their beginning."""
    length = 0
    for a, b in zip(left, right, strict=False):
        if a != b:
            break
        length += 1
    return length
