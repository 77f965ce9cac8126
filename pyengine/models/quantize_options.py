"""How a model is quantized, and what that will write."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pyengine.models.gguf import TensorEntry, bits_per_weight


@dataclass(frozen=True, kw_only=True)
class QuantizeOptions:
    """How to quantize.

    Attributes:
        output_type: tensor type of output.weight, such as "q8_0"; None for llama.cpp's choice.
        embedding_type: tensor type of token_embd.weight; None for llama.cpp's choice.
        pure: give every tensor the file type's own tensor type, no mixture.
        overrides: pairs of a regular expression on tensor names and a tensor type.
        imatrix: importance matrix in the GGUF format of llama-imatrix.
        allow_requantize: accept a source that is quantized already.
        threads: CPU threads; the bytes written do not depend on it.
        recipe_sha256, corpus_sha256: told in the file's metadata, where rules follow a recipe: of
            it, and of the documents by which it was chosen.
    """

    output_type: str | None = None
    embedding_type: str | None = None
    pure: bool = False
    overrides: tuple[tuple[str, str], ...] = ()
    imatrix: Path | None = None
    allow_requantize: bool = False
    threads: int = 1
    recipe_sha256: str | None = None
    corpus_sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class QuantizationPlan:
    """What quantizing to one type will write: exact sizes, before anything is written.

    Attributes:
        tensors: as they will be.
        wanted: of tensors that are quantized to another type because their rows are no whole
            blocks of the one that they should have, that type.
        importance_entries: how many tensors the importance matrix names; 0 without one.
        importance_used: how many of them the source has.
        needs_importance: tensors that llama.cpp makes with their importance only. Where no matrix
            is given, the plan is what one would give.
        lacks_importance: those of them that the matrix does not name.
        rules: for each override, the tensors that it decides.
        moved: tensors that have another type because of overrides, which do not match them:
            llama.cpp counts layers by the tensors that none decides.
    """

    file_type: str
    base_type: str
    file_bytes: int
    tensors: tuple[TensorEntry, ...]
    wanted: Mapping[str, str]
    importance_entries: int = 0
    importance_used: int = 0
    needs_importance: tuple[str, ...] = ()
    lacks_importance: tuple[str, ...] = ()
    rules: tuple[tuple[str, ...], ...] = ()
    moved: tuple[str, ...] = ()

    @property
    def fallbacks(self) -> tuple[TensorEntry, ...]:
        """The tensors that have another type than they should, as they will be."""
        return tuple(tensor for tensor in self.tensors if tensor.name in self.wanted)

    @property
    def tensor_types(self) -> dict[str, int]:
        """Number of tensors of each type, the most frequent first."""
        return dict(Counter(tensor.type for tensor in self.tensors).most_common())

    @property
    def bits_per_weight(self) -> float:
        """8 * bytes of all tensors / number of weights."""
        return bits_per_weight(self.tensors)
