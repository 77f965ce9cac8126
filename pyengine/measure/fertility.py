"""Fertility on code: how many tokens a tokenizer spends, on lines, keywords and indentation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from pyengine.errors import TokenizerError
from pyengine.models.model import Vocabulary
from pyengine.text.classes import (
    SyntaxClass,
    classify_bytes,
    classify_tokens,
    classify_white_space,
)
from pyengine.text.documents import Document
from pyengine.text.parsing import PARSED_LANGUAGES
from pyengine.vocabulary.offsets import token_offsets


def fertility(vocabulary: Vocabulary, documents: Iterable[Document]) -> Counter[str]:
    """Tokenize documents, one by one and without special tokens, and count.

    Returns:
        documents, those that are refused because the tokenizer has no token for a byte not among
        them; refused; n_bytes, n_lines and tokens; located and located_tokens, the bytes and
        tokens of documents whose tokens could be located, of which alone the rest is known:
        keywords and keyword_tokens, occurrences of keywords and the tokens that touch them, each
        occurrence counted alone; indentation_tokens, which are indentation and nothing else but
        white space; and where the language has a parser "CLASS tokens", by the class of a token's
        first solid byte, and "CLASS bytes" for each `SyntaxClass` by its label.
    """
    total: Counter[str] = Counter()
    for document in documents:
        try:
            total.update(_counts(vocabulary, document))
        except TokenizerError:
            total["refused"] += 1
    return total


def _counts(vocabulary: Vocabulary, document: Document) -> dict[str, int]:
    text = document.content
    ids = vocabulary.tokenize(text)
    counts = {
        "documents": 1,
        "n_bytes": len(text),
        "n_lines": document.n_lines,
        "tokens": int(ids.size),
    }
    offsets = token_offsets(vocabulary, ids, text)
    if offsets is None:
        return counts
    parsed = document.language in PARSED_LANGUAGES
    classes = classify_bytes(text, document.language) if parsed else classify_white_space(text)
    tokens = classify_tokens(classes, offsets)
    inside = np.concatenate(([0], (classes == SyntaxClass.KEYWORD).astype(np.int8), [0]))
    starts, ends = (np.flatnonzero(np.diff(inside) == step) for step in (1, -1))
    counts |= {
        "located": len(text),
        "located_tokens": int(ids.size),
        "keywords": starts.size,
        "keyword_tokens": _touching(offsets, starts, ends),
        "indentation_tokens": int(np.count_nonzero(tokens == SyntaxClass.INDENTATION)),
    }
    for name in np.unique(classes).tolist() if parsed else ():
        label = SyntaxClass(name).label
        counts[f"{label} tokens"] = int(np.count_nonzero(tokens == name))
        counts[f"{label} bytes"] = int(np.count_nonzero(classes == name))
    return counts


def _touching(
    offsets: npt.NDArray[np.int64], starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]
) -> int:
    """Return the number of tokens that cover bytes of the spans, span by span."""
    first = np.searchsorted(offsets, starts, side="right") - 1
    last = np.searchsorted(offsets, ends, side="left")
    return int((last - first).sum())
