"""Tiny models of many architectures, each the least that llama.cpp loads and decodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import gguf
import numpy as np
import tiny_models
from tiny_tokenizers import CONTROL, NORMAL, Words, add_words_bpe, add_words_spm

N_LAYER, N_EMBD, N_FF, N_HEAD, N_HEAD_KV, N_CONTEXT = 2, 64, 96, 4, 2, 128
HEAD = N_EMBD // N_HEAD
N_EXPERT, N_EXPERT_USED = 4, 2
Shapes = dict[str, tuple[int, ...]]


def write(path: Path, architecture: str, *, pre: str | None = None) -> Path:
    """Write a tiny model of an architecture in ARCHITECTURES.

    Args:
        path: the file.
        architecture: its name.
        pre: the pre-tokenizer, in place of GPT-2's, of an architecture with byte-level BPE.
    """
    if architecture == "mamba":
        return tiny_models.write_mamba(path)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(N_CONTEXT)
    writer.add_embedding_length(N_EMBD)
    writer.add_block_count(N_LAYER)
    writer.add_feed_forward_length(N_FF)
    words = Words()
    TOKENIZERS.get(architecture, add_words_bpe)(writer, words)
    if pre is not None:
        writer.kv_data[0]["tokenizer.ggml.pre"].value = pre
    shapes = ARCHITECTURES[architecture](writer)
    shapes["token_embd.weight"] = (words.n_vocab, N_EMBD)
    shapes["output_norm.weight"] = (N_EMBD,)
    rng = np.random.default_rng(0)
    for name, shape in shapes.items():
        middle = 1.0 if name.endswith("norm.weight") else 0.0
        writer.add_tensor(name, rng.normal(middle, 0.2, shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def add_words_rwkv(writer: gguf.GGUFWriter, words: Words) -> None:
    """Add RWKV's tokenizer: all single bytes, some words, and padding."""
    texts = ["<s>", *(f"\\x{byte:02x}" for byte in range(256))]
    texts += [piece.decode() for piece in words.pieces() if len(piece) > 1]
    texts = [text.replace("\n", "\\n").replace("\t", "\\t") for text in texts]
    texts += [f"<pad{i}>" for i in range(len(texts), words.n_vocab)]
    writer.add_tokenizer_model("rwkv")
    writer.add_token_list(texts)
    writer.add_token_types([CONTROL, *[NORMAL] * (len(texts) - 1)])


def _attention(writer: gguf.GGUFWriter) -> None:
    writer.add_head_count(N_HEAD)
    writer.add_head_count_kv(N_HEAD_KV)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(HEAD)


def _blocks() -> Iterator[str]:
    return (f"blk.{i}." for i in range(N_LAYER))


def _gated(shapes: Shapes, block: str) -> None:
    shapes[block + "ffn_norm.weight"] = (N_EMBD,)
    shapes[block + "ffn_gate.weight"] = (N_FF, N_EMBD)
    shapes[block + "ffn_up.weight"] = (N_FF, N_EMBD)
    shapes[block + "ffn_down.weight"] = (N_EMBD, N_FF)


def _separate_heads(shapes: Shapes, block: str) -> None:
    shapes[block + "attn_norm.weight"] = (N_EMBD,)
    shapes[block + "attn_q.weight"] = (N_EMBD, N_EMBD)
    shapes[block + "attn_k.weight"] = (N_HEAD_KV * HEAD, N_EMBD)
    shapes[block + "attn_v.weight"] = (N_HEAD_KV * HEAD, N_EMBD)
    shapes[block + "attn_output.weight"] = (N_EMBD, N_EMBD)


def _llama(writer: gguf.GGUFWriter) -> Shapes:
    _attention(writer)
    shapes: Shapes = {}
    for block in _blocks():
        _separate_heads(shapes, block)
        _gated(shapes, block)
    return shapes


def _qwen2(writer: gguf.GGUFWriter) -> Shapes:
    shapes = _llama(writer)
    for block in _blocks():
        shapes[block + "attn_q.bias"] = (N_EMBD,)
        shapes[block + "attn_k.bias"] = (N_HEAD_KV * HEAD,)
        shapes[block + "attn_v.bias"] = (N_HEAD_KV * HEAD,)
    return shapes


def _qwen3(writer: gguf.GGUFWriter) -> Shapes:
    writer.add_key_length(HEAD)
    writer.add_value_length(HEAD)
    shapes = _llama(writer)
    for block in _blocks():
        shapes[block + "attn_q_norm.weight"] = (HEAD,)
        shapes[block + "attn_k_norm.weight"] = (HEAD,)
    return shapes


def _gemma3(writer: gguf.GGUFWriter) -> Shapes:
    shapes = _qwen3(writer)
    writer.add_sliding_window(16)
    for block in _blocks():
        shapes[block + "post_attention_norm.weight"] = (N_EMBD,)
        shapes[block + "post_ffw_norm.weight"] = (N_EMBD,)
    return shapes


