"""Groups of a file's tensors with made-up losses, as a sensitivity would tell them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import gguf

from pyengine.measure.sensitivity_groups import TensorGroup, TypeChoice
from pyengine.models.gguf import TensorEntry, read_tensor_table

# By type: the relative squared error of rounding, roughly.
ERRORS = {"q4_0": 8e-3, "q4_1": 7e-3, "q5_0": 2e-3, "q5_1": 1.8e-3, "q8_0": 3e-5, "f32": 0.0}


def groups_of_file(
    source: Path, losses: Mapping[str, float], errors: Mapping[str, float] = ERRORS
) -> list[TensorGroup]:
    """Group the matrices of a file by kind and layer.

    Args:
        losses: of a kind at q4_0, in nats; 0.01 where it is not named.
        errors: the types there are.
    """
    return [
        _group(tensor, losses, errors)
        for tensor in read_tensor_table(source)
        if len(tensor.shape) > 1 and not re.search(r"norm|gate_inp", tensor.name)
    ]


def _group(
    tensor: TensorEntry, losses: Mapping[str, float], errors: Mapping[str, float]
) -> TensorGroup:
    layer = re.match(r"blk\.(\d+)\.", tensor.name)
    kind = re.sub(r"^blk\.\d+\.|\.weight$", "", tensor.name)
    number = int(layer[1]) if layer else None
    kl = losses.get(kind, 0.01)
    choices = [
        TypeChoice(name, bytes_of(tensor.shape, name), error, kl * error / ERRORS["q4_0"])
        for name, error in errors.items()
    ]
    return TensorGroup(
        kind=kind,
        first_layer=number,
        last_layer=number,
        tensors=(tensor.name,),
        n_weights=math.prod(tensor.shape),
        measured_types={"q4_0": 1},
        kl=kl,
        low=0.9 * kl,
        high=1.1 * kl,
        choices=tuple(sorted(choices, key=lambda choice: choice.n_bytes)),
        leaf=True,
    )


def bytes_of(shape: Sequence[int], name: str) -> int:
    """The bytes of a tensor in a type, by the gguf package."""
    block, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name.upper()]]
    return math.prod(shape) // block * size
