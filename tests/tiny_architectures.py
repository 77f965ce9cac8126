"""Tiny models of many architectures, each the least that llama.cpp loads and decodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
import tiny_models
from tiny_tokenizers import CONTROL, NORMAL, Words, add_words_bpe, add_words_spm

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How large a model is. Its heads are `n_embd / n_head` wide, RWKV's 64."""

    n_vocab: int = Words().n_vocab
    n_layer: int = 2
    n_embd: int = 64
    n_ff: int = 96
    n_head: int = 4
    n_head_kv: int = 2
    n_context: int = 128
    n_expert: int = 4
    n_expert_used: int = 2
    window: int = 16
    rank: int = 32  # of the keys and values of multi-head latent attention

    @property
    def head(self) -> int:
        return self.n_embd // self.n_head


def write(
    path: Path, architecture: str, *, pre: str | None = None, sizes: Sizes | None = None
) -> Path:
    """Write a tiny model of an architecture.

    Args:
        path: the file.
        architecture: its name, in ARCHITECTURES or HYBRIDS.
        pre: the pre-tokenizer, in place of GPT-2's, of an architecture with byte-level BPE.
        sizes: of the model; a Mamba takes only n_vocab and n_embd.
    """
    of = sizes or Sizes()
    if architecture == "mamba":
        tiny = tiny_models.Tiny(n_vocab=of.n_vocab, n_embd=of.n_embd) if sizes else None
        return tiny_models.write_mamba(path, tiny)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(of.n_context)
    writer.add_embedding_length(of.n_embd)
    writer.add_block_count(of.n_layer)
    writer.add_feed_forward_length(of.n_ff)
    words = Words(n_vocab=of.n_vocab)
    TOKENIZERS.get(architecture, add_words_bpe)(writer, words)
    if pre is not None:
        writer.kv_data[0]["tokenizer.ggml.pre"].value = pre
    shapes = {**ARCHITECTURES, **HYBRIDS}[architecture](writer, of)
    shapes["token_embd.weight"] = (of.n_vocab, of.n_embd)
    shapes["output_norm.weight"] = (of.n_embd,)
    rng = np.random.default_rng(0)
    for name, shape in shapes.items():
        middle = 1.0 if name.endswith("norm.weight") else 0.0
        values = rng.normal(middle, 0.2, shape)
        # A state that decays: what ssm_a holds is negative.
        values = -np.exp(values) if name.endswith("ssm_a") else values
        writer.add_tensor(name, values.astype(np.float32))
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


def _attention(writer: gguf.GGUFWriter, of: Sizes) -> None:
    writer.add_head_count(of.n_head)
    writer.add_head_count_kv(of.n_head_kv)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(of.head)


def _blocks(of: Sizes) -> Iterator[str]:
    return (f"blk.{i}." for i in range(of.n_layer))


def _gated(shapes: Shapes, block: str, of: Sizes) -> None:
    shapes[block + "ffn_norm.weight"] = (of.n_embd,)
    shapes[block + "ffn_gate.weight"] = (of.n_ff, of.n_embd)
    shapes[block + "ffn_up.weight"] = (of.n_ff, of.n_embd)
    shapes[block + "ffn_down.weight"] = (of.n_embd, of.n_ff)


def _separate_heads(shapes: Shapes, block: str, of: Sizes) -> None:
    shapes[block + "attn_norm.weight"] = (of.n_embd,)
    shapes[block + "attn_q.weight"] = (of.n_embd, of.n_embd)
    shapes[block + "attn_k.weight"] = (of.n_head_kv * of.head, of.n_embd)
    shapes[block + "attn_v.weight"] = (of.n_head_kv * of.head, of.n_embd)
    shapes[block + "attn_output.weight"] = (of.n_embd, of.n_embd)


def _llama(writer: gguf.GGUFWriter, of: Sizes) -> Shapes:
    _attention(writer, of)
    shapes: Shapes = {}
    for block in _blocks(of):
        _separate_heads(shapes, block, of)
        _gated(shapes, block, of)
    return shapes


