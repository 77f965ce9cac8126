"""The corpus as contexts: windows of documents, and what is known of every scored token."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pyengine.measure.contexts import Chunk, Context, one_batch
from pyengine.measure.table import Scored
from pyengine.models.options import SessionOptions
from pyengine.run.record import Population
from pyengine.text.documents import Corpus
from pyengine.text.tokens import TokenizedText
from pyengine.text.windows import LEAD, Window, WindowOptions

# Rows of one model that are computed at once: 256 of a vocabulary of 150,000. More of them only
# travel to memory and back, which costs some 8 % of the time at 500 rows.
BYTES_AT_ONCE = 150 << 20
# A decode of 138 tokens takes longer than its share of one of 128: matrix products go in tiles.
WHOLE_TILES = 64


@dataclass(frozen=True, eq=False)
class ScoredCorpus:
    """The windows that are scored, in their order, and their tokens.

    Attributes:
        documents: the corpus in the reference's tokens.
        chunks: the windows as contexts, as many at a time as memory allows.
        scored: where each scored token lies, aligned with the rows of all chunks.
        looks: after how many chunks to look whether enough is known; the last is all of them.
    """

    documents: Sequence[TokenizedText]
    windows: Sequence[Window]
    chunks: Sequence[Chunk]
    scored: Scored
    looks: Sequence[int]


def document_ends(windows: Sequence[Window]) -> list[int]:
    """Return for each document, in their order, how many windows there are to its end."""
    documents = [window.document for window in windows]
    last = {document: number for number, document in enumerate(documents, 1)}
    return list(last.values())


def window_session(
    windows: Sequence[Context], *, n_ctx: int, n_vocab: int, threads: int
) -> SessionOptions:
    """Choose how windows are decoded: the order of computation, which is part of every number.

    Args:
        n_ctx: tokens that the session holds at least.
    """
    n_ctx = max(n_ctx, *(len(window.ids) for window in windows))
    max_rows = min(max(len(window) for window in windows), rows_at_once(n_vocab))
    return one_batch(n_ctx, max_rows=max(1, max_rows), threads=threads)


def rows_at_once(n_vocab: int) -> int:
    """Return how many rows of a model to compute at once."""
    at_once = BYTES_AT_ONCE // (4 * n_vocab)
    if at_once > WHOLE_TILES:
        at_once -= at_once % WHOLE_TILES
    return max(1, at_once)


def scored_tokens(
    documents: Sequence[TokenizedText],
    windows: Sequence[Window],
    *,
    looks: int = 1,
    levels_from: int = 0,
    depths: Sequence[tuple[int, int]] = (),
) -> Scored:
    """List the scored tokens of some windows; for the looks see `TokenTable`.

    Args:
        depths: first and last position of the octaves that tokens are also told by.
    """
    lengths = [len(window) for window in windows]
    document = np.repeat([window.document for window in windows], lengths).astype(np.int64)
    token = np.concatenate([window.tokens for window in windows])
    languages = np.array([text.text.language for text in documents])
    classes = [
        documents[d].token_class(i) for d, i in zip(document.tolist(), token.tolist(), strict=True)
    ]
    labels = {"language": languages[document], "class": np.array(classes)}
    if depths:
        position = np.concatenate([window.rows for window in windows])
        names = np.array([f"{begin + 1}–{end + 1}" for begin, end in depths])
        begins = np.array([begin for begin, _ in depths])
        labels["position"] = names[np.searchsorted(begins, position, side="right") - 1]
    return Scored(
        document=document,
        window=np.repeat(np.arange(len(windows), dtype=np.int64), lengths),
        token=token,
        labels=labels,
        columns={"n_bytes": np.concatenate([_token_bytes(documents, w) for w in windows])},
        looks=looks,
        levels_from=levels_from,
    )


def _token_bytes(documents: Sequence[TokenizedText], window: Window) -> npt.NDArray[np.float64]:
    """Return the bytes of each scored token in its document; -1 where they are unknown."""
    starts = documents[window.document].starts
    if starts is None:
        return np.full(len(window), -1.0)
    return np.asarray(starts[window.tokens + 1] - starts[window.tokens], dtype=np.float64)


def population(
    corpus: Corpus,
    windows: Sequence[Window],
    options: WindowOptions,
    *,
    prefix: Sequence[int],
    seed: int,
    looks: int = 1,
    level_documents: int = 0,
    anchor: str = "",
) -> Population:
    """Describe the corpus and how much of it was scored, by the model that scored most."""
    return Population(
        **measured_of(corpus, sorted({window.document for window in windows})),
        n_windows=len(windows),
        n_tokens=sum(len(window) for window in windows),
        document_tokens=options.document_tokens or 0,
        lead=LEAD,
        n_ctx=options.n_ctx,
        stride=options.step,
        prefix=list(prefix),
        seed=seed,
        looks=looks,
        level_documents=level_documents,
        anchor=anchor,
    )


def measured_of(corpus: Corpus, documents: Sequence[int]) -> dict[str, Any]:
    """Return the fields of a population that say what corpus it is, and which documents count."""
    languages = Counter(corpus.documents[document].language for document in documents)
    return {
        "origin": corpus.origin,
        "sha256": corpus.sha256,
        "n_documents": len(corpus),
        "n_bytes": corpus.n_bytes,
        "languages": {name: len(found) for name, found in corpus.by_language().items()},
        "n_scored_documents": len(documents),
        "scored_languages": dict(sorted(languages.items())),
    }
