"""What the analyses need of a vocabulary, and its pieces as flat arrays."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt


class TokenKind(IntEnum):
    """The token types of GGUF (tokenizer.ggml.token_type)."""

    UNDEFINED = 0
    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


class VocabularyLike(Protocol):
    """The part of `pyengine.models.Vocabulary` that can be read back from a file."""

    @property
    def size(self) -> int:
        """Number of tokens, padding rows included."""

    @property
    def kinds(self) -> npt.NDArray[np.uint8]:
        """Kind of every token, see TokenKind."""

    def piece_arrays(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
        """Return the bytes of all pieces and where each begins, see Pieces."""

    def token(self, piece: bytes) -> int | None:
        """Return the token whose piece is exactly these bytes."""

    def piece(self, id: int) -> bytes:  # noqa: A002 - the name of the core's argument
        """Return the bytes of one token."""


@dataclass(frozen=True, eq=False)
class Pieces:
    """A vocabulary at rest: the bytes of all tokens, one after another.

    Token i is `data[offsets[i]:offsets[i + 1]]`.

    data: uint8 (total bytes,); offsets: int64 (size + 1,); kinds: uint8 (size,), see TokenKind.
    """

    data: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]
    kinds: npt.NDArray[np.uint8]

    @classmethod
    def of(cls, vocabulary: VocabularyLike) -> Pieces:
        """Take the pieces and kinds of a vocabulary."""
        data, offsets = vocabulary.piece_arrays()
        return cls(data=data, offsets=offsets, kinds=vocabulary.kinds)

    @property
    def size(self) -> int:
        """Number of tokens, padding rows included."""
        return len(self.kinds)

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Return the length of every piece in bytes, int64 (size,)."""
        return np.diff(self.offsets)

    def piece_arrays(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
        """Return the bytes of all pieces and where each begins."""
        return self.data, self.offsets

    def piece(self, id: int) -> bytes:  # noqa: A002 - as in the live vocabulary
        """Return the bytes of one token."""
        return self.data[self.offsets[id] : self.offsets[id + 1]].tobytes()

    def token(self, piece: bytes) -> int | None:
        """Return the token with exactly these bytes, as the live vocabulary does."""
        return self._by_piece.get(piece)

    def take(self, tokens: npt.NDArray[np.integer]) -> list[bytes]:
        """Return the bytes of the given tokens."""
        joined = self.data.tobytes()
        starts, ends = self.offsets[tokens].tolist(), self.offsets[tokens + 1].tolist()
        return [joined[start:end] for start, end in zip(starts, ends, strict=True)]

    def closed(self, tokens: npt.NDArray[np.bool_]) -> bytes:
        """Return the bytes of the marked tokens, one after another, each followed by a NUL."""
        lengths = self.lengths[tokens]
        taken = self.data[np.repeat(tokens, self.lengths)]
        inside = np.ones(taken.size + lengths.size, bool)
        inside[np.cumsum(lengths + 1) - 1] = False
        result = np.zeros(inside.size, np.uint8)
        result[inside] = taken
        return result.tobytes()

    @cached_property
    def _by_piece(self) -> dict[bytes, int]:
        # Normal and user-defined tokens win over bytes, and those over control and unused tokens.
        text = np.isin(self.kinds, (TokenKind.NORMAL, TokenKind.USER_DEFINED))
        byte = self.kinds == TokenKind.BYTE
        order = np.concatenate([np.flatnonzero(m) for m in (text, byte, ~(text | byte))])
        index: dict[bytes, int] = {}
        for token, piece in zip(order.tolist(), self.take(order), strict=True):
            if piece:
                index.setdefault(piece, token)
        return index


def piece_text(piece: bytes) -> str:
    r"""Return a piece as text; bytes that are not UTF-8 become \xNN. Never use it as a key."""
    return piece.decode("utf-8", errors="backslashreplace")
