"""Quantize one source to many types, and record what became of each."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from pyengine.engine.gguf import check_gguf
from pyengine.engine.quantize import (
    QuantizationPlan,
    QuantizeOptions,
    check_free_space,
    file_sha256,
    plan_quantization,
    quantize_file,
)
from pyengine.files import making_folder, remove_leftovers
from pyengine.results import Record, Result, provenance

# A source's name often says its own type, which its variants do not have.
FLOAT_SUFFIX = re.compile(r"[-_.](?:f16|bf16|f32|fp16|fp32)$", re.IGNORECASE)
PART_SUFFIX = re.compile(r"-00001-of-\d{5}$")

Progress = Callable[[str, float], object]


class FallbackRecord(Record):
    """A tensor whose rows are not whole blocks of the type that it should have had."""

    name: str
    shape: list[int]
    row_type: str
    target_type: str


class VariantRecord(Record):
    """One quantized file, written or planned.

    Attributes:
        file_bytes: exact, known before anything is written.
        tensor_types: number of tensors of each type.
        reused: an earlier run wrote it from the same source with the same options.
    """

    file_type: str
    base_type: str
    path: str
    file_bytes: int
    bits_per_weight: float
    tensor_types: dict[str, int]
    fallbacks: list[FallbackRecord]
    reused: bool


class QuantizeResult(Result):
    """What `pyengine quantize` did, or with `dry_run` would do.

    Attributes:
        importance_entries: how many tensors the importance matrix names; 0 without one.
        importance_used: how many of them the source has.
    """

    kind: Literal["quantize"] = "quantize"
    source: str
    source_sha256: str
    source_bytes: int
    dry_run: bool
    importance_entries: int = 0
    importance_used: int = 0
    variants: list[VariantRecord]


def variant_path(source: Path, folder: Path, file_type: str) -> Path:
    """Return where a variant of a source goes: NAME-TYPE.gguf without the source's own type."""
    stem = PART_SUFFIX.sub("", source.stem)
    return folder / f"{FLOAT_SUFFIX.sub('', stem)}-{file_type}.gguf"


def quantize_all(
    source: Path,
    file_types: Sequence[str],
    folder: Path,
    *,
    options: QuantizeOptions,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> QuantizeResult:
    """Quantize a source to each type; files that are there already are kept.

    The folder is made where it is missing; one that nothing was written to is removed again.

    Raises:
        InputError: the folder cannot be made, its disk is too small for all, or another file is in
            the way; nothing of that file is written.
        ModelFileError, ModelKindError, OptionError: the source or an option cannot be used.
    """
    summary = check_gguf(source)
    plans = plan_quantization(source, list(file_types), options=options)
    source_sha256 = file_sha256(source)
    targets = [variant_path(source, folder, plan.file_type) for plan in plans]
    reused = [False] * len(plans)
    if not dry_run:
        with making_folder(folder):
            remove_leftovers(folder)
            missing = [p for p, t in zip(plans, targets, strict=True) if not t.exists()]
            check_free_space(folder, sum(plan.file_bytes for plan in missing))
            reused = [
                quantize_file(
                    source,
                    target,
                    plan,
                    source_sha256=source_sha256,
                    options=options,
                    progress=_labelled(progress, plan.file_type),
                ).reused
                for plan, target in zip(plans, targets, strict=True)
            ]
    # llama.cpp quantizes on the CPU, whatever else there is.
    return QuantizeResult(
        provenance=provenance(threads=options.threads, devices=["CPU"]),
        source=str(source),
        source_sha256=source_sha256,
        source_bytes=summary.n_bytes,
        dry_run=dry_run,
        importance_entries=plans[0].importance_entries,
        importance_used=plans[0].importance_used,
        variants=list(map(_record, plans, targets, reused)),
    )


def _labelled(progress: Progress | None, file_type: str) -> Callable[[float], object] | None:
    if progress is None:
        return None
    report = progress
    return lambda fraction: report(f"Quantizing to {file_type}", fraction)


def _record(plan: QuantizationPlan, target: Path, reused: bool) -> VariantRecord:
    return VariantRecord(
        file_type=plan.file_type,
        base_type=plan.base_type,
        path=str(target),
        file_bytes=plan.file_bytes,
        bits_per_weight=plan.bits_per_weight,
        tensor_types=plan.tensor_types,
        fallbacks=[
            FallbackRecord(
                name=tensor.name,
                shape=list(tensor.shape),
                row_type=plan.base_type,
                target_type=tensor.target_type,
            )
            for tensor in plan.fallbacks
        ],
        reused=reused,
    )