def _phi3(writer: gguf.GGUFWriter) -> Shapes:
    _attention(writer)
    shapes: Shapes = {}
    for block in _blocks():
        shapes[block + "attn_norm.weight"] = (N_EMBD,)
        shapes[block + "attn_qkv.weight"] = (N_EMBD + 2 * N_HEAD_KV * HEAD, N_EMBD)
        shapes[block + "attn_output.weight"] = (N_EMBD, N_EMBD)
        shapes[block + "ffn_norm.weight"] = (N_EMBD,)
        shapes[block + "ffn_up.weight"] = (2 * N_FF, N_EMBD)
        shapes[block + "ffn_down.weight"] = (N_EMBD, N_FF)
    return shapes


def _gpt2(writer: gguf.GGUFWriter) -> Shapes:
    writer.add_head_count(N_HEAD)
    writer.add_layer_norm_eps(1e-5)
    shapes: Shapes = {"position_embd.weight": (N_CONTEXT, N_EMBD), "output_norm.bias": (N_EMBD,)}
    for block in _blocks():
        for name, rows, columns in (
            ("attn_qkv", 3 * N_EMBD, N_EMBD),
            ("attn_output", N_EMBD, N_EMBD),
            ("ffn_up", N_FF, N_EMBD),
            ("ffn_down", N_EMBD, N_FF),
        ):
            shapes[f"{block}{name}.weight"] = (rows, columns)
            shapes[f"{block}{name}.bias"] = (rows,)
        for name in ("attn_norm", "ffn_norm"):
            shapes[f"{block}{name}.weight"] = shapes[f"{block}{name}.bias"] = (N_EMBD,)
    return shapes


def _falcon(writer: gguf.GGUFWriter) -> Shapes:
    writer.add_head_count(N_HEAD)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_eps(1e-5)
    shapes: Shapes = {"output_norm.bias": (N_EMBD,)}
    for block in _blocks():
        shapes[block + "attn_norm.weight"] = shapes[block + "attn_norm.bias"] = (N_EMBD,)
        shapes[block + "attn_qkv.weight"] = (N_EMBD + 2 * HEAD, N_EMBD)
        shapes[block + "attn_output.weight"] = (N_EMBD, N_EMBD)
        shapes[block + "ffn_up.weight"] = (N_FF, N_EMBD)
        shapes[block + "ffn_down.weight"] = (N_EMBD, N_FF)
    return shapes


def _experts(shapes: Shapes, block: str) -> None:
    shapes[block + "ffn_norm.weight"] = (N_EMBD,)
    shapes[block + "ffn_gate_inp.weight"] = (N_EXPERT, N_EMBD)
    shapes[block + "ffn_gate_exps.weight"] = (N_EXPERT, N_FF, N_EMBD)
    shapes[block + "ffn_up_exps.weight"] = (N_EXPERT, N_FF, N_EMBD)
    shapes[block + "ffn_down_exps.weight"] = (N_EXPERT, N_EMBD, N_FF)


def _add_experts(writer: gguf.GGUFWriter) -> None:
    writer.add_expert_count(N_EXPERT)
    writer.add_expert_used_count(N_EXPERT_USED)
    writer.add_expert_feed_forward_length(N_FF)


def _qwen3moe(writer: gguf.GGUFWriter) -> Shapes:
    shapes = {name: shape for name, shape in _qwen3(writer).items() if "ffn" not in name}
    _add_experts(writer)
    for block in _blocks():
        _experts(shapes, block)
    return shapes


def _deepseek2(writer: gguf.GGUFWriter) -> Shapes:
    rotated, plain, rank = 8, 16, 32
    writer.add_head_count(N_HEAD)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(rotated)
    writer.add_q_lora_rank(rank)
    writer.add_kv_lora_rank(rank)
    writer.add_key_length(rank + rotated)
    writer.add_value_length(rank)
    writer.add_key_length_mla(plain + rotated)
    writer.add_value_length_mla(plain)
    writer.add_leading_dense_block_count(1)
    _add_experts(writer)
    writer.add_expert_shared_count(1)
    shapes: Shapes = {}
    for i, block in enumerate(_blocks()):
        shapes[block + "attn_norm.weight"] = (N_EMBD,)
        shapes[block + "attn_q_a_norm.weight"] = shapes[block + "attn_kv_a_norm.weight"] = (rank,)
        shapes[block + "attn_q_a.weight"] = (rank, N_EMBD)
        shapes[block + "attn_q_b.weight"] = (N_HEAD * (plain + rotated), rank)
        shapes[block + "attn_kv_a_mqa.weight"] = (rank + rotated, N_EMBD)
        shapes[block + "attn_k_b.weight"] = (N_HEAD, rank, plain)
        shapes[block + "attn_v_b.weight"] = (N_HEAD, plain, rank)
        shapes[block + "attn_output.weight"] = (N_EMBD, N_HEAD * plain)
        if i == 0:
            _gated(shapes, block)
            continue
        _experts(shapes, block)
        shapes[block + "ffn_gate_shexp.weight"] = (N_FF, N_EMBD)
        shapes[block + "ffn_up_shexp.weight"] = (N_FF, N_EMBD)
        shapes[block + "ffn_down_shexp.weight"] = (N_EMBD, N_FF)
    return shapes


