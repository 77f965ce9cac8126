"""LoRA adapters as GGUF files, and the model files that they are merged into."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
ALPHA = 8.0
# Of `write_bpe` with 128 numbers in an embedding: (rows, columns) of some of its matrices.
SHAPES = {"blk.0.attn_q.weight": (128, 128), "blk.1.ffn_down.weight": (128, 256)}


def pairs_of(shapes: Mapping[str, tuple[int, int]], *, rank: int = 4) -> dict[str, Floats]:
    """Return the two matrices of each weight by the names that an adapter gives them."""
    rng = np.random.default_rng(1)
    found = {}
    for name, (rows, columns) in shapes.items():
        found[f"{name}.lora_a"] = rng.normal(0, 0.1, (rank, columns)).astype(np.float32)
        found[f"{name}.lora_b"] = rng.normal(0, 0.1, (rows, rank)).astype(np.float32)
    return found


def write_adapter(
    path: Path,
    tensors: Mapping[str, Floats],
    *,
    architecture: str = "llama",
    kind: str = "adapter",
    texts: Mapping[str, str] | None = None,
    alpha: float = ALPHA,
) -> Path:
    """Write an adapter; `texts` are further metadata."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type(kind)
    for key, value in {"adapter.type": "lora", **(texts or {})}.items():
        writer.add_string(key, value)
    writer.add_float32("adapter.lora.alpha", alpha)
    for name, values in tensors.items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_merged(path: Path, base: Path, tensors: Mapping[str, Floats], scale: float) -> Path:
    """Write a model whose weights are W + scale alpha / rank B A (Hu et al. 2021)."""
    shutil.copyfile(base, path)
    reader = gguf.GGUFReader(path, "r+")
    for tensor in reader.tensors:
        if (a := tensors.get(f"{tensor.name}.lora_a")) is not None:
            b = tensors[f"{tensor.name}.lora_b"]
            tensor.data[...] += scale * ALPHA / len(a) * (b @ a)
    reader.data.flush()
    return path
