"""Tiny GGUF models: random weights from a seed, so the same bytes every time.

| maker | model |
| --- | --- |
| write_bpe, write_spm | a Llama that knows some keywords; `Tiny` says what it has and lacks |
| write_mamba | the same vocabulary over a recurrent state |
| write_gpt2 | the same vocabulary with a table of learned positions |
| write_plain | the least that is valid, of several architectures: to quantize, damage or sweep |
| write_spread | a Llama whose logits spread over more than 16 nats: to compare distributions |

Their tokenizers are in tiny_tokenizers.py. Vocabularies without a model are in vocabulary_files.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
from tiny_tokenizers import Words, add_letters, add_pairs, add_words_bpe, add_words_spm

N_LAYER, N_HEAD, N_HEAD_KV = 2, 4, 2
TENSORS_OF_A_PART = 10
Shapes = Iterator[tuple[str, tuple[int, ...]]]


@dataclass(frozen=True, kw_only=True)
class Tiny(Words):
    """What a model of `write_bpe`, `write_spm` or `write_mamba` is made of, beside its words."""

    seed: int = 0
    n_embd: int = 32
    scale: float = 0.2
    chat_template: str | None = None
    card: tuple[tuple[str, str], ...] = ()  # metadata, such as its name
    causal: bool = True
    weights: bool = True
    parts: int = 1  # two: name the file *-00001-of-00002.gguf


def write_bpe(path: Path, tiny: Tiny | None = None) -> Path:
    """Write a Llama with a byte-level BPE vocabulary; return the first file."""
    tiny = tiny or Tiny()
    writer = _start_tiny_llama(path, tiny)
    add_words_bpe(writer, tiny)
    return _finish_tiny_llama(writer, path, tiny)


def write_spm(path: Path, tiny: Tiny | None = None) -> Path:
    """Write a Llama with a SentencePiece vocabulary; return the first file."""
    tiny = tiny or Tiny()
    writer = _start_tiny_llama(path, tiny)
    add_words_spm(writer, tiny)
    return _finish_tiny_llama(writer, path, tiny)


def _start_tiny_llama(path: Path, tiny: Tiny) -> gguf.GGUFWriter:
    writer = _open_writer(path, "llama", tiny.parts)
    for key, value in {"general.name": f"tiny {tiny.seed}", **dict(tiny.card)}.items():
        writer.add_string(key, value)
    _add_llama_shape(writer, n_context=256, n_embd=tiny.n_embd)
    if not tiny.causal:
        writer.add_causal_attention(False)
    if tiny.chat_template is not None:
        writer.add_chat_template(tiny.chat_template)
    return writer


def _finish_tiny_llama(writer: gguf.GGUFWriter, path: Path, tiny: Tiny) -> Path:
    rng = np.random.default_rng(tiny.seed)
    for name, shape in _llama_tensors("llama", tiny.n_vocab, tiny.n_embd) if tiny.weights else ():
        middle = 1.0 if name.endswith("norm.weight") else 0.0
        writer.add_tensor(name, rng.normal(middle, tiny.scale, shape).astype(np.float32))
    _close(writer)
    return path


def write_mamba(path: Path, tiny: Tiny | None = None) -> Path:
    """Write a Mamba, which has a recurrent state, with the vocabulary of `write_bpe`."""
    tiny = tiny or Tiny()
    n_embd, inner, state, steps, kernel = tiny.n_embd, 2 * tiny.n_embd, 8, 4, 4
    writer = gguf.GGUFWriter(path, "mamba")
    writer.add_name(f"tiny mamba {tiny.seed}")
    writer.add_context_length(256)
    writer.add_embedding_length(n_embd)
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    writer.add_block_count(N_LAYER)
    writer.add_ssm_conv_kernel(kernel)
    writer.add_ssm_inner_size(inner)
    writer.add_ssm_state_size(state)
    writer.add_ssm_time_step_rank(steps)
    writer.add_layer_norm_rms_eps(1e-5)
    add_words_bpe(writer, tiny)
    rng = np.random.default_rng(tiny.seed)
    shapes = {"token_embd.weight": (tiny.n_vocab, n_embd), "output_norm.weight": (n_embd,)}
    for block in (f"blk.{i}." for i in range(N_LAYER)):
        shapes[block + "attn_norm.weight"] = (n_embd,)
        shapes[block + "ssm_in.weight"] = (2 * inner, n_embd)
        shapes[block + "ssm_conv1d.weight"] = (inner, kernel)
        shapes[block + "ssm_conv1d.bias"] = (inner,)
        shapes[block + "ssm_x.weight"] = (steps + 2 * state, inner)
        shapes[block + "ssm_dt.weight"] = (inner, steps)
        shapes[block + "ssm_dt.bias"] = (inner,)
        shapes[block + "ssm_a"] = (inner, state)
        shapes[block + "ssm_d"] = (inner,)
        shapes[block + "ssm_out.weight"] = (n_embd, inner)
    for name, shape in shapes.items():
        values = rng.normal(1.0 if "norm" in name else 0.0, tiny.scale, shape)
        # A state that decays: what ssm_a holds is negative.
        writer.add_tensor(name, (-np.exp(values) if "ssm_a" in name else values).astype(np.float32))
    _close(writer)
    return path


def write_gpt2(path: Path, tiny: Tiny | None = None, *, n_positions: int = 64) -> Path:
    """Write a GPT-2, which has learned positions, with the vocabulary of `write_bpe`."""
    tiny = tiny or Tiny()
    n_embd, n_ff = tiny.n_embd, 4 * tiny.n_embd
    writer = gguf.GGUFWriter(path, "gpt2")
    writer.add_name(f"tiny gpt2 {tiny.seed}")
    writer.add_context_length(n_positions)
    writer.add_embedding_length(n_embd)
    writer.add_block_count(N_LAYER)
    writer.add_feed_forward_length(n_ff)
    writer.add_head_count(N_HEAD)
    writer.add_layer_norm_eps(1e-5)
    add_words_bpe(writer, tiny)
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (tiny.n_vocab, n_embd),
        "position_embd.weight": (n_positions, n_embd),
        "output_norm.weight": (n_embd,),
        "output_norm.bias": (n_embd,),
    }
    for block in (f"blk.{i}." for i in range(N_LAYER)):
        for name, rows, columns in (
            ("attn_qkv", 3 * n_embd, n_embd),
            ("attn_output", n_embd, n_embd),
            ("ffn_up", n_ff, n_embd),
            ("ffn_down", n_embd, n_ff),
        ):
            shapes[f"{block}{name}.weight"] = (rows, columns)
            shapes[f"{block}{name}.bias"] = (rows,)
        for name in ("attn_norm", "ffn_norm"):
            shapes[f"{block}{name}.weight"] = shapes[f"{block}{name}.bias"] = (n_embd,)
    rng = np.random.default_rng(tiny.seed)
    for name, shape in shapes.items():
        middle = 1.0 if name.endswith("norm.weight") else 0.0
        writer.add_tensor(name, rng.normal(middle, tiny.scale, shape).astype(np.float32))
    _close(writer)
    return path


def write_plain(
    path: Path,
    *,
    architecture: str = "llama",
    n_vocab: int = 288,
    n_embd: int = 32,
    scale: float = 0.05,
    parts: int = 1,
    half_biases: bool = False,
) -> Path:
    """Write llama, or what is shaped like it, such as gemma or dream; return the first file.

    `qwen2` has byte-level BPE. Its biases are vectors of float32, or with `half_biases` matrices of
    one row of float16, with which nothing can be computed.
    """
    writer = _open_writer(path, architecture, parts)
    _add_llama_shape(writer, n_context=128, n_embd=n_embd)
    writer.add_rope_freq_base(10000.0)
    add_letters(writer, architecture, n_vocab)
    rng = np.random.default_rng(0)
    for name, shape in _llama_tensors(architecture, n_vocab, n_embd):
        weights = rng.normal(0.0, scale, shape)
        if half_biases and name.endswith(".bias"):
            writer.add_tensor(name, weights.astype(np.float16).reshape(1, -1))
        else:
            writer.add_tensor(name, weights.astype(np.float32))
    _close(writer)
    return path


def write_spread(
    path: Path, *, n_extra: int = 4, seed: int = 1, spread: float = 3.5, n_head: int = N_HEAD
) -> Path:
    """Write a Llama with likely and unlikely tokens: what llama-perplexity clips is there to clip.

    Args:
        path: the file.
        n_extra: tokens beside the 256 bytes and BOS, as `add_pairs` makes them.
        seed: of the weights.
        spread: standard deviation of the logits, roughly.
        n_head: attention heads, of 64 numbers together.
    """
    n_embd, n_ff = 64, 128
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_block_count(N_LAYER)
    writer.add_context_length(2048)
    writer.add_embedding_length(n_embd)
    writer.add_feed_forward_length(n_ff)
    writer.add_head_count(n_head)
    writer.add_head_count_kv(n_head)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    n_vocab = add_pairs(writer, n_extra)
    rng = np.random.default_rng(seed)

    def add(name: str, rows: int, columns: int, scale: float = 1.0) -> None:
        weights = rng.normal(0.0, scale / np.sqrt(columns), (rows, columns))
        writer.add_tensor(name, weights.astype(np.float32))

    def add_norm(name: str) -> None:
        writer.add_tensor(name, (1.0 + 0.1 * rng.normal(size=n_embd)).astype(np.float32))

    add("token_embd.weight", n_vocab, n_embd)
    add("output.weight", n_vocab, n_embd, spread)
    add_norm("output_norm.weight")
    for i in range(N_LAYER):
        add_norm(f"blk.{i}.attn_norm.weight")
        add_norm(f"blk.{i}.ffn_norm.weight")
        for part in ("q", "k", "v", "output"):
            add(f"blk.{i}.attn_{part}.weight", n_embd, n_embd)
        add(f"blk.{i}.ffn_gate.weight", n_ff, n_embd)
        add(f"blk.{i}.ffn_up.weight", n_ff, n_embd)
        add(f"blk.{i}.ffn_down.weight", n_embd, n_ff)
    _close(writer)
    return path


def _open_writer(path: Path, architecture: str, parts: int) -> gguf.GGUFWriter:
    if parts == 1:
        return gguf.GGUFWriter(path, architecture)
    # A split writer puts the part numbers into the names itself.
    name = path.with_name(path.name.replace("-00001-of-00002", ""))
    return gguf.GGUFWriter(name, architecture, split_max_tensors=TENSORS_OF_A_PART)


def _add_llama_shape(writer: gguf.GGUFWriter, *, n_context: int, n_embd: int) -> None:
    writer.add_context_length(n_context)
    writer.add_embedding_length(n_embd)
    writer.add_block_count(N_LAYER)
    writer.add_feed_forward_length(2 * n_embd)
    writer.add_head_count(N_HEAD)
    writer.add_head_count_kv(N_HEAD_KV)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(n_embd // N_HEAD)


def _llama_tensors(architecture: str, n_vocab: int, n_embd: int) -> Shapes:
    """Yield names and shapes; the output is tied to the embedding."""
    n_kv, n_ff = n_embd // N_HEAD * N_HEAD_KV, 2 * n_embd
    yield "token_embd.weight", (n_vocab, n_embd)
    yield "output_norm.weight", (n_embd,)
    for i in range(N_LAYER):
        block = f"blk.{i}."
        yield block + "attn_norm.weight", (n_embd,)
        for name, rows in (("attn_q", n_embd), ("attn_k", n_kv), ("attn_v", n_kv)):
            yield f"{block}{name}.weight", (rows, n_embd)
            if architecture == "qwen2":
                yield f"{block}{name}.bias", (rows,)
        if architecture == "qwen3":
            yield block + "attn_q_norm.weight", (n_embd // N_HEAD,)
            yield block + "attn_k_norm.weight", (n_embd // N_HEAD,)
        yield block + "attn_output.weight", (n_embd, n_embd)
        yield block + "ffn_norm.weight", (n_embd,)
        yield block + "ffn_gate.weight", (n_ff, n_embd)
        yield block + "ffn_up.weight", (n_ff, n_embd)
        yield block + "ffn_down.weight", (n_embd, n_ff)


def _close(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
