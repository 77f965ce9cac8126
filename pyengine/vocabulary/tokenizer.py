"""One model's tokenizer with what is derived from its pieces, and what two have in common."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pyengine._core import gguf_int32_list
from pyengine.errors import TokenizerError
from pyengine.vocabulary import piece_features as bits
from pyengine.vocabulary.piece_features import PieceFeatures
from pyengine.vocabulary.token_classes import TokenClasses, classify
from pyengine.vocabulary.tokens import Pieces, TokenKind

if TYPE_CHECKING:
    from pyengine.models.model import Model

# Qwen2's vocabulary begins with cl100k_base without its numbers of two and three digits; Llama 3's
# begins with all of it. The hash is over the pieces that both have, and their lengths as int64.
CL100K_TOKENS = 99_156
CL100K_SHA256 = "3e5a646f33c7a4d47edc095789de6607439fb6f8490a369f17bea39c16fac819"


class Tokenizer:
    """The tokenizer of an open model; what is derived of it is computed when first asked for.

    Raises:
        TokenizerError: the model has none.
    """

    def __init__(self, model: Model) -> None:
        if model.vocabulary.kind == "none":
            raise TokenizerError(
                f"{model.path}: the file has no tokenizer (its kind is `none`), so there is "
                "nothing to analyse; give the model's own GGUF with its vocabulary"
            )
        self.model = model
        self.vocabulary = model.vocabulary

    @cached_property
    def features(self) -> PieceFeatures:
        """Features of all pieces."""
        return PieceFeatures(Pieces.of(self.vocabulary))

    @cached_property
    def classes(self) -> TokenClasses:
        """Class of every token, and the overlapping sets."""
        return classify(self.features)

    @cached_property
    def cl100k(self) -> npt.NDArray[np.int64] | None:
        """Places in the order of cl100k_base, see cl100k_ranks."""
        return cl100k_ranks(self.features)

    @cached_property
    def file_kinds(self) -> npt.NDArray[np.int32]:
        """Kinds as the file declares them; llama.cpp makes some normal tokens control tokens."""
        return gguf_int32_list(str(self.model.path), "tokenizer.ggml.token_type")

    @property
    def size(self) -> int:
        """Number of rows, padding included."""
        return self.features.pieces.size

    @cached_property
    def n_text(self) -> int:
        """Number of tokens of text: normal and user-defined ones."""
        return int(np.count_nonzero(self.features.textual))

    @cached_property
    def n_padding(self) -> int:
        """Number of rows that are no tokens: unused and undefined ones, and a converter's."""
        kinds = self.features.pieces.kinds
        unused = (kinds == TokenKind.UNUSED) | (kinds == TokenKind.UNDEFINED)
        return int(np.count_nonzero(unused | self.features.padding))


@dataclass(frozen=True)
class Sharing:
    """What vocabularies A and B have in common; only tokens that are text are counted.

    common: tokens with the same bytes in both. same_ids: tokens at the start that have the same
    bytes at the same id. same_order: common tokens at the start that come in the same order once
    what the other lacks is left out; last_a, last_b: the ids of the last of them.
    """

    size_a: int
    size_b: int
    common: int
    same_ids: int
    same_order: int
    last_a: int | None
    last_b: int | None


def compare_vocabularies(a: PieceFeatures, b: PieceFeatures) -> Sharing:
    """Count common tokens and find how far the two run in the same order."""
    ids_a, pieces_a = _texts(a)
    ids_b, pieces_b = _texts(b)
    known_a, known_b = set(pieces_a), set(pieces_b)
    order_a = [(p, i) for p, i in zip(pieces_a, ids_a, strict=True) if p in known_b]
    order_b = [(p, i) for p, i in zip(pieces_b, ids_b, strict=True) if p in known_a]
    length = 0
    for (left, _), (right, _) in zip(order_a, order_b, strict=False):
        if left != right:
            break
        length += 1
    return Sharing(
        size_a=len(pieces_a),
        size_b=len(pieces_b),
        common=len(known_a & known_b),
        same_ids=_same_ids(a, b),
        same_order=length,
        last_a=order_a[length - 1][1] if length else None,
        last_b=order_b[length - 1][1] if length else None,
    )


def cl100k_ranks(features: PieceFeatures) -> npt.NDArray[np.int64] | None:
    """Return every token's place in the shared cl100k_base order, -1 behind it.

    None where the vocabulary does not begin with cl100k_base. Two such vocabularies agree on
    these places, so a place is neither's own: the order is that of OpenAI's training data.
    """
    pieces = features.pieces
    lengths = pieces.lengths
    number = features.only(bits.DIGIT) & ((lengths == 2) | (lengths == 3))
    kept = ~number & (features.flags != 0) | (number & (features.first != bits.DIGIT))
    places = np.cumsum(kept) - 1
    begin = kept & (places < CL100K_TOKENS)
    if np.count_nonzero(begin) < CL100K_TOKENS:
        return None
    digest = hashlib.sha256(pieces.data[np.repeat(begin, lengths)].tobytes())
    digest.update(lengths[begin].astype(np.int64).tobytes())
    if digest.hexdigest() != CL100K_SHA256:
        return None
    result: npt.NDArray[np.int64] = np.where(begin, places, -1)
    return result


def _texts(features: PieceFeatures) -> tuple[list[int], list[bytes]]:
    ids = np.flatnonzero(features.textual & (features.pieces.lengths > 0))
    return ids.tolist(), features.pieces.take(ids)


def _same_ids(a: PieceFeatures, b: PieceFeatures) -> int:
    size = min(a.pieces.size, b.pieces.size)
    same = a.pieces.take(np.arange(size)), b.pieces.take(np.arange(size))
    return next((i for i, (p, q) in enumerate(zip(*same, strict=True)) if p != q), size)
