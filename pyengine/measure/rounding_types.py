"""The types that a tensor can be rounded to, their sizes, and what each loses of its weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pyengine import _core
from pyengine.errors import OptionError
from pyengine.models.child import Child
from pyengine.models.gguf import TensorEntry

Progress = Callable[[float], object]
QUICK = ("q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q2_K", "q3_K", "q4_K", "q5_K", "q6_K", "mxfp4")
SLOW = ("iq4_nl", "iq4_xs", "iq3_s")
# llama.cpp makes them only with the importance of a tensor.
WITH_IMPORTANCE = ("iq3_xxs", "iq2_s", "iq2_xs", "iq2_xxs")
# Rows of a tensor whose errors are looked at: of types that are slow to make, fewer.
ROWS, FEW_ROWS = 64, 16


@dataclass(frozen=True)
class RoundingTypes:
    """The types that tensors can have.

    Attributes:
        covered: tensors whose importance is known.
        layouts: by name of a type, elements of a block and its bytes.
    """

    covered: Collection[str] = ()
    layouts: Mapping[str, tuple[int, int]] = field(default_factory=_core.tensor_types)

    def of(self, tensor: TensorEntry) -> list[str]:
        """Return the types that a tensor can be rounded to."""
        known = WITH_IMPORTANCE if tensor.name in self.covered else ()
        return [t for t in (*QUICK, *SLOW, *known) if tensor.shape[0] % self.layouts[t][0] == 0]

    def of_all(self, tensors: Sequence[TensorEntry]) -> list[str]:
        """Return the types that all of some tensors can have, the smallest first."""
        shared = [t for t in self.of(tensors[0]) if all(t in self.of(one) for one in tensors)]
        own = tensors[0].type
        shared += [own] if all(tensor.type == own for tensor in tensors) else []
        return sorted(shared, key=self.bits)

    def nearest(self, tensor: TensorEntry, wanted: str) -> str:
        """Return the wanted type, or the one of the nearest size that the tensor can have."""
        types = self.of(tensor)
        if wanted in types:
            return wanted
        return min(types, key=lambda name: abs(self.bits(name) - self.bits(wanted)))

    def bits(self, name: str) -> float:
        """Return the bits that a weight takes in a type."""
        elements, n_bytes = self.layouts[name]
        return 8 * n_bytes / elements

    def n_bytes(self, tensors: Sequence[TensorEntry], name: str) -> int:
        """Return the bytes that some tensors take in a type."""
        elements, n_bytes = self.layouts[name]
        return sum(math.prod(tensor.shape) // elements * n_bytes for tensor in tensors)


def known_type(name: str) -> str:
    """Return a type by its name in any case, as ggml writes it.

    Raises:
        OptionError: there is none that tensors are rounded to.
    """
    names = {known.lower(): known for known in (*QUICK, *SLOW, *WITH_IMPORTANCE)}
    if name.lower() not in names:
        raise OptionError(f"there is no type {name!r} to round to; use one of {', '.join(names)}")
    return names[name.lower()]


def weight_errors(
    source: Path,
    tensors: Sequence[TensorEntry],
    types: RoundingTypes,
    *,
    imatrix: str = "",
    threads: int = 1,
    progress: Progress | None = None,
) -> dict[str, dict[str, float]]:
    """Return what rounding to each type that it can have loses of each tensor's weights.

    The sum of the squared differences, weighted by importance where it is known, over the sum of
    the weighted squares; over evenly spread rows. What is slow to make is held against the first
    quick type over fewer rows, by which the ratio is known better than either.

    Raises:
        ModelFileError: the source or the matrix cannot be used.
    """
    found: dict[str, dict[str, float]] = {}
    with Child() as child:
        for number, tensor in enumerate(tensors):
            told = (str(source), tensor, types.of(tensor), imatrix, threads)
            found[tensor.name] = child.call(errors_of, *told)
            if progress is not None:
                progress((number + 1) / len(tensors))
    return found


def errors_of(
    source: str, tensor: TensorEntry, types: Sequence[str], imatrix: str, threads: int
) -> dict[str, float]:
    """Compute `weight_errors` of one tensor in this process, which a damaged file may end."""
    quick = [name for name in types if name in QUICK]
    slow = [name for name in types if name not in QUICK]
    matrices = math.prod(tensor.shape[2:])

    def relative(names: Sequence[str], rows: int) -> list[float]:
        each = max(1, rows // matrices)
        squares, own = _core.weight_errors(source, tensor.name, names, imatrix, each, threads)
        return [square / own if own else 0.0 for square in squares]

    found = dict(zip(quick, relative(quick, ROWS), strict=True))
    if slow:
        beside, *others = relative([*quick[:1], *slow], FEW_ROWS)
        scale = found[quick[0]] / beside if beside else 1.0
        found |= {name: scale * error for name, error in zip(slow, others, strict=True)}
    return {**found, tensor.type: 0.0}
