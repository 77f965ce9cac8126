"""What separates a variant from its reference, read from both files."""

from __future__ import annotations

from typing import Any

from pyengine.models.tensor_table import TensorTable, read_tensor_table
from pyengine.run.record import ModelInfo


def axis_content(reference: ModelInfo, variant: ModelInfo, chosen: str) -> dict[str, Any]:
    """Tell quantization from fine-tuning from scaling.

    Another architecture or other tensor shapes: scaling (or distillation). Equal shapes: the
    one-dimensional float32 tensors, which quantization leaves untouched, are compared; equal ones
    mean the same trained weights. Where neither file has such tensors, equal types are taken as
    fine-tuning and other types as quantization, and the reason says so.

    Args:
        chosen: the axis that the user named, or "auto".

    Returns:
        kind ("identical", "settings", "quantization", "fine-tuning" or "scaling"), reason (a code)
        and tensors_of_other_type.
    """
    tables = [read_tensor_table(model.path) for model in (reference, variant)]
    changed = sum(tables[1].types.get(name) != kind for name, kind in tables[0].types.items())
    if chosen != "auto":
        kind, reason = chosen, "named"
    else:
        kind, reason = _recognise(reference, variant, tables[0], tables[1], changed)
    return {"kind": kind, "reason": reason, "tensors_of_other_type": changed}


def _recognise(
    reference: ModelInfo, variant: ModelInfo, first: TensorTable, second: TensorTable, changed: int
) -> tuple[str, str]:
    if reference.sha256 == variant.sha256:
        same = reference.settings == variant.settings
        return ("identical" if same else "settings"), "same-file"
    if reference.architecture != variant.architecture or first.shapes != second.shapes:
        return "scaling", "other-shapes"
    if not first.vectors_sha256:
        return ("quantization" if changed else "fine-tuning"), "types-alone"
    if first.vectors_sha256 != second.vectors_sha256:
        return "fine-tuning", "other-vectors"
    if changed:
        return "quantization", "other-types"
    return "fine-tuning", "other-bytes"
