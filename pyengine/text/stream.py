"""One stream of tokens over all documents, cut into contexts of equal length."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyengine.errors import CorpusError, TokenizerError
from pyengine.models.model import Vocabulary, prompt_ids
from pyengine.text.documents import Corpus

Ids = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class StreamContexts:
    """Contexts of one stream, as llama.cpp's programs cut a text.

    Attributes:
        ids: int32 (n_contexts, n_ctx).
        documents: indices of the documents of which a token is in them, rising.
        refused: names of documents that the tokenizer cannot split.
    """

    ids: Ids
    documents: list[int]
    refused: list[str]


def stream_contexts(
    corpus: Corpus, vocabulary: Vocabulary, *, n_ctx: int, max_tokens: int | None, seed: int
) -> StreamContexts:
    """Join the documents' tokens, and cut them into contexts; a rest at the end is left out.

    The stream begins with BOS where the tokenizer adds one, and in each later context BOS stands
    in place of the first token: what llama-imatrix does with one file.

    Args:
        max_tokens: of more contexts than these tokens make, as many as fit are taken, at least
            one, at equal distances from a place drawn by the seed; None for all.

    Raises:
        CorpusError: the stream is shorter than one context.
    """
    stream, owners, refused = _joined(corpus, vocabulary)
    n_contexts = len(stream) // n_ctx
    if n_contexts == 0:
        left = f" without {len(refused)} documents that the tokenizer refuses" if refused else ""
        raise CorpusError(
            f"{corpus.origin}: makes {len(stream)} tokens{left}, and a context has {n_ctx}; give "
            "more text or a smaller --context"
        )
    chosen = _spread(n_contexts, max_tokens and max(1, max_tokens // n_ctx), seed=seed)
    ids = stream[: n_contexts * n_ctx].reshape(n_contexts, n_ctx)[chosen]
    if vocabulary.add_bos and vocabulary.bos is not None:
        ids[:, 0] = vocabulary.bos
    seen = owners[: n_contexts * n_ctx].reshape(n_contexts, n_ctx)[chosen]
    return StreamContexts(ids, np.unique(seen).tolist(), refused)


def _joined(corpus: Corpus, vocabulary: Vocabulary) -> tuple[Ids, Ids, list[str]]:
    """Return the tokens of all documents, the index of the document of each, and who has none."""
    parts: list[list[int]] = []
    refused: list[str] = []
    for document in corpus:
        begun = len(refused) < len(parts)
        try:
            parts.append(prompt_ids(vocabulary, document.content, begun=begun))
        except TokenizerError:
            parts.append([])
            refused.append(document.name)
    owners = np.repeat(np.arange(len(parts), dtype=np.int32), list(map(len, parts)))
    return np.concatenate(parts).astype(np.int32), owners, refused


def _spread(n: int, most: int | None, *, seed: int) -> npt.NDArray[np.int64]:
    """Return rising indices below n: all, or so many at equal distances."""
    if most is None or most >= n:
        return np.arange(n, dtype=np.int64)
    begin = np.random.default_rng(seed).random()
    return np.asarray((np.arange(most) + begin) * n / most, dtype=np.int64)
