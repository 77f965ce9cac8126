"""Lay out many token sequences as one batch in which a shared prefix is computed once."""

from collections.abc import Sequence
from itertools import count
from typing import NamedTuple


class TreeBatch(NamedTuple):
    """A batch in which every distinct prefix is one token, shared by its sequences.

    Attributes:
        ids, positions: one entry per token.
        sequences: for each token, the sequences that pass through it.
        outputs: True where a sequence ends.
        rows: for each sequence, the row of the logits that follows its last token.
    """

    ids: list[int]
    positions: list[int]
    sequences: list[list[int]]
    outputs: list[bool]
    rows: list[int]


def tree_batch(sequences: Sequence[Sequence[int]]) -> TreeBatch:
    """Merge sequences of token ids into a prefix tree and list it breadth first.

    Breadth first keeps the positions of every sequence in rising order, as llama.cpp demands.
    """
    batch = TreeBatch([], [], [], [], [])
    reached = [-1] * len(sequences)  # for each sequence, the index of its last token so far
    going_on = list(range(len(sequences)))
    for position in range(max(map(len, sequences), default=0)):
        index_of: dict[tuple[int, int], int] = {}
        going_on = [number for number in going_on if len(sequences[number]) > position]
        for number in sorted(going_on, key=reached.__getitem__):
            token = sequences[number][position]
            place = reached[number], token
            if place not in index_of:
                index_of[place] = len(batch.ids)
                batch.ids.append(token)
                batch.positions.append(position)
                batch.sequences.append([])
                batch.outputs.append(False)
            reached[number] = index_of[place]
            batch.sequences[reached[number]].append(number)
            batch.outputs[reached[number]] |= position == len(sequences[number]) - 1
    rows = count()
    row_of = [next(rows) if is_output else -1 for is_output in batch.outputs]
    return batch._replace(rows=[row_of[index] for index in reached])


def separate_batch(sequences: Sequence[Sequence[int]]) -> TreeBatch:
    """List sequences one after another, sharing nothing: what a recurrent state needs."""
    return TreeBatch(
        ids=[token for tokens in sequences for token in tokens],
        positions=[position for tokens in sequences for position in range(len(tokens))],
        sequences=[[number] for number, tokens in enumerate(sequences) for _ in tokens],
        outputs=[i == len(tokens) - 1 for tokens in sequences for i in range(len(tokens))],
        rows=list(range(len(sequences))),
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
