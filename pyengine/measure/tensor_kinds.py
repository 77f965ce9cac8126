"""The tensors of a model by kind and layer: what is rounded together."""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from pyengine.models.gguf import TensorEntry
from pyengine.weight_names import weight_kind, weight_layer


@dataclass(frozen=True)
class Part:
    """Tensors of a kind, in all layers that have one or in some.

    Attributes:
        name: of the kind alone where it is whole, else with its layers, such as "attn_q 0-14".
        kind: the tensors' name without layer and suffix, such as "attn_q".
        tensors: in the order of their layers.
    """

    name: str
    kind: str
    tensors: tuple[TensorEntry, ...]

    @property
    def layers(self) -> tuple[int, ...]:
        """The layer of each tensor; none outside the layers."""
        found = (weight_layer(tensor.name) for tensor in self.tensors)
        return tuple(layer for layer in found if layer is not None)

    @property
    def n_weights(self) -> int:
        """Of all tensors."""
        return sum(math.prod(tensor.shape) for tensor in self.tensors)

    def halves(self) -> tuple[Part, Part]:
        """Return the tensors of the lower and of the upper half of the layers."""
        middle = (len(self.tensors) + 1) // 2
        lower, upper = (self._some(t) for t in (self.tensors[:middle], self.tensors[middle:]))
        return lower, upper

    def _some(self, tensors: tuple[TensorEntry, ...]) -> Part:
        part = Part("", self.kind, tensors)
        first, last = part.layers[0], part.layers[-1]
        layers = str(first) if first == last else f"{first}-{last}"
        return Part(f"{self.kind} {layers}", self.kind, tensors)


def kinds_of(tensors: Sequence[TensorEntry]) -> list[Part]:
    """Put the tensors of one name in all layers together, in the order of the file."""
    found: dict[str, list[TensorEntry]] = {}
    for tensor in tensors:
        found.setdefault(weight_kind(tensor.name), []).append(tensor)
    return [Part(kind, kind, tuple(sorted(f, key=_layer))) for kind, f in found.items()]


def _layer(tensor: TensorEntry) -> int:
    layer = weight_layer(tensor.name)
    return -1 if layer is None else layer


def to_divide(leaves: Mapping[Part, float], n_groups: int) -> list[Part]:
    """Return the groups that are to be divided next, the one with the largest KL first.

    They are those that would be divided until there are so many if the halves of each had half of
    its KL: several at once, since the reference is decoded again for each round.

    Args:
        leaves: KL of each group that is not divided yet.
        n_groups: how many there are to be.
    """
    order = count()
    heap: list[tuple[float, int, int, Part | None]] = [
        (-kl, next(order), len(part.tensors), part) for part, kl in leaves.items()
    ]
    heapq.heapify(heap)
    n = len(heap)
    chosen: list[Part] = []
    while n < n_groups and heap:
        kl, _, size, part = heapq.heappop(heap)
        if size < 2 or not kl < 0:
            continue
        if part is not None:
            chosen.append(part)
        for half in ((size + 1) // 2, size // 2):
            heapq.heappush(heap, (kl / 2, next(order), half, None))
        n += 1
    return chosen
