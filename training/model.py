"""The Llama architecture in plain PyTorch, with the conventions of llama.cpp.

Rotary embeddings turn neighbouring pairs (2i, 2i + 1), so weights are exported without any
permutation. A tied model has one matrix for input and output embeddings.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Shape:
    """The numbers that define a model.

    width and hidden are multiples of 256 so that every K-quant applies.
    """

    vocabulary: int
    layers: int
    tied: bool = False
    width: int = 256
    heads: int = 4
    hidden: int = 768
    context: int = 512
    rope_base: float = 10_000.0
    epsilon: float = 1e-5


class Attention(nn.Module):
    """Causal self-attention with rotary positions, confined to one document by the mask."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.query = nn.Linear(shape.width, shape.width, bias=False)
        self.key = nn.Linear(shape.width, shape.width, bias=False)
        self.value = nn.Linear(shape.width, shape.width, bias=False)
        self.output = nn.Linear(shape.width, shape.width, bias=False)
        # The factors of the two products pass here: verification rounds them as llama.cpp does.
        self.factor = nn.Identity()

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        """Map (rows, positions, width) to the same shape."""
        rows, length, width = x.shape
        split = (rows, length, self.heads, width // self.heads)
        query = self.factor(rotate(self.query(x).view(split).transpose(1, 2), turn))
        key = self.factor(rotate(self.key(x).view(split).transpose(1, 2), turn))
        value = self.factor(self.value(x).view(split).transpose(1, 2))
        # Written out: compiled for a CPU, a whole training step is a quarter faster with it than
        # with PyTorch's fused attention.
        scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
        weights = scores.float().masked_fill(~mask, float("-inf")).softmax(dim=-1)
        mixed = self.factor(weights).to(value.dtype) @ value
        return self.output(mixed.transpose(1, 2).reshape(rows, length, width))


class Layer(nn.Module):
    """One block: normalise, attend, add; normalise, SwiGLU, add."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(shape.width, eps=shape.epsilon)
        self.attention = Attention(shape)
        self.feed_norm = nn.RMSNorm(shape.width, eps=shape.epsilon)
        self.gate = nn.Linear(shape.width, shape.hidden, bias=False)
        self.up = nn.Linear(shape.width, shape.hidden, bias=False)
        self.down = nn.Linear(shape.hidden, shape.width, bias=False)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        """Map (rows, positions, width) to the same shape."""
        x = x + self.attention(self.attention_norm(x), turn, mask)
        y = self.feed_norm(x)
        return x + self.down(functional.silu(self.gate(y)) * self.up(y))


class Llama(nn.Module):
    """A decoder-only language model over token ids."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, eps=shape.epsilon)
        self.head = nn.Linear(shape.width, shape.vocabulary, bias=False)
        if shape.tied:
            self.head.weight = self.embedding.weight
        cosine, sine = rotation_table(shape)
        self.register_buffer("cosine", cosine, persistent=False)
        self.register_buffer("sine", sine, persistent=False)
        self._initialise()

    def _initialise(self) -> None:
        nn.init.normal_(self.embedding.weight, std=0.05 if self.shape.tied else 0.3)
        if not self.shape.tied:
            nn.init.normal_(self.head.weight, std=0.02)
        for name, weight in self.layers.named_parameters():
            if weight.dim() == 2:
                residual = name.endswith(("output.weight", "down.weight"))
                shrink = 2 * self.shape.layers if residual else 1
                nn.init.normal_(weight, std=(weight.shape[1] * shrink) ** -0.5)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Return logits (rows, positions, vocabulary) for token ids (rows, positions).

        mask is boolean, (rows, 1, positions, positions), true where a position may look.
        """
        length = tokens.shape[1]
        turn = (self.cosine[:length], self.sine[:length])
        x = self.embedding(tokens)
        for layer in self.layers:
            x = layer(x, turn, mask)
        return self.head(self.norm(x))


def rotation_table(shape: Shape) -> tuple[Tensor, Tensor]:
    """Return cosines and sines of position * base^(-2i / head width): (context, head width / 2).

    The angles are rounded as llama.cpp rounds them: each is the one before times the same factor,
    in float32. The exact angles would move single logits by a hundredth.
    """
    head_width = shape.width // shape.heads
    factor = torch.tensor(shape.rope_base).pow(-2.0 / head_width)
    angle = torch.arange(shape.context, dtype=torch.float32)
    angles = []
    for _ in range(head_width // 2):
        angles.append(angle)
        angle = angle * factor
    table = torch.stack(angles, dim=1)
    return table.cos(), table.sin()


def rotate(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """Turn neighbouring pairs of the last axis of (rows, heads, positions, head width)."""
    cosine, sine = turn
    even, odd = x[..., 0::2], x[..., 1::2]
    turned = torch.stack((even * cosine - odd * sine, even * sine + odd * cosine), dim=-1)
    return turned.flatten(-2).to(x.dtype)


def document_mask(tokens: Tensor, bos: int) -> Tensor:
    """Return the causal mask within documents of packed rows: (rows, 1, positions, positions)."""
    length = tokens.shape[1]
    document = (tokens == bos).cumsum(dim=1)
    same = document[:, :, None] == document[:, None, :]
    causal = torch.ones(length, length, dtype=torch.bool, device=tokens.device).tril()
    return (same & causal)[:, None]


def parameter_count(model: nn.Module) -> int:
    """Return the number of trained numbers, the shared embedding counted once."""
    return sum(weight.numel() for weight in model.parameters())
