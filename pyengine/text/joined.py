"""Texts as long as a context, of documents joined for that, scored at places of every depth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from pyengine.errors import CorpusError
from pyengine.models.model import Vocabulary
from pyengine.text.documents import Corpus, Document
from pyengine.text.tokens import TokenizedText, tokenize
from pyengine.text.windows import Window, WindowOptions, document_order

# Depths are told by octaves, the first up to here; of each so many positions are scored at most.
FIRST_OCTAVE, AT_MOST = 64, 128


def octaves(n_ctx: int) -> list[tuple[int, int]]:
    """Return the first and the last position of each octave of a context, counted from 0."""
    ends = [0, FIRST_OCTAVE]
    while ends[-1] < n_ctx:
        ends.append(2 * ends[-1])
    return [(begin, min(end, n_ctx) - 1) for begin, end in pairwise(ends) if begin < n_ctx]


def octave_names(n_ctx: int) -> list[str]:
    """Return the names of the octaves, in which positions count from 1."""
    return [f"{begin + 1}–{end + 1}" for begin, end in octaves(n_ctx)]


def join_documents(corpus: Corpus, vocabulary: Vocabulary, n_tokens: int, *, seed: int) -> Corpus:
    """Join documents of one language, in the order of the seed, into texts of so many tokens.

    What is left of a language makes no text. Each document is part of one text at most.

    Raises:
        CorpusError: no language has so many tokens.
    """
    tokens = tokenize(corpus.documents, vocabulary, parse=False)
    open_texts: dict[str, list[int]] = {}
    texts = []
    for number in document_order([d.language for d in corpus.documents], seed=seed):
        parts = open_texts.setdefault(corpus.documents[number].language, [])
        parts.append(number)
        # Joined, they may make some fewer tokens than alone.
        if sum(len(tokens[part].ids) for part in parts) >= n_tokens + 4 * len(parts):
            texts.append(_joined([corpus.documents[part] for part in parts]))
            open_texts[corpus.documents[number].language] = []
    if not texts:
        raise CorpusError(
            f"{corpus.origin}: no language has {n_tokens} tokens of text; give more documents, or "
            "a smaller --context"
        )
    return Corpus(tuple(texts), corpus.origin)


def _joined(parts: Sequence[Document]) -> Document:
    more = f" and {len(parts) - 1} more" if len(parts) > 1 else ""
    content = b"\n".join(part.content for part in parts)
    return Document(f"{parts[0].name}{more}", parts[0].language, content)


def scored_positions(n_ctx: int) -> npt.NDArray[np.int64]:
    """Return the positions that are scored: all of an octave, or `AT_MOST` at equal distances."""
    return np.concatenate(
        [
            np.unique(np.linspace(begin, end, min(AT_MOST, end - begin + 1)).round())
            for begin, end in octaves(n_ctx)
        ]
    ).astype(np.int64)


def position_windows(
    documents: Sequence[TokenizedText], prefix: Sequence[int], options: WindowOptions, *, seed: int
) -> Iterator[Window]:
    """Yield a window as long as the context of each text that has one."""
    room = options.n_ctx - len(prefix)
    languages = [text.text.language for text in documents]
    scored = scored_positions(options.n_ctx - 1)
    rows = scored[scored >= max(0, len(prefix) - 1)]
    n_windows = 0
    for number in document_order(languages, seed=seed):
        ids = documents[number].ids
        full = n_windows == options.max_windows
        if full or (options.max_tokens and n_windows * len(rows) >= options.max_tokens):
            return
        if len(ids) < room:
            continue
        n_windows += 1
        fed = np.concatenate([np.asarray(prefix, dtype=np.int32), ids[:room]])
        tokens = rows - len(prefix) + 1
        language = languages[number]
        yield Window(fed[:-1], rows, ids[tokens], language, document=number, tokens=tokens)
