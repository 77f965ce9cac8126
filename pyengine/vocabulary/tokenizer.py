"""One model's tokenizer, with what is derived from its pieces."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pyengine._core import gguf_int32_list
from pyengine.errors import TokenizerError
from pyengine.vocabulary.piece_features import PieceFeatures
from pyengine.vocabulary.sharing import cl100k_ranks
from pyengine.vocabulary.token_classes import TokenClasses, classify
from pyengine.vocabulary.tokens import Pieces, TokenKind

if TYPE_CHECKING:
    from pyengine.models.model import Model


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
        """Places in the order of cl100k_base, see sharing.cl100k_ranks."""
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
