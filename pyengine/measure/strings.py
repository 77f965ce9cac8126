"""The probability that a text begins with a string: the chain rule over its tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from pyengine.measure import decode
from pyengine.measure.contexts import Chunk, after
from pyengine.measure.engine import Processes, Progress
from pyengine.measure.observers import Logits, NextTokens, log_probabilities
from pyengine.measure.variants import Variant
from pyengine.models.options import SessionOptions
from pyengine.models.session import FEW_TOKENS
from pyengine.statistics.rows import row_statistics

Tokens = tuple[int, ...]
# Prefixes of one call to the model's process.
AT_ONCE = 64


def string_log_probabilities(
    processes: Processes,
    variant: Variant,
    start: Sequence[int],
    first_row: Logits,
    spellings: Mapping[str, Tokens],
    *,
    padding: npt.NDArray[np.int32],
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, float]:
    """Return ln P(string) = sum over its tokens of ln p(token | start, tokens before).

    It is the probability of this sequence of tokens; a longer string may begin with them too.
    Strings that share their first tokens share the rows after these. Each row has the bits that
    it has when its context is decoded alone (see `Session.rows`).

    Args:
        start: ids before every string.
        first_row: the logits after the start alone, float32 (n_vocab,).
        spellings: the tokens of each string, at least one.
        padding: ids that take no part in any probability.
        progress: called with what is being done and the part that is done.
    """
    needed: dict[Tokens, set[int]] = {}
    for ids in spellings.values():
        for i, token in enumerate(ids):
            needed.setdefault(ids[:i], set()).add(token)
    first = sorted(needed.get((), ()))
    known: dict[Tokens, dict[int, float]] = {(): _of_first_row(first_row, first, padding)}
    # Neighbours in sorted order share their prefixes.
    prefixes = sorted(prefix for prefix in needed if prefix)
    session = _session(len(start), prefixes, threads)
    for begin in range(0, len(prefixes), AT_ONCE):
        group = prefixes[begin : begin + AT_ONCE]
        chunk = Chunk(
            f"strings {begin}", tuple(after((*start, *prefix)) for prefix in group), session
        )
        keeper = NextTokens({i: sorted(needed[prefix]) for i, prefix in enumerate(group)})
        found: decode.Observation = processes.call(
            variant, decode.observe, variant, chunk, (), {"next": keeper}, padding
        )
        known |= {group[kept["place"]]: kept["log_p"] for kept in found.kept["next"]}
        if progress is not None:
            progress("split keywords", (begin + len(group)) / len(prefixes))
    return {
        string: sum(known[ids[:i]][token] for i, token in enumerate(ids))
        for string, ids in spellings.items()
    }


def _of_first_row(
    row: Logits, ids: Sequence[int], padding: npt.NDArray[np.int32]
) -> dict[int, float]:
    total = row_statistics(row[None], padding=padding)["log_sum_exp"][0]
    return log_probabilities(row, float(total), ids)


def _session(n_start: int, prefixes: Sequence[Tokens], threads: int | None) -> SessionOptions:
    """Size a context for what will be decoded, and no larger: its buffers are the memory peak."""
    longest = n_start + max((len(prefix) for prefix in prefixes), default=0)
    n_tokens = max(longest, FEW_TOKENS)
    return SessionOptions(
        n_ctx=n_tokens,
        n_batch=min(n_tokens, 512),
        n_ubatch=min(n_tokens, 512),
        n_seq_max=FEW_TOKENS,
        max_rows=FEW_TOKENS,
        threads=threads,
    )
