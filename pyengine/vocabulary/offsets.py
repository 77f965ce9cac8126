"""Where the tokens of a text lie in its bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt


class PieceReader(Protocol):
    """Knows the bytes of every token."""

    def piece(self, id: int) -> bytes:  # noqa: A002 - the name of the core's argument
        """Return the bytes of one token."""


def token_offsets(
    vocabulary: PieceReader, ids: Sequence[int] | npt.NDArray[np.integer], text: bytes
) -> npt.NDArray[np.int64] | None:
    """Return int64 (n_tokens + 1,): token i covers the bytes [offsets[i], offsets[i + 1]).

    A space that the tokenizer put before the text belongs to no byte of it. None where the
    pieces do not spell the text, as with tokenizers that change it (lower case, dropped spaces)
    or have no token for some byte (a negative id).
    """
    tokens: list[int] = np.asarray(ids, np.int64).tolist()
    if min(tokens, default=0) < 0:
        return None
    pieces = [vocabulary.piece(token) for token in tokens]
    ends: npt.NDArray[np.int64] = np.cumsum([0, *map(len, pieces)], dtype=np.int64)
    spelled = b"".join(pieces)
    if spelled == text:
        return ends
    if spelled == b" " + text:
        shifted: npt.NDArray[np.int64] = np.maximum(ends - 1, 0)
        return shifted
    return None
