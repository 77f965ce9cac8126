"""Tiny GGUF models for tests: random weights from a seed, real tokenizer structure.

Everything that a test needs of a model and a fresh clone does not have: a vocabulary whose
words are known, a start without BOS, a chat template, padding rows, a split file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
from damage import tensor_shapes
from tiny_model import byte_alphabet

NORMAL, UNKNOWN, CONTROL, UNUSED, BYTE = 1, 2, 3, 5, 6
# One token each, bare and after a space; every other keyword is split into bytes.
WORDS = ("import", "return", "if", "for", "while", "class", "def", "int", "new", "func", "fn")
SPACED_ONLY = ("else", "static")
SHAPED = ("\ndef", "\tif", "If", "RETURN", "    ", "\n\n", "the", "house", "water", "and", "not")
MERGED = ("retu", "rn")
ENGLISH = ("people", "mother", "with", "get", "about", "under", "you", "his", "one", "at", "it")
FIM = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")


@dataclass(frozen=True, kw_only=True)
class Tiny:
    """What a tiny model is made of. Control tokens come after the words, padding rows last."""

    seed: int = 0
    n_vocab: int = 384
    n_embd: int = 32
    scale: float = 0.2
    bos: bool = True
    eos: bool = True
    fim: bool = True
    newline: bool = True
    chat_template: str | None = None
    causal: bool = True
    weights: bool = True
    parts: int = 1
    byte_tokens: bool = True
    extra_words: tuple[str, ...] = ()


def pieces(tiny: Tiny) -> list[bytes]:
    """The exact bytes of every token that is text, in id order."""
    single = [bytes([byte]) for byte in range(256) if tiny.newline or byte != 10]
    words = [
        *WORDS,
        *(f" {word}" for word in (*WORDS, *SPACED_ONLY)),
        *SHAPED,
        *MERGED,
        *ENGLISH,
        *tiny.extra_words,
    ]
    return [*single, *(word.encode() for word in words if tiny.newline or "\n" not in word)]


def controls(tiny: Tiny) -> list[str]:
    """The control tokens, in id order after the text."""
    marks = (["<|begin|>"] if tiny.bos else []) + (["<|end|>"] if tiny.eos else [])
    return marks + (list(FIM) if tiny.fim else [])


def padding(tiny: Tiny) -> list[int]:
    """The ids of the rows that belong to no token."""
    return list(range(len(pieces(tiny)) + len(controls(tiny)), tiny.n_vocab))


def write_bpe(path: Path, tiny: Tiny | None = None) -> Path:
    """Write a two-layer Llama with a byte-level BPE vocabulary; return the first file."""
    tiny = tiny or Tiny()
    writer = _writer(path, tiny)
    _add_bpe(writer, tiny)
    return _finish(writer, path, tiny)


def _add_bpe(writer: gguf.GGUFWriter, tiny: Tiny) -> None:
    characters = byte_alphabet()
    text = ["".join(characters[byte] for byte in piece) for piece in pieces(tiny)]
    tokens = [*text, *controls(tiny)]
    kinds = [NORMAL] * len(text) + [CONTROL] * len(controls(tiny))
    tokens += [f"[PAD{i}]" for i in padding(tiny)]
    kinds += [UNUSED] * len(padding(tiny))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(["r e", "t u", "re tu", "r n", "retu rn", "i f", "Ġ if"])
    names = {"bos": "<|begin|>", "eos": "<|end|>"}
    for name, mark in names.items():
        # Without a declaration llama.cpp takes GPT-2's id 11, so an absent one is declared absent.
        declared = tokens.index(mark) if mark in tokens else 2**32 - 1
        writer.add_uint32(f"tokenizer.ggml.{name}_token_id", declared)
    writer.add_add_bos_token(tiny.bos)


def write_mamba(path: Path, tiny: Tiny | None = None) -> Path:
    """Write a two-layer Mamba, which has a recurrent state, with the same vocabulary."""
    tiny = tiny or Tiny()
    n_embd, inner, state, steps, kernel = tiny.n_embd, 2 * tiny.n_embd, 8, 4, 4
    writer = gguf.GGUFWriter(str(path), "mamba")
    writer.add_name(f"tiny mamba {tiny.seed}")
    writer.add_context_length(256)
    writer.add_embedding_length(n_embd)
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    writer.add_block_count(2)
    writer.add_ssm_conv_kernel(kernel)
    writer.add_ssm_inner_size(inner)
    writer.add_ssm_state_size(state)
    writer.add_ssm_time_step_rank(steps)
    writer.add_layer_norm_rms_eps(1e-5)
    _add_bpe(writer, tiny)
    rng = np.random.default_rng(tiny.seed)
    shapes = {"token_embd.weight": (tiny.n_vocab, n_embd), "output_norm.weight": (n_embd,)}
    for block in ("blk.0.", "blk.1."):
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
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_spm(path: Path, tiny: Tiny | None = None) -> Path:
    """Write a two-layer Llama with a SentencePiece vocabulary; return the first file."""
    tiny = tiny or Tiny()
    words = [f"▁{word}" for word in WORDS] + list(WORDS) + ["▁", *"abcdefghijklmnopqrstuvwxyz"]
    single = [f"<0x{byte:02X}>" for byte in range(256)] if tiny.byte_tokens else []
    tokens = ["<unk>", "<s>", "</s>", *single, *words]
    kinds = [UNKNOWN, CONTROL, CONTROL] + [BYTE] * len(single) + [NORMAL] * len(words)
    kinds += [UNUSED] * (tiny.n_vocab - len(tokens))
    tokens += [f"<pad{i}>" for i in range(len(tokens), tiny.n_vocab)]
    writer = _writer(path, tiny)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([-float(i) for i in range(len(tokens))])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    return _finish(writer, path, tiny)


def _writer(path: Path, tiny: Tiny) -> gguf.GGUFWriter:
    # A split writer puts the part numbers into the names itself.
    name = str(path.with_name(path.name.replace("-00001-of-00002", "")))
    writer = gguf.GGUFWriter(name, "llama", split_max_tensors=10 if tiny.parts > 1 else 0)
    writer.add_name(f"tiny {tiny.seed}")
    writer.add_context_length(256)
    writer.add_embedding_length(tiny.n_embd)
    writer.add_block_count(2)
    writer.add_feed_forward_length(2 * tiny.n_embd)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(tiny.n_embd // 4)
    if not tiny.causal:
        writer.add_causal_attention(False)
    if tiny.chat_template is not None:
        writer.add_chat_template(tiny.chat_template)
    return writer


def _finish(writer: gguf.GGUFWriter, path: Path, tiny: Tiny) -> Path:
    rng = np.random.default_rng(tiny.seed)
    shapes = tensor_shapes("llama", tiny.n_vocab, tiny.n_embd, 2 * tiny.n_embd, 4, 2)
    for name, shape in shapes if tiny.weights else ():
        middle = 1.0 if name.endswith("norm.weight") else 0.0
        writer.add_tensor(name, rng.normal(middle, tiny.scale, shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
