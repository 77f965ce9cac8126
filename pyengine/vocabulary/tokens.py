"""What the analyses need of a vocabulary, and its pieces as flat arrays."""

from __future__ import annotations

from collections.abc import Sequence
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
    """The part of `pyengine.models.Vocabulary` that the analyses read."""

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


@dataclass(frozen=True)
class Pieces:
    """The bytes of all tokens, one after another: token i is `data[offsets[i]:offsets[i + 1]]`.

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

    @classmethod
    def from_list(
        cls, pieces: Sequence[bytes], kinds: npt.NDArray[np.uint8] | None = None
    ) -> Pieces:
        """Lay out a list of pieces; all are normal tokens when no kinds are given."""
        lengths = np.fromiter((len(p) for p in pieces), np.int64, len(pieces))
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        if kinds is None:
            kinds = np.full(len(pieces), TokenKind.NORMAL, np.uint8)
        return cls(np.frombuffer(b"".join(pieces), np.uint8), offsets, kinds)

    @property
    def size(self) -> int:
        """Number of tokens, padding rows included."""
        return len(self.kinds)

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Return the length of every piece in bytes, int64 (size,)."""
        return np.diff(self.offsets)

    def __getitem__(self, token: int) -> bytes:
        return self.data[self.offsets[token] : self.offsets[token + 1]].tobytes()

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


def piece_text(piece: bytes) -> str:
    r"""Return a piece as text; bytes that are not UTF-8 become \xNN. Never use it as a key."""
    return piece.decode("utf-8", errors="backslashreplace")
