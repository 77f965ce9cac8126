"""Vocabulary-only GGUF files of every kind, small enough to see through."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import gguf
import numpy as np
from tiny_tokenizers import byte_alphabet

from pyengine.vocabulary.tokens import Pieces

KINDS = ("bpe", "spm", "wpm", "ugm", "rwkv", "none")
WORDS = ("if", "else", "return", "while", "class", "import", "def", "x", "y")
_CONTROL = gguf.TokenType.CONTROL
_NORMAL = gguf.TokenType.NORMAL


def pieces_of(pieces: Sequence[bytes], kinds: Sequence[int] = ()) -> Pieces:
    """Lay out a list of pieces; all are normal tokens where no kinds are given."""
    return Pieces(
        np.frombuffer(b"".join(pieces), np.uint8),
        np.cumsum([0, *map(len, pieces)], dtype=np.int64),
        np.array(kinds or [_NORMAL] * len(pieces), np.uint8),
    )


def write_vocabulary(path: Path, kind: str) -> Path:
    """Write a file with a tokenizer of this kind and no weights."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(8)
    writer.add_block_count(1)
    writer.add_feed_forward_length(8)
    writer.add_head_count(1)
    writer.add_layer_norm_rms_eps(1e-5)
    {
        "bpe": _bpe,
        "spm": _spm,
        "wpm": _wpm,
        "ugm": _ugm,
        "rwkv": _rwkv,
        "none": _none,
    }[kind](writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _bpe(writer: gguf.GGUFWriter) -> None:
    chars = byte_alphabet()
    tokens = [*chars]
    merges = []
    for word in (*WORDS, *(f" {word}" for word in WORDS)):
        spelled = [chars[byte] for byte in word.encode()]
        whole = spelled[0]
        for char in spelled[1:]:
            if whole + char not in tokens:
                merges.append(f"{whole} {char}")
                tokens.append(whole + char)
            whole += char
    tokens.append("<|end|>")
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_merges(merges)
    writer.add_token_types([*[_NORMAL] * (len(tokens) - 1), _CONTROL])
    writer.add_bos_token_id(len(tokens) - 1)
    writer.add_eos_token_id(len(tokens) - 1)


def _pieces() -> tuple[list[str], list[int]]:
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    kinds = [gguf.TokenType.UNKNOWN, _CONTROL, _CONTROL, *[gguf.TokenType.BYTE] * 256]
    parts = dict.fromkeys(
        piece
        for word in WORDS
        for piece in (*word, "▁", *(word[:n] for n in range(2, len(word) + 1)), f"▁{word}")
    )
    return [*tokens, *parts], [*kinds, *[_NORMAL] * len(parts)]


def _spm(writer: gguf.GGUFWriter) -> None:
    tokens, kinds = _pieces()
    writer.add_tokenizer_model("llama")
    _add(writer, tokens, kinds, [-float(len(tokens) - i) for i in range(len(tokens))])
    _unk_bos_eos(writer)


def _ugm(writer: gguf.GGUFWriter) -> None:
    tokens, kinds = _pieces()
    writer.add_tokenizer_model("t5")
    _add(writer, tokens, kinds, [-1.0 / (1 + len(token)) for token in tokens])
    writer.add_add_space_prefix(True)
    writer.add_remove_extra_whitespaces(True)
    _unk_bos_eos(writer)


def _wpm(writer: gguf.GGUFWriter) -> None:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokens = [*special, *(f"▁{word}" for word in WORDS), *"abcdefghilmnoprstuwxy()=.+"]
    writer.add_tokenizer_model("bert")
    writer.add_token_list(tokens)
    writer.add_token_types([*[_CONTROL] * 5, *[_NORMAL] * (len(tokens) - 5)])
    for name, token in (("unknown", 1), ("bos", 2), ("seperator", 3), ("padding", 0), ("mask", 4)):
        writer.add_uint32(f"tokenizer.ggml.{name}_token_id", token)


def _rwkv(writer: gguf.GGUFWriter) -> None:
    single = [chr(byte) if 32 < byte < 127 else f"\\x{byte:02x}" for byte in range(256)]
    words = [word for word in WORDS if len(word) > 1]
    tokens = ["<s>", *single, *words, *(f"\\x20{word}" for word in words)]
    writer.add_tokenizer_model("rwkv")
    writer.add_token_list(tokens)
    writer.add_token_types([_CONTROL, *[_NORMAL] * (len(tokens) - 1)])


def _none(writer: gguf.GGUFWriter) -> None:
    writer.add_tokenizer_model("none")
    writer.add_uint32("llama.vocab_size", 32)


def _add(
    writer: gguf.GGUFWriter, tokens: Sequence[str], kinds: Sequence[int], scores: Sequence[float]
) -> None:
    writer.add_token_list(list(tokens))
    writer.add_token_scores(list(scores))
    writer.add_token_types(list(kinds))


def _unk_bos_eos(writer: gguf.GGUFWriter) -> None:
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
