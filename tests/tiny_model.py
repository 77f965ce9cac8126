"""A tiny Llama with random weights and a byte-level tokenizer, the same bytes every time.

Its logits spread over more than 16 nats, so that what llama-perplexity clips is there to clip.
"""

from pathlib import Path

import gguf
import numpy as np

N_EMBD, N_FF, N_HEAD, N_LAYER = 64, 128, 4, 2
N_PADDING = 8


def byte_alphabet() -> list[str]:
    """Return GPT-2's printable character for each byte."""
    names: list[str] = []
    moved = 0
    for byte in range(256):
        printable = 33 <= byte <= 126 or 161 <= byte <= 172 or 174 <= byte <= 255
        names.append(chr(byte) if printable else chr(256 + moved))
        moved += not printable
    return names


def write_tiny_model(path: Path, *, n_extra: int = 4, seed: int = 1, spread: float = 3.5) -> Path:
    """Write the model.

    Args:
        path: the file.
        n_extra: tokens beside the 256 bytes and BOS: five merges of common pairs, then three of
            padding, then words that no text makes.
        seed: of the weights.
        spread: standard deviation of the logits, roughly.
    """
    generator = np.random.default_rng(seed)
    alphabet = byte_alphabet()
    pairs = ["i n", "r e", "e r", "t h", "o n"][:n_extra]
    tokens = [*alphabet, "<s>", *(pair.replace(" ", "") for pair in pairs)]
    tokens += [f"[PAD{i}]" for i in range(len(tokens), 257 + min(n_extra, N_PADDING))]
    tokens += [f"word{i}" for i in range(len(tokens), 257 + n_extra)]
    kinds = [gguf.TokenType.NORMAL] * len(tokens)
    kinds[256] = gguf.TokenType.CONTROL
    for i in range(257 + len(pairs), 257 + min(n_extra, N_PADDING)):
        kinds[i] = gguf.TokenType.UNUSED

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_block_count(N_LAYER)
    writer.add_context_length(2048)
    writer.add_embedding_length(N_EMBD)
    writer.add_feed_forward_length(N_FF)
    writer.add_head_count(N_HEAD)
    writer.add_head_count_kv(N_HEAD)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(pairs or ["a b"])
    writer.add_bos_token_id(256)
    writer.add_eos_token_id(256)
    writer.add_add_bos_token(True)

    def add(name: str, rows: int, columns: int, scale: float) -> None:
        weights = generator.normal(0.0, scale / np.sqrt(columns), (rows, columns))
        writer.add_tensor(name, weights.astype(np.float32))

    def add_vector(name: str) -> None:
        weights = 1.0 + 0.1 * generator.normal(size=N_EMBD)
        writer.add_tensor(name, weights.astype(np.float32))

    add("token_embd.weight", len(tokens), N_EMBD, 1.0)
    add("output.weight", len(tokens), N_EMBD, spread)
    add_vector("output_norm.weight")
    for i in range(N_LAYER):
        add_vector(f"blk.{i}.attn_norm.weight")
        add_vector(f"blk.{i}.ffn_norm.weight")
        for part in ("q", "k", "v", "output"):
            add(f"blk.{i}.attn_{part}.weight", N_EMBD, N_EMBD, 1.0)
        add(f"blk.{i}.ffn_gate.weight", N_FF, N_EMBD, 1.0)
        add(f"blk.{i}.ffn_up.weight", N_FF, N_EMBD, 1.0)
        add(f"blk.{i}.ffn_down.weight", N_EMBD, N_FF, 1.0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
