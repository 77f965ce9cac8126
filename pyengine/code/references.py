"""Reference solutions as contexts: which of their tokens are scored, and where keywords begin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pyengine.code.parsing import analyse
from pyengine.code.tasks import Task
from pyengine.measure.contexts import Context
from pyengine.models.model import Vocabulary, prompt_ids
from pyengine.vocabulary.offsets import token_offsets
from pyengine.vocabulary.tokens import TokenKind


@dataclass(frozen=True, eq=False)
class ReferenceText:
    """The prompt and reference of a task as one context.

    Attributes:
        task: its name.
        context: prompt + reference, tokenized as one text; its targets are scored.
        sizes: bytes of each scored token's piece.
        keywords: indices of the scored tokens in which a keyword of the reference begins.
    """

    task: str
    context: Context
    sizes: tuple[int, ...]
    keywords: tuple[int, ...]


def reference_text(task: Task, vocabulary: Vocabulary, *, longest: int) -> ReferenceText | None:
    """Tokenize the reference of `task`; None where it is longer than `longest` tokens, or empty.

    Scored are the tokens after those that the whole shares with the prompt's own tokenization, so
    that bits per byte is over exactly their bytes.
    """
    prompt = prompt_ids(vocabulary, task.prompt)
    whole = prompt_ids(vocabulary, task.prompt + task.reference)
    first = max(1, _shared(prompt, whole))
    if len(whole) > longest or len(whole) <= first:
        return None
    ids = np.array(whole, dtype=np.int32)
    rows = np.arange(first - 1, len(whole) - 1, dtype=np.int64)
    text = (task.prompt + task.reference).encode()
    spans = _spans(vocabulary, whole, text)
    return ReferenceText(
        task.name,
        Context(ids[:-1], rows, ids[first:], task.language),
        tuple(len(vocabulary.piece(token)) for token in whole[first:]),
        tuple(index - first for index in _keyword_tokens(task, text, spans, first)),
    )


def _shared(first: Sequence[int], second: Sequence[int]) -> int:
    count = 0
    for a, b in zip(first, second, strict=False):
        if a != b:
            break
        count += 1
    return count


def _spans(vocabulary: Vocabulary, tokens: Sequence[int], text: bytes) -> list[tuple[int, int]]:
    """Return the bytes of the text that each token covers; nothing where they are not known."""
    special = (vocabulary.kinds[np.asarray(tokens)] == TokenKind.CONTROL).tolist()
    first = special.index(False) if False in special else len(tokens)
    last = len(tokens) - (special[::-1].index(False) if False in special else 0)
    offsets = token_offsets(vocabulary, tokens[first:last], text)
    if offsets is None:
        return []
    # What the tokenizer puts around every text covers none of it.
    around = [(0, 0)] * first, [(len(text), len(text))] * (len(tokens) - last)
    return [*around[0], *pairwise(offsets.tolist()), *around[1]]


def _keyword_tokens(
    task: Task, text: bytes, spans: Sequence[tuple[int, int]], first: int
) -> list[int]:
    """Return the indices of the tokens in which the reference's keywords begin."""
    prompt = len(task.prompt.encode())
    found = []
    for leaf in analyse(text, task.language).leaves:
        if leaf.is_keyword and leaf.start >= prompt:
            for index, (start, end) in enumerate(spans):
                if index >= first and start <= leaf.start < end:
                    found.append(index)
                    break
    return found
