"""Where a variant's greedy continuation first leaves the reference's.

Only the reference has to write. The variant then reads that text in one batch: up to the first
token that it would not have chosen, both contexts are the same, so its own continuation is too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pyengine.measure import decode
from pyengine.measure.contexts import Chunk, Context
from pyengine.measure.engine import Processes
from pyengine.measure.observers import FirstChoice
from pyengine.measure.variants import Variant
from pyengine.models.model import Vocabulary
from pyengine.models.options import SessionOptions
from pyengine.text.tokens import TokenizedText

N_PROMPT = 32
N_GENERATED = 48


@dataclass(frozen=True)
class Continuation:
    """A document's beginning and what the reference wrote after it."""

    document: int
    prompt: list[int]
    written: list[int]


def choose_documents(documents: Sequence[TokenizedText], n: int, *, seed: int) -> list[int]:
    """Draw up to n documents that are longer than a prompt, languages in turn."""
    order = np.random.default_rng(seed).permutation(len(documents))
    by_language: dict[str, list[int]] = {}
    for i in order:
        if len(documents[i].ids) > N_PROMPT:
            by_language.setdefault(documents[i].text.language, []).append(int(i))
    queues = [by_language[language] for language in sorted(by_language)]
    chosen: list[int] = []
    while len(chosen) < n and any(queues):
        for queue in queues:
            if queue and len(chosen) < n:
                chosen.append(queue.pop(0))
    return chosen


def greedy_session(n_prefix: int, threads: int) -> SessionOptions:
    """Return a session that holds a prompt and what is written after it."""
    n_tokens = n_prefix + N_PROMPT + N_GENERATED
    return SessionOptions(
        n_ctx=n_tokens,
        n_batch=n_tokens,
        n_ubatch=n_tokens,
        max_rows=N_GENERATED,
        threads=threads,
    )


def most_written(n_prefix: int, n_positions: int | None) -> int:
    """Return how many tokens can be written after a prompt; the last of them is not read again."""
    if n_positions is None:
        return N_GENERATED
    return min(N_GENERATED, n_positions - n_prefix - N_PROMPT + 1)


def continue_documents(
    processes: Processes,
    reference: Variant,
    documents: Sequence[TokenizedText],
    chosen: Sequence[int],
    *,
    vocabulary: Vocabulary,
    prefix: Sequence[int],
    padding: npt.NDArray[np.int32],
    most: int,
    threads: int,
) -> list[Continuation]:
    """Let the reference continue the chosen documents by at most so many tokens each."""
    prompts = [[*prefix, *documents[i].ids[:N_PROMPT].tolist()] for i in chosen]
    ends = frozenset(i for i in range(len(vocabulary)) if vocabulary.is_end_of_generation(i))
    usual = greedy_session(len(prefix), threads)
    written = processes.call(
        reference, decode.write_greedily, reference, usual, prompts, most, padding, ends
    )
    return [
        Continuation(document, prompt, text)
        for document, prompt, text in zip(chosen, prompts, written, strict=True)
    ]


def continuation_chunk(found: Sequence[Continuation], *, n_prefix: int, threads: int) -> Chunk:
    """Return the written texts as contexts whose targets are what the reference wrote."""
    contexts = []
    for continuation in found:
        fed = np.array([*continuation.prompt, *continuation.written[:-1]], dtype=np.int32)
        rows = np.arange(len(continuation.prompt) - 1, len(fed), dtype=np.int64)
        contexts.append(Context(fed, rows, np.array(continuation.written, dtype=np.int32)))
    return Chunk("continuations", tuple(contexts), greedy_session(n_prefix, threads))


def first_choices(
    processes: Processes, variant: Variant, chunk: Chunk, padding: npt.NDArray[np.int32]
) -> npt.NDArray[np.int64]:
    """Return what a variant would have written at each position of the written texts."""
    found = processes.call(variant, decode.observe, variant, chunk, (FirstChoice(),), {}, padding)
    return np.asarray(found.columns["first_choice"])


def contents(
    found: Sequence[Continuation],
    own: npt.NDArray[np.int64],
    documents: Sequence[TokenizedText],
    vocabulary: Vocabulary,
) -> list[dict[str, Any]]:
    """Write out, for each continuation, where the variant left it.

    Keys: document, language, n_prompt, n_generated, first_divergence (index of the first token
    that the variant would not have written, null where there is none), agreed (the text up to
    there), reference_next and variant_next (the two choices there).
    """
    written_out = []
    begin = 0
    for continuation in found:
        written = continuation.written
        mine = own[begin : begin + len(written)].tolist()
        begin += len(written)
        pairs = zip(mine, written, strict=True)
        place = next((i for i, (own_choice, its) in enumerate(pairs) if own_choice != its), None)
        text = documents[continuation.document].text
        agreed = written if place is None else written[:place]
        written_out.append(
            {
                "document": text.name,
                "language": text.language,
                "n_prompt": len(continuation.prompt),
                "n_generated": len(written),
                "first_divergence": place,
                "agreed": _text(vocabulary, agreed),
                "reference_next": "" if place is None else _text(vocabulary, [written[place]]),
                "variant_next": "" if place is None else _text(vocabulary, [mine[place]]),
            }
        )
    return written_out


def _text(vocabulary: Vocabulary, ids: Sequence[int]) -> str:
    return b"".join(vocabulary.piece(i) for i in ids).decode(errors="replace")
