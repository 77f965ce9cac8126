"""Write a GGUF of random weights with the shape of Qwen2.5-0.5B, for benchmarks.

    python benchmarks/random_model.py OUT.gguf [--vocabulary VOCAB.gguf] [--type Q4_0] [--layers N]

The weights are random numbers of one type (with Q4_0, Q8_0 for the embedding, which is also the
output), so the arithmetic and the memory traffic are those of a real file and its words are not.
The tokenizer is copied from VOCAB.gguf, or invented in the same size.
"""

import argparse
from pathlib import Path

import gguf
import numpy as np

N_VOCAB, N_EMBD, N_FF, N_HEAD, N_HEAD_KV, N_LAYER = 151_936, 896, 4864, 14, 2, 24
BLOCK = 32
FILE_TYPES = {
    "Q4_0": gguf.LlamaFileType.MOSTLY_Q4_0,
    "Q8_0": gguf.LlamaFileType.MOSTLY_Q8_0,
    "BF16": gguf.LlamaFileType.MOSTLY_BF16,
    "F16": gguf.LlamaFileType.MOSTLY_F16,
    "F32": gguf.LlamaFileType.ALL_F32,
}


def random_weights(rng: np.random.Generator, rows: int, columns: int, kind: str) -> np.ndarray:
    """Return random weights of a type, as the bytes or numbers that the file holds."""
    if kind in ("Q4_0", "Q8_0"):
        return random_blocks(rng, rows, columns, kind)
    weights = rng.standard_normal((rows, columns), dtype=np.float32) * np.float32(0.02)
    if kind == "BF16":
        return (weights.view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)
    return weights.astype(np.float16) if kind == "F16" else weights


def random_blocks(rng: np.random.Generator, rows: int, columns: int, kind: str) -> np.ndarray:
    """Return random quantized blocks: a float16 scale, then 4- or 8-bit weights."""
    n_bytes = {"Q4_0": 16, "Q8_0": 32}[kind]
    scale = np.float16({"Q4_0": 0.02, "Q8_0": 0.001}[kind])
    blocks = np.empty((rows, columns // BLOCK, 2 + n_bytes), dtype=np.uint8)
    blocks[:, :, :2] = np.frombuffer(scale.tobytes(), dtype=np.uint8)
    blocks[:, :, 2:] = rng.integers(0, 256, size=(rows, columns // BLOCK, n_bytes), dtype=np.uint8)
    return blocks.reshape(rows, -1)


def add_tokenizer(writer: gguf.GGUFWriter, vocabulary: Path | None) -> None:
    """Copy a tokenizer's metadata, or invent one of the same size."""
    if vocabulary is None:
        alphabet = [chr(code) for code in range(33, 127)]
        tokens = alphabet + [f"Ġword{i}" for i in range(N_VOCAB - len(alphabet))]
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("qwen2")
        writer.add_token_list(tokens)
        writer.add_token_types([gguf.TokenType.NORMAL] * N_VOCAB)
        writer.add_token_merges(["a b"])
        writer.add_bos_token_id(N_VOCAB - 1)
        writer.add_eos_token_id(N_VOCAB - 1)
        return
    for field in gguf.GGUFReader(vocabulary).fields.values():
        if field.name.startswith("tokenizer."):
            sub = field.types[1] if len(field.types) > 1 else None
            writer.add_key_value(field.name, field.contents(), field.types[0], sub_type=sub)


def add_tensors(writer: gguf.GGUFWriter, n_layer: int, file_type: str) -> None:
    """Write random tensors."""
    rng = np.random.default_rng(0)

    def add(name: str, rows: int, columns: int, kind: str = file_type) -> None:
        data = random_weights(rng, rows, columns, kind)
        writer.add_tensor(name, data, raw_dtype=gguf.GGMLQuantizationType[kind])

    def add_vector(name: str, length: int) -> None:
        writer.add_tensor(name, np.ones(length, dtype=np.float32))

    add("token_embd.weight", N_VOCAB, N_EMBD, "Q8_0" if file_type == "Q4_0" else file_type)
    add_vector("output_norm.weight", N_EMBD)
    n_kv = N_EMBD * N_HEAD_KV // N_HEAD
    for i in range(n_layer):
        add_vector(f"blk.{i}.attn_norm.weight", N_EMBD)
        add_vector(f"blk.{i}.ffn_norm.weight", N_EMBD)
        for part, rows in (("q", N_EMBD), ("k", n_kv), ("v", n_kv)):
            add(f"blk.{i}.attn_{part}.weight", rows, N_EMBD)
            add_vector(f"blk.{i}.attn_{part}.bias", rows)
        add(f"blk.{i}.attn_output.weight", N_EMBD, N_EMBD)
        add(f"blk.{i}.ffn_gate.weight", N_FF, N_EMBD)
        add(f"blk.{i}.ffn_up.weight", N_FF, N_EMBD)
        add(f"blk.{i}.ffn_down.weight", N_EMBD, N_FF)


def write_model(
    path: Path, vocabulary: Path | None, *, n_layer: int = N_LAYER, file_type: str = "Q4_0"
) -> None:
    """Write the whole file."""
    writer = gguf.GGUFWriter(path, "qwen2")
    writer.add_block_count(n_layer)
    writer.add_context_length(32768)
    writer.add_embedding_length(N_EMBD)
    writer.add_feed_forward_length(N_FF)
    writer.add_head_count(N_HEAD)
    writer.add_head_count_kv(N_HEAD_KV)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e6)
    writer.add_file_type(FILE_TYPES[file_type])
    add_tokenizer(writer, vocabulary)
    add_tensors(writer, n_layer, file_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--vocabulary", type=Path)
    parser.add_argument("--type", choices=sorted(FILE_TYPES), default="Q4_0")
    parser.add_argument("--layers", type=int, default=N_LAYER)
    arguments = parser.parse_args()
    write_model(
        arguments.out,
        arguments.vocabulary,
        n_layer=arguments.layers,
        file_type=arguments.type,
    )