def _rwkv(writer: gguf.GGUFWriter) -> Shapes:
    writer.add_head_count(0)
    writer.add_layer_norm_eps(1e-5)
    writer.add_wkv_head_size(64)
    shapes: Shapes = {"output_norm.bias": (N_EMBD,), "output.weight": (Words().n_vocab, N_EMBD)}
    shapes["token_embd_norm.weight"] = shapes["token_embd_norm.bias"] = (N_EMBD,)
    for block in _blocks():
        for name in ("attn_norm", "attn_norm_2", "time_mix_ln"):
            shapes[f"{block}{name}.weight"] = shapes[f"{block}{name}.bias"] = (N_EMBD,)
        for name in ("key", "value", "receptance", "output"):
            shapes[f"{block}time_mix_{name}.weight"] = (N_EMBD, N_EMBD)
        shapes[block + "channel_mix_lerp_k.weight"] = (1, 1, N_EMBD)
        shapes[block + "channel_mix_key.weight"] = (N_FF, N_EMBD)
        shapes[block + "channel_mix_value.weight"] = (N_EMBD, N_FF)
    return shapes


def _rwkv6(writer: gguf.GGUFWriter) -> Shapes:
    shapes, mix = _rwkv(writer), 16
    writer.add_time_mix_extra_dim(mix)
    writer.add_time_decay_extra_dim(mix)
    writer.add_rescale_every_n_layers(0)
    for block in _blocks():
        shapes[block + "time_mix_w1.weight"] = (5 * mix, N_EMBD)
        shapes[block + "time_mix_w2.weight"] = (5, N_EMBD, mix)
        shapes[block + "time_mix_lerp_x.weight"] = (1, 1, N_EMBD)
        shapes[block + "time_mix_lerp_fused.weight"] = (5, 1, 1, N_EMBD)
        shapes[block + "time_mix_first.weight"] = (N_EMBD // 64, 64)
        shapes[block + "time_mix_decay.weight"] = (N_EMBD,)
        shapes[block + "time_mix_decay_w1.weight"] = (mix, N_EMBD)
        shapes[block + "time_mix_decay_w2.weight"] = (N_EMBD, mix)
        shapes[block + "time_mix_gate.weight"] = (N_EMBD, N_EMBD)
        shapes[block + "channel_mix_lerp_r.weight"] = (1, 1, N_EMBD)
        shapes[block + "channel_mix_receptance.weight"] = (N_EMBD, N_EMBD)
    return shapes


def _rwkv7(writer: gguf.GGUFWriter) -> Shapes:
    shapes, rank = _rwkv(writer), 16
    writer.add_decay_lora_rank(rank)
    writer.add_iclr_lora_rank(rank)
    writer.add_value_residual_mix_lora_rank(rank)
    writer.add_gate_lora_rank(rank)
    for block in _blocks():
        for name in "wav":
            shapes[f"{block}time_mix_{name}0.weight"] = (N_EMBD,)
        for name in "wavg":
            shapes[f"{block}time_mix_{name}1.weight"] = (rank, N_EMBD)
            shapes[f"{block}time_mix_{name}2.weight"] = (N_EMBD, rank)
        shapes[block + "time_mix_lerp_fused.weight"] = (6, 1, 1, N_EMBD)
        for name in ("k_k", "k_a", "r_k"):
            shapes[f"{block}time_mix_{name}.weight"] = (N_EMBD,)
    return shapes


ARCHITECTURES: dict[str, Callable[[gguf.GGUFWriter], Shapes]] = {
    "llama": _llama,
    "qwen2": _qwen2,
    "qwen3": _qwen3,
    "gemma3": _gemma3,
    "phi3": _phi3,
    "gpt2": _gpt2,
    "mamba": _llama,  # written by tiny_models
    "rwkv6": _rwkv6,
    "rwkv7": _rwkv7,
    "qwen3moe": _qwen3moe,
    "deepseek2": _deepseek2,
    "falcon": _falcon,
}
TOKENIZERS: dict[str, Callable[[gguf.GGUFWriter, Words], None]] = {
    "llama": add_words_spm,
    "gemma3": add_words_spm,
    "phi3": add_words_spm,
    "rwkv6": add_words_rwkv,
    "rwkv7": add_words_rwkv,
}
