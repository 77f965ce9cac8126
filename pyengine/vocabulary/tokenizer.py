"""One model's tokenizer with what is derived from its pieces, and what two have in common."""

from __future__ import annotations

import hashlib
from functools import cached_property
from itertools import takewhile
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


def compare_vocabularies(a: PieceFeatures, b: PieceFeatures) -> tuple[int, list[tuple[int, int]]]:
    """Return how many tokens of text both have, and how far the two run in the same order.

    The order is told as the ids in a and in b of the common tokens at the start that come in the
    same order once what the other lacks is left out.
    """
    texts_a, texts_b = _texts(a), _texts(b)
    known_a, known_b = ({piece for piece, _ in texts} for texts in (texts_a, texts_b))
    common_a = (text for text in texts_a if text[0] in known_b)
    common_b = (text for text in texts_b if text[0] in known_a)
    pairs = zip(common_a, common_b, strict=False)
    alike = takewhile(lambda pair: pair[0][0] == pair[1][0], pairs)
    return len(known_a & known_b), [(i, j) for (_, i), (_, j) in alike]


def same_ids(a: PieceFeatures, b: PieceFeatures) -> int:
    """Return how many tokens at the start have the same bytes at the same id."""
    size = min(a.pieces.size, b.pieces.size)
    same = a.pieces.take(np.arange(size)), b.pieces.take(np.arange(size))
    return next((i for i, (p, q) in enumerate(zip(*same, strict=True)) if p != q), size)


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


def _texts(features: PieceFeatures) -> list[tuple[bytes, int]]:
    ids = np.flatnonzero(features.text)
    return list(zip(features.pieces.take(ids), ids.tolist(), strict=True))
