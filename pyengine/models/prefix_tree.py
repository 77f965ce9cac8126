"""Lay out many token sequences as one batch in which a shared prefix is computed once."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class _Node:
    token: int
    position: int
    sequences: list[int] = field(default_factory=list)
    children: dict[int, "_Node"] = field(default_factory=dict)
    is_end: bool = False


@dataclass(frozen=True)
class TreeBatch:
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
    root = _Node(token=-1, position=-1)
    ends: list[_Node] = []
    for number, tokens in enumerate(sequences):
        node = root
        for token in tokens:
            node = node.children.setdefault(token, _Node(token, node.position + 1))
            node.sequences.append(number)
        node.is_end = True
        ends.append(node)
    order = _breadth_first(root)
    row_of: dict[int, int] = {}
    for node in order:
        if node.is_end:
            row_of[id(node)] = len(row_of)
    return TreeBatch(
        ids=[node.token for node in order],
        positions=[node.position for node in order],
        sequences=[node.sequences for node in order],
        outputs=[node.is_end for node in order],
        rows=[row_of[id(node)] for node in ends],
    )


def separate_batch(sequences: Sequence[Sequence[int]]) -> TreeBatch:
    """List sequences one after another, sharing nothing: what a recurrent state needs."""
    return TreeBatch(
        ids=[token for tokens in sequences for token in tokens],
        positions=[position for tokens in sequences for position in range(len(tokens))],
        sequences=[[number] for number, tokens in enumerate(sequences) for _ in tokens],
        outputs=[i == len(tokens) - 1 for tokens in sequences for i in range(len(tokens))],
        rows=list(range(len(sequences))),
    )


def _breadth_first(root: _Node) -> list[_Node]:
    order: list[_Node] = []
    level = list(root.children.values())
    while level:
        order.extend(level)
        level = [child for node in level for child in node.children.values()]
    return order


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
        shared = _common_prefix(previous, tokens) if share else 0
        new = len(tokens) - shared
        if not groups or len(groups[-1]) >= max_sequences or used + new > max_tokens:
            groups.append([])
            used, new = 0, len(tokens)
        groups[-1].append(index)
        used += new
        previous = tokens
    return groups


def _common_prefix(left: Sequence[int], right: Sequence[int]) -> int:
    length = 0
    for a, b in zip(left, right, strict=False):
        if a != b:
            break
        length += 1
    return length
