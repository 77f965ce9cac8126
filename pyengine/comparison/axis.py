"""What separates a variant from its reference, read from both files."""

from pyengine.comparison.records import AxisRecord
from pyengine.comparison.tensor_table import TensorTable

_WORDS = {
    "identical": "the same weights in the same types",
    "quantization": "the same weights in other types",
    "fine-tuning": "the same shape with other weights",
    "scaling": "another shape: a scaled or distilled model",
}


def recognise_axis(
    reference: TensorTable, variant: TensorTable, *, same_bytes: bool, same_architecture: bool
) -> AxisRecord:
    """Tell quantization from fine-tuning from scaling.

    Another architecture or other tensor shapes: scaling (or distillation). Equal shapes: the
    one-dimensional float32 tensors, which quantization leaves untouched, are compared; equal ones
    mean the same trained weights. Where neither file has such tensors, equal types are taken as
    fine-tuning and other types as quantization, and the reason says so.
    """
    changed = sum(variant.types.get(name) != kind for name, kind in reference.types.items())
    if same_bytes:
        return _record("identical", "both files have the same SHA-256", 0)
    if not same_architecture or reference.shapes != variant.shapes:
        return _record("scaling", "architecture or tensor shapes differ", changed)
    if not reference.vectors_sha256:
        kind = "quantization" if changed else "fine-tuning"
        return _record(kind, "told by tensor types alone: no float32 vectors to compare", changed)
    if reference.vectors_sha256 != variant.vectors_sha256:
        also = f", {changed} tensors also have other types" if changed else ""
        return _record("fine-tuning", f"norm or bias vectors differ{also}", changed)
    if changed:
        return _record("quantization", f"equal vectors, {changed} tensors of other types", changed)
    return _record("fine-tuning", "equal vectors and types, other bytes in the file", changed)


def chosen_axis(kind: str, reference: TensorTable, variant: TensorTable) -> AxisRecord:
    """Record the axis that the user named."""
    changed = sum(variant.types.get(name) != value for name, value in reference.types.items())
    return _record(kind, "named by the user", changed)


def _record(kind: str, reason: str, changed: int) -> AxisRecord:
    return AxisRecord(kind=kind, meaning=_WORDS[kind], reason=reason, tensors_of_other_type=changed)