def _qwen2(writer: gguf.GGUFWriter, of: Sizes) -> Shapes:
    shapes = _llama(writer, of)
    for block in _blocks(of):
        shapes[block + "attn_q.bias"] = (of.n_embd,)
        shapes[block + "attn_k.bias"] = (of.n_head_kv * of.head,)
        shapes[block + "attn_v.bias"] = (of.n_head_kv * of.head,)
    return shapes


def _qwen3(writer: gguf.GGUFWriter, of: Sizes) -> Shapes:
    writer.add_key_length(of.head)
    writer.add_value_length(of.head)
    shapes = _llama(writer, of)
    for block in _blocks(of):
        shapes[block + "attn_q_norm.weight"] = (of.head,)
        shapes[block + "attn_k_norm.weight"] = (of.head,)
    return shapes


def _gemma3(writer: gguf.GGUFWriter, of: Sizes) -> Shapes:
    shapes = _qwen3(writer, of)
    writer.add_sliding_window(of.window)
    for block in _blocks(of):
        shapes[block + "post_attention_norm.weight"] = (of.n_embd,)
        shapes[block + "post_ffw_norm.weight"] = (of.n_embd,)
    return shapes


def _phi3(writer: gguf.GGUFWriter, of: Sizes) -> Shapes:
    _attention(writer, of)
    shapes: Shapes = {}
    for block in _blocks(of):
        shapes[block + "attn_norm.weight"] = (of.n_embd,)
        shapes[block + "attn_qkv.weight"] = (of.n_embd + 2 * of.n_head_kv * of.head, of.n_embd)
        shapes[block + "attn_output.weight"] = (of.n_embd, of.n_embd)
        shapes[block + "ffn_norm.weight"] = (of.n_embd,)
        shapes[block + "ffn_up.weight"] = (2 * of.n_ff, of.n_embd)
        shapes[block + "ffn_down.weight"] = (of.n_embd, of.n_ff)
    return shapes


def _gpt2(writer: gguf.GGUFWriter, of: Sizes) -> Shapes:
    writer.add_head_count(of.n_head)
    writer.add_layer_norm_eps(1e-5)
    shapes: Shapes = {
        "position_embd.weight": (of.n_context, of.n_embd),
        "output_norm.bias": (of.n_embd,),
    }
    for block in _blocks(of):
        for name, rows, columns in (
            ("attn_qkv", 3 * of.n_embd, of.n_embd),
            ("attn_output", of.n_embd, of.n_embd),
            ("ffn_up", of.n_ff, of.n_embd),
            ("ffn_down", of.n_embd, of.n_ff),
        ):
            shapes[f"{block}{name}.weight"] = (rows, columns)
            shapes[f"{block}{name}.bias"] = (rows,)
        for name in ("attn_norm", "ffn_norm"):
            shapes[f"{block}{name}.weight"] = shapes[f"{block}{name}.bias"] = (of.n_embd,)
    return shapes


def _falcon(writer: gguf.GGUFWriter, of: Sizes) -> Shapes:
    writer.add_head_count(of.n_head)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_eps(1e-5)
    shapes: Shapes = {"output_norm.bias": (of.n_embd,)}
    for block in _blocks(of):
        shapes[block + "attn_norm.weight"] = shapes[block + "attn_norm.bias"] = (of.n_embd,)
        shapes[block + "attn_qkv.weight"] = (of.n_embd + 2 * of.head, of.n_embd)
        shapes[block + "attn_output.weight"] = (of.n_embd, of.n_embd)
        shapes[block + "ffn_up.weight"] = (of.n_ff, of.n_embd)
        shapes[block + "ffn_down.weight"] = (of.n_embd, of.n_ff)
    return shapes


def _experts(shapes: Shapes, block: str, of: Sizes) -> None:
    shapes[block + "ffn_norm.weight"] = (of.n_embd,)
    shapes[block + "ffn_gate_inp.weight"] = (of.n_expert, of.n_embd)
    shapes[block + "ffn_gate_exps.weight"] = (of.n_expert, of.n_ff, of.n_embd)
    shapes[block + "ffn_up_exps.weight"] = (of.n_expert, of.n_ff, of.n_embd)
    shapes[block + "ffn_down_exps.weight"] = (of.n_expert, of.n_embd, of.n_ff)


