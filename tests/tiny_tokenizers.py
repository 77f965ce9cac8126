"""The tokenizers of tiny models: every token of them is known, so tests need not ask for it."""

from __future__ import annotations

from dataclasses import dataclass

import gguf

NORMAL, UNKNOWN, CONTROL, UNUSED, BYTE = 1, 2, 3, 5, 6
UNDECLARED = 2**32 - 1
LETTERS = "abcdefghijklmnopqrstuvwxyz"
# One token each, bare and after a space; every other keyword is split into bytes.
WORDS = ("import", "return", "if", "for", "while", "class", "def", "int", "new", "func", "fn")
SPACED_ONLY = ("else", "static")
SHAPED = ("\ndef", "\tif", "If", "RETURN", "    ", "\n\n", "the", "house", "water", "and", "not")
MERGED = ("retu", "rn")
ENGLISH = ("people", "mother", "with", "get", "about", "under", "you", "his", "one", "at", "it")
FIM = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")


def byte_alphabet() -> list[str]:
    """Return GPT-2's printable character for each byte."""
    names: list[str] = []
    moved = 0
    for byte in range(256):
        printable = 33 <= byte <= 126 or 161 <= byte <= 172 or 174 <= byte <= 255
        names.append(chr(byte) if printable else chr(256 + moved))
        moved += not printable
    return names


@dataclass(frozen=True, kw_only=True)
class Words:
    """A vocabulary of bytes and some words: text, then control tokens, then padding rows.

    What it leaves out can be chosen: the start or end mark, the marks of filling in, the newline.
    """

    n_vocab: int = 384
    bos: bool = True
    eos: bool = True
    fim: bool = True
    newline: bool = True
    byte_tokens: bool = True  # of a SentencePiece vocabulary
    extra_words: tuple[str, ...] = ()

    def pieces(self) -> list[bytes]:
        """Return the exact bytes of every token that is text, in id order."""
        single = [bytes([byte]) for byte in range(256) if self.newline or byte != 10]
        spaced = [f" {word}" for word in (*WORDS, *SPACED_ONLY)]
        words = [*WORDS, *spaced, *SHAPED, *MERGED, *ENGLISH, *self.extra_words]
        return [*single, *(word.encode() for word in words if self.newline or "\n" not in word)]

    def controls(self) -> list[str]:
        """Return the control tokens, in id order after the text."""
        marks = (["<|begin|>"] if self.bos else []) + (["<|end|>"] if self.eos else [])
        return marks + (list(FIM) if self.fim else [])

    def padding(self) -> list[int]:
        """Return the ids of the rows that belong to no token."""
        return list(range(len(self.pieces()) + len(self.controls()), self.n_vocab))


def add_words_bpe(writer: gguf.GGUFWriter, words: Words) -> None:
    """Add a byte-level BPE vocabulary, in which "return" and "if" are merged and others are not."""
    characters = byte_alphabet()
    text = ["".join(characters[byte] for byte in piece) for piece in words.pieces()]
    tokens = [*text, *words.controls(), *(f"[PAD{i}]" for i in words.padding())]
    kinds = [NORMAL] * len(text) + [CONTROL] * len(words.controls())
    kinds += [UNUSED] * len(words.padding())
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(["r e", "t u", "re tu", "r n", "retu rn", "i f", "Ġ if"])
    for name, mark in {"bos": "<|begin|>", "eos": "<|end|>"}.items():
        # Without a declaration llama.cpp takes GPT-2's id 11, so an absent one is declared absent.
        declared = tokens.index(mark) if mark in tokens else UNDECLARED
        writer.add_uint32(f"tokenizer.ggml.{name}_token_id", declared)
    writer.add_add_bos_token(words.bos)


def add_words_spm(writer: gguf.GGUFWriter, words: Words) -> None:
    """Add a SentencePiece vocabulary of letters and WORDS, bare and after a space."""
    text = [f"▁{word}" for word in WORDS] + list(WORDS) + ["▁", *LETTERS]
    single = [f"<0x{byte:02X}>" for byte in range(256)] if words.byte_tokens else []
    tokens = ["<unk>", "<s>", "</s>", *single, *text]
    kinds = [UNKNOWN, CONTROL, CONTROL] + [BYTE] * len(single) + [NORMAL] * len(text)
    kinds += [UNUSED] * (words.n_vocab - len(tokens))
    tokens += [f"<pad{i}>" for i in range(len(tokens), words.n_vocab)]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([-float(i) for i in range(len(tokens))])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)


def add_letters(writer: gguf.GGUFWriter, architecture: str, n_vocab: int) -> None:
    """Add bytes, few letters and padding: byte-level BPE for qwen2, SentencePiece for others."""
    if architecture != "qwen2":
        tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
        kinds = [UNKNOWN, CONTROL, CONTROL] + [BYTE] * 256
        extra = ["▁", *LETTERS]
        writer.add_tokenizer_model("llama")
    else:
        tokens = [chr(b) if 33 <= b < 127 else chr(256 + b) for b in range(256)]
        kinds = [NORMAL] * 256
        extra = ["ab", "cd", "<|endoftext|>"]
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("qwen2")
        writer.add_token_merges(["a b", "c d"])
    tokens += extra
    kinds += [CONTROL if t.startswith("<|") else NORMAL for t in extra]
    tokens += [f"<pad{i}>" for i in range(n_vocab - len(tokens))]
    kinds += [UNUSED] * (n_vocab - len(kinds))
    writer.add_token_list(tokens)
    writer.add_token_scores([-float(i) for i in range(n_vocab)])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(architecture != "qwen2")


def add_pairs(writer: gguf.GGUFWriter, n_extra: int) -> int:
    """Add bytes, BOS (which is EOS too) and `n_extra` tokens; return how many they are.

    The extra ones are five merges of common pairs, then three of padding, then words that no
    text makes.
    """
    pairs = ["i n", "r e", "e r", "t h", "o n"][:n_extra]
    n_padding = min(n_extra, 8) - len(pairs)
    n_words = n_extra - len(pairs) - n_padding
    tokens = [*byte_alphabet(), "<s>", *(pair.replace(" ", "") for pair in pairs)]
    tokens += [f"[PAD{len(tokens) + i}]" for i in range(n_padding)]
    tokens += [f"word{len(tokens) + i}" for i in range(n_words)]
    kinds = [NORMAL] * 256 + [CONTROL] + [NORMAL] * len(pairs)
    kinds += [UNUSED] * n_padding + [NORMAL] * n_words
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(pairs or ["a b"])
    writer.add_bos_token_id(256)
    writer.add_eos_token_id(256)
    writer.add_add_bos_token(True)
    return len(tokens)
