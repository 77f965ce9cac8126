"""A forward pass of a tiny Qwen3 mixture of experts in NumPy, which sums squared activations.

Slow and plain: one token of one expert after the other, in float64.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt
from tiny_architectures import Sizes

Floats = npt.NDArray[np.float64]
EPSILON, ROPE_BASE = 1e-5, 10000.0


class Sums:
    """Sums of squares by weight and expert, and over how many tokens they are."""

    def __init__(self) -> None:
        self.squares: dict[tuple[str, int], Floats] = {}
        self.counts: dict[tuple[str, int], int] = {}

    def add(self, name: str, rows: Floats, expert: int = 0) -> None:
        key = (name, expert)
        self.squares[key] = self.squares.get(key, 0.0) + (rows**2).sum(axis=0)
        self.counts[key] = self.counts.get(key, 0) + len(rows)


def read_tensors(path: Path) -> dict[str, Floats]:
    """Every tensor of a file of float32, with the last dimension as the row."""
    tensors = gguf.GGUFReader(path).tensors
    return {tensor.name: np.array(tensor.data, dtype=np.float64) for tensor in tensors}


def add_context(sums: Sums, tensors: dict[str, Floats], ids: npt.NDArray[np.int32]) -> None:
    """Add what one context of tokens does."""
    of = Sizes()
    x = tensors["token_embd.weight"][ids]
    for layer in range(of.n_layer):

        def weight(name: str, layer: int = layer) -> Floats:
            return tensors[f"blk.{layer}.{name}.weight"]

        def follow(name: str, rows: Floats, expert: int = 0, layer: int = layer) -> None:
            sums.add(f"blk.{layer}.{name}.weight", rows, expert)

        h = _norm(x, weight("attn_norm"))
        for name in ("attn_q", "attn_k", "attn_v"):
            follow(name, h)
        heads = {
            name: (h @ weight(f"attn_{name}").T).reshape(len(ids), -1, of.head) for name in "qkv"
        }
        q = _rotate(_norm(heads["q"], weight("attn_q_norm")))
        k = _rotate(_norm(heads["k"], weight("attn_k_norm")))
        mixed = _attend(q, k, heads["v"])
        follow("attn_output", mixed)
        x = x + mixed @ weight("attn_output").T
        h = _norm(x, weight("ffn_norm"))
        follow("ffn_gate_inp", h)
        chances = _softmax(h @ weight("ffn_gate_inp").T)
        for token in range(len(ids)):
            row = h[token : token + 1]
            chosen = np.argsort(-chances[token])[: of.n_expert_used]
            for expert in chosen.tolist():
                follow("ffn_gate_exps", row, expert)
                follow("ffn_up_exps", row, expert)
                gate = row @ weight("ffn_gate_exps")[expert].T
                inner = gate / (1 + np.exp(-gate)) * (row @ weight("ffn_up_exps")[expert].T)
                follow("ffn_down_exps", inner, expert)
                share = chances[token, expert] / chances[token, chosen].sum()
                x[token] += share * (inner @ weight("ffn_down_exps")[expert].T)[0]
    sums.add("token_embd.weight", _norm(x, tensors["output_norm.weight"]))


def _norm(x: Floats, weight: Floats) -> Floats:
    scale: Floats = np.sqrt((x**2).mean(axis=-1, keepdims=True) + EPSILON)
    return x / scale * weight


def _softmax(x: Floats) -> Floats:
    e: Floats = np.exp(x - x.max(axis=-1, keepdims=True))
    total: Floats = e.sum(axis=-1, keepdims=True)
    return e / total


def _rotate(x: Floats) -> Floats:
    """Rotate the first half of each head against the second, by position."""
    half = x.shape[-1] // 2
    angles = np.arange(len(x))[:, None, None] * ROPE_BASE ** (-np.arange(half) / half)
    a, b = x[..., :half], x[..., half:]
    return np.concatenate(
        [a * np.cos(angles) - b * np.sin(angles), a * np.sin(angles) + b * np.cos(angles)], axis=-1
    )


def _attend(q: Floats, k: Floats, v: Floats) -> Floats:
    n_tokens, n_head, head = q.shape
    group = n_head // k.shape[1]
    mixed = np.empty_like(q)
    for i in range(n_head):
        scores = q[:, i] @ k[:, i // group].T / np.sqrt(head)
        scores[np.triu_indices(n_tokens, 1)] = -np.inf
        mixed[:, i] = _softmax(scores) @ v[:, i // group]
    return mixed.reshape(n_tokens, -1)