def _add_experts(writer: gguf.GGUFWriter, of: Sizes) -> None:
    writer.add_expert_count(of.n_expert)
    writer.add_expert_used_count(of.n_expert_used)
    writer.add_expert_feed_forward_length(of.n_ff)


def _qwen3moe(writer: gguf.GGUFWriter, of: Sizes) -> Shapes:
    shapes = {name: shape for name, shape in _qwen3(writer, of).items() if "ffn" not in name}
    _add_experts(writer, of)
    for block in _blocks(of):
        _experts(shapes, block, of)
    return shapes


def _deepseek2(writer: gguf.GGUFWriter, of: Sizes) -> Shapes:
    rotated, plain, rank = of.head // 2, of.head, of.rank
    writer.add_head_count(of.n_head)
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
    _add_experts(writer, of)
    writer.add_expert_shared_count(1)
    shapes: Shapes = {}
    for i, block in enumerate(_blocks(of)):
        shapes[block + "attn_norm.weight"] = (of.n_embd,)
        shapes[block + "attn_q_a_norm.weight"] = shapes[block + "attn_kv_a_norm.weight"] = (rank,)
        shapes[block + "attn_q_a.weight"] = (rank, of.n_embd)
        shapes[block + "attn_q_b.weight"] = (of.n_head * (plain + rotated), rank)
        shapes[block + "attn_kv_a_mqa.weight"] = (rank + rotated, of.n_embd)
        shapes[block + "attn_k_b.weight"] = (of.n_head, rank, plain)
        shapes[block + "attn_v_b.weight"] = (of.n_head, plain, rank)
        shapes[block + "attn_output.weight"] = (of.n_embd, of.n_head * plain)
        if i == 0:
            _gated(shapes, block, of)
            continue
        _experts(shapes, block, of)
        shapes[block + "ffn_gate_shexp.weight"] = (of.n_ff, of.n_embd)
        shapes[block + "ffn_up_shexp.weight"] = (of.n_ff, of.n_embd)
        shapes[block + "ffn_down_shexp.weight"] = (of.n_embd, of.n_ff)
    return shapes


def _rwkv(writer: gguf.GGUFWriter, of: Sizes) -> Shapes:
    writer.add_head_count(0)
    writer.add_layer_norm_eps(1e-5)
    writer.add_wkv_head_size(64)
    shapes: Shapes = {"output_norm.bias": (of.n_embd,), "output.weight": (of.n_vocab, of.n_embd)}
    shapes["token_embd_norm.weight"] = shapes["token_embd_norm.bias"] = (of.n_embd,)
    for block in _blocks(of):
        for name in ("attn_norm", "attn_norm_2", "time_mix_ln"):
            shapes[f"{block}{name}.weight"] = shapes[f"{block}{name}.bias"] = (of.n_embd,)
        for name in ("key", "value", "receptance", "output"):
            shapes[f"{block}time_mix_{name}.weight"] = (of.n_embd, of.n_embd)
        shapes[block + "channel_mix_lerp_k.weight"] = (1, 1, of.n_embd)
        shapes[block + "channel_mix_key.weight"] = (of.n_ff, of.n_embd)
        shapes[block + "channel_mix_value.weight"] = (of.n_embd, of.n_ff)
    return shapes


