"""Prove by quantizing again what a file was made of, and record which tensors differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pyengine.errors import ModelKindError, OptionError, failure_values
from pyengine.measure.provenance import provenance
from pyengine.models.file_types import FILE_TYPES, FLOAT_TYPES
from pyengine.models.gguf import (
    TensorEntry,
    check_gguf,
    file_type_name,
    known_sha256,
    model_parts,
    read_head,
    read_tensor_table,
)
from pyengine.models.making import making_told, read_making
from pyengine.models.metadata import metadata_differences
from pyengine.models.quantize import bytes_sha256
from pyengine.models.quantize_options import QuantizationPlan
from pyengine.models.verifying import Again, quantizing_again
from pyengine.run.record import Exhibit, Note, Run

# Of tensors that are not quantized.
PLAIN_TYPES = {*(name.lower() for name in FLOAT_TYPES), "f64", "i8", "i16", "i32", "i64"}

Progress = Callable[[str, float], object]
Tensors = dict[str, TensorEntry]


def verify_file(
    file: Path, source: Path, *, imatrix: Path | None, threads: int, progress: Progress
) -> Run:
    """Quantize each tensor of a source to the type that it has in a file, and compare the bytes.

    Nothing is written.

    Args:
        file: anyone's file.
        source: what it is said to be made of.
        imatrix: the importance matrix that it is said to be made with.
        threads: CPU threads; no byte depends on them.
        progress: called with what is being done and the part that is done.

    Returns:
        a run with the exhibits "verified" and "source" (path, sha256, file_bytes; of the first
        also file_type as it says, n_tensors and n_equal), "making" (what it says of itself), with a
        matrix "importance", "type-verified" for each type, "tensor-difference" and "tensor-alone"
        for each tensor that differs or that only one has, and "metadata-difference".

    Raises:
        ModelFileError, ModelKindError: a file cannot be read, or the matrix is of another model.
    """
    theirs, ours = ({t.name: t for t in read_tensor_table(path)} for path in (file, source))
    said = file_type_name(read_head(file)[1].get("general.file_type"))
    making = read_making(file)
    shared = [name for name in theirs if name in ours]
    found: list[dict[str, Any]] = []
    total, done = sum(theirs[name].n_bytes for name in shared), 0
    with quantizing_again(file, source, imatrix=imatrix, threads=threads) as again:
        # Any type's plan holds the importance matrix against the source.
        plan = again.plan(said if said in FILE_TYPES else "F32")
        for name in shared:
            progress("Quantizing again", done / total)
            found.append(_compared(theirs[name], ours[name], again))
            done += theirs[name].n_bytes
    exhibits = [
        Exhibit(kind=kind, model="", content=content)
        for kind, content in (
            ("verified", {**_hashed(file, progress), **_counts(said, found, len(theirs))}),
            ("source", _hashed(source, progress)),
            ("making", {"said": making, **making_told(making)}),
            *(("importance", told) for told in _importance(imatrix, plan)),
            *(("type-verified", told) for told in _by_type(found)),
            *(("tensor-difference", told) for told in found if _differs(told)),
            *(("tensor-alone", told) for told in _alone(theirs, ours)),
            *(("metadata-difference", told) for told in _metadata(file, source)),
        )
    ]
    return Run(
        command="verify",
        provenance=provenance(threads=threads, devices=["CPU"]),
        models=[],
        exhibits=exhibits,
        notes=[*_quantized_source(source, ours), *_types_unlike(plan, said, theirs)],
    )


def _compared(their: TensorEntry, our: TensorEntry, again: Again) -> dict[str, Any]:
    """Describe a tensor that both files have; a `failure` is why none can be made to compare."""
    told: dict[str, Any] = {
        "name": their.name,
        "type": their.type,
        "source_type": our.type,
        "shape": list(their.shape),
        "n_bytes": their.n_bytes,
        "n_bytes_different": their.n_bytes,
        **dict.fromkeys(("rounding", "error", "between", "failure")),
    }
    try:
        return {**told, **again.compare(their.name)._asdict()}
    except (OptionError, ModelKindError) as error:
        return {**told, "failure": failure_values(error)}


def _differs(told: dict[str, Any]) -> bool:
    return bool(told["n_bytes_different"] or told["failure"])


def _counts(said: str | None, found: Sequence[dict[str, Any]], n_tensors: int) -> dict[str, Any]:
    n_equal = sum(not _differs(told) for told in found)
    return {"file_type": said, "n_tensors": n_tensors, "n_equal": n_equal}


def _hashed(path: Path, progress: Progress) -> dict[str, Any]:
    told = partial(progress, f"Reading {path.name}")
    sha256 = known_sha256(model_parts(path), progress=told)
    return {"path": str(path), "sha256": sha256, "file_bytes": check_gguf(path).n_bytes}


def _importance(imatrix: Path | None, plan: QuantizationPlan | None) -> list[dict[str, Any]]:
    if imatrix is None:
        return []
    entries = (plan.importance_entries, plan.importance_used) if plan else (None, None)
    told = dict(zip(("entries", "used"), entries, strict=True))
    return [{**told, "path": str(imatrix), "sha256": bytes_sha256(imatrix)}]


def _by_type(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Count tensors and bytes by the type that they have in the file, most bytes first."""
    types: dict[str, list[dict[str, Any]]] = {}
    for told in found:
        types.setdefault(told["type"], []).append(told)
    counted = [
        {
            "type": kind,
            "n": len(those),
            "n_equal": sum(not _differs(told) for told in those),
            "n_bytes": sum(told["n_bytes"] for told in those),
            "n_bytes_different": sum(told["n_bytes_different"] for told in those),
        }
        for kind, those in types.items()
    ]
    return sorted(counted, key=lambda told: -told["n_bytes"])


def _alone(theirs: Tensors, ours: Tensors) -> list[dict[str, Any]]:
    """Name the tensors that only one of the two has."""
    return [
        {"of": of, "name": row.name, "type": row.type, "shape": list(row.shape)}
        for of, tensors, other in (("file", theirs, ours), ("source", ours, theirs))
        for row in tensors.values()
        if row.name not in other
    ]


def _metadata(file: Path, source: Path) -> list[dict[str, Any]]:
    return [
        {"key": key, "kind": kind, "file": first, "source": second}
        for key, kind, first, second in metadata_differences(file, source)
    ]


def _quantized_source(source: Path, tensors: Tensors) -> list[Note]:
    quantized = [row for row in tensors.values() if row.type not in PLAIN_TYPES]
    if not quantized:
        return []
    first = quantized[0]
    values = {"source": str(source), "n": len(quantized), "first": first.name, "type": first.type}
    return [Note(code="source-quantized", values=values)]


def _types_unlike(plan: QuantizationPlan | None, said: str | None, theirs: Tensors) -> list[Note]:
    """Note tensors that have another type than llama.cpp gives a file of the type's name."""
    if plan is None or plan.file_type != said:
        return []
    usual = {row.name: row.type for row in plan.tensors}
    other = [row for row in theirs.values() if row.type != usual.get(row.name, row.type)]
    if not other:
        return []
    first = other[0]
    values = {"file_type": plan.file_type, "n": len(other), "first": first.name}
    values |= {"type": first.type, "usual": usual[first.name]}
    return [Note(code="types-unlike-preset", values=values)]
