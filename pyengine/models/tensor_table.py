"""The tensors of a model file, as far as they tell what separates it from another.

llama.cpp tells a file's most common type only. The table tells which tensors differ between two
files that carry the same label, and the small unquantized tensors tell whether two files hold the
same trained weights.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pyengine.models import gguf


@dataclass(frozen=True)
class TensorTable:
    """All tensors of one model, over all parts of a split one.

    Attributes:
        types: ggml's name of each tensor's type.
        shapes: of each tensor.
        vectors_sha256: hash over the one-dimensional float32 tensors (norms and biases), which
            quantization leaves as they are; "" where there is none.
    """

    types: Mapping[str, str]
    shapes: Mapping[str, tuple[int, ...]]
    vectors_sha256: str


def read_tensor_table(path: str | Path) -> TensorTable:
    """Read the tables of a model file; of a split model, name its first part.

    Raises:
        ModelFileError: the file is not a sound GGUF.
    """
    entries = gguf.read_tensor_table(path)
    return TensorTable(
        types={entry.name: entry.type for entry in entries},
        shapes={entry.name: entry.shape for entry in entries},
        vectors_sha256=_hash(gguf.read_float_vectors(path)),
    )


def _hash(vectors: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, content in sorted(vectors.items()):
        digest.update(name.encode() + b"\0" + content)
    return digest.hexdigest() if vectors else ""