def _rwkv6(writer: gguf.GGUFWriter, of: Sizes) -> Shapes:
    shapes, mix = _rwkv(writer, of), 16
    writer.add_time_mix_extra_dim(mix)
    writer.add_time_decay_extra_dim(mix)
    writer.add_rescale_every_n_layers(0)
    for block in _blocks(of):
        shapes[block + "time_mix_w1.weight"] = (5 * mix, of.n_embd)
        shapes[block + "time_mix_w2.weight"] = (5, of.n_embd, mix)
        shapes[block + "time_mix_lerp_x.weight"] = (1, 1, of.n_embd)
        shapes[block + "time_mix_lerp_fused.weight"] = (5, 1, 1, of.n_embd)
        shapes[block + "time_mix_first.weight"] = (of.n_embd // 64, 64)
        shapes[block + "time_mix_decay.weight"] = (of.n_embd,)
        shapes[block + "time_mix_decay_w1.weight"] = (mix, of.n_embd)
        shapes[block + "time_mix_decay_w2.weight"] = (of.n_embd, mix)
        shapes[block + "time_mix_gate.weight"] = (of.n_embd, of.n_embd)
        shapes[block + "channel_mix_lerp_r.weight"] = (1, 1, of.n_embd)
        shapes[block + "channel_mix_receptance.weight"] = (of.n_embd, of.n_embd)
    return shapes


def _rwkv7(writer: gguf.GGUFWriter, of: Sizes) -> Shapes:
    shapes, rank = _rwkv(writer, of), 16
    writer.add_decay_lora_rank(rank)
    writer.add_iclr_lora_rank(rank)
    writer.add_value_residual_mix_lora_rank(rank)
    writer.add_gate_lora_rank(rank)
    for block in _blocks(of):
        for name in "wav":
            shapes[f"{block}time_mix_{name}0.weight"] = (of.n_embd,)
        for name in "wavg":
            shapes[f"{block}time_mix_{name}1.weight"] = (rank, of.n_embd)
            shapes[f"{block}time_mix_{name}2.weight"] = (of.n_embd, rank)
        shapes[block + "time_mix_lerp_fused.weight"] = (6, 1, 1, of.n_embd)
        for name in ("k_k", "k_a", "r_k"):
            shapes[f"{block}time_mix_{name}.weight"] = (of.n_embd,)
    return shapes


def _jamba(writer: gguf.GGUFWriter, of: Sizes) -> Shapes:
    """Add a first layer with a recurrent state, and others with attention."""
    inner, state, steps, kernel = 2 * of.n_embd, 8, 4, 4
    writer.add_head_count(of.n_head)
    writer.add_head_count_kv([0, *[of.n_head_kv] * (of.n_layer - 1)])
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_ssm_conv_kernel(kernel)
    writer.add_ssm_inner_size(inner)
    writer.add_ssm_state_size(state)
    writer.add_ssm_time_step_rank(steps)
    shapes: Shapes = {}
    for i, block in enumerate(_blocks(of)):
        _gated(shapes, block, of)
        if i > 0:
            _separate_heads(shapes, block, of)
            continue
        shapes[block + "attn_norm.weight"] = (of.n_embd,)
        shapes[block + "ssm_in.weight"] = (2 * inner, of.n_embd)
        shapes[block + "ssm_conv1d.weight"] = (inner, kernel)
        shapes[block + "ssm_x.weight"] = (steps + 2 * state, inner)
        shapes[block + "ssm_dt.weight"] = (inner, steps)
        for name in ("ssm_conv1d.bias", "ssm_dt.bias", "ssm_d"):
            shapes[block + name] = (inner,)
        shapes[block + "ssm_dt_norm.weight"] = (steps,)
        shapes[block + "ssm_b_norm.weight"] = shapes[block + "ssm_c_norm.weight"] = (state,)
        shapes[block + "ssm_a"] = (inner, state)
        shapes[block + "ssm_out.weight"] = (of.n_embd, inner)
    return shapes


ARCHITECTURES: dict[str, Callable[[gguf.GGUFWriter, Sizes], Shapes]] = {
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
# With a recurrent state in some layers and attention in others.
HYBRIDS: dict[str, Callable[[gguf.GGUFWriter, Sizes], Shapes]] = {"jamba": _jamba}
TOKENIZERS: dict[str, Callable[[gguf.GGUFWriter, Words], None]] = {
    "llama": add_words_spm,
    "gemma3": add_words_spm,
    "phi3": add_words_spm,
    "rwkv6": add_words_rwkv,
    "rwkv7": add_words_rwkv,
}
