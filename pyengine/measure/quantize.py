"""Quantize one source to many types, and record what became of each."""

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pyengine.files import making_folder, remove_leftovers
from pyengine.measure.provenance import provenance
from pyengine.measure.quantize_plans import Progress, SizeLimit, planned
from pyengine.models.gguf import check_gguf
from pyengine.models.quantize import (
    check_free_space,
    check_importance,
    file_sha256,
    quantize_file,
)
from pyengine.models.quantize_options import QuantizationPlan, QuantizeOptions
from pyengine.run.record import Exhibit, Run

# A source's name often says its own type, which its variants do not have.
FLOAT_SUFFIX = re.compile(r"[-_.](?:f16|bf16|f32|fp16|fp32)$", re.IGNORECASE)
PART_SUFFIX = re.compile(r"-00001-of-\d{5}$")


def variant_path(source: Path, folder: Path, file_type: str) -> Path:
    """Return where a variant of a source goes: NAME-TYPE.gguf without the source's own type."""
    stem = PART_SUFFIX.sub("", source.stem)
    return folder / f"{FLOAT_SUFFIX.sub('', stem)}-{file_type}.gguf"


def quantize_all(
    source: Path,
    file_types: Sequence[str] | None,
    folder: Path,
    *,
    options: QuantizeOptions,
    limits: Sequence[SizeLimit] = (),
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Run:
    """Quantize a source to each type; files that are there already are kept.

    The folder is made where it is missing; one that nothing was written to is removed again.

    Args:
        source: the model to quantize.
        file_types: by their names; None, in a dry run, for every type that there is.
        folder: where the files go.
        options: how to quantize.
        limits: sizes, of each of which the largest type is made.
        dry_run: plan alone, also what needs an importance matrix that is not given.
        progress: called with what is being done and the part that is done.

    Returns:
        a run with the exhibits "source" (path, sha256, file_bytes), with an importance matrix
        "importance" (entries and used: how many tensors it names, and how many of them the source
        has), "size" for each limit, "rule" for each override and, for each type, "quantized", see
        `_content`.

    Raises:
        InputError: the folder cannot be made, its disk is too small for all, or another file is in
            the way; nothing of that file is written.
        ModelFileError, ModelKindError, OptionError: the source or an option cannot be used.
    """
    summary = check_gguf(source)
    found = planned(source, file_types, limits, options, progress)
    plans = found.plans
    for plan in plans if not dry_run else ():
        check_importance(source, plan, options)
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
                    progress=progress and partial(progress, f"Quantizing to {plan.file_type}"),
                )
                for plan, target in zip(plans, targets, strict=True)
            ]
    source_content = {
        "path": str(source),
        "sha256": source_sha256,
        "file_bytes": summary.n_bytes,
    }
    exhibits = [Exhibit(kind="source", model="", content=source_content)]
    if plans[0].importance_entries:
        used = {"entries": plans[0].importance_entries, "used": plans[0].importance_used}
        exhibits.append(Exhibit(kind="importance", model="", content=used))
    exhibits += found.exhibits
    for plan, target, was_there in zip(plans, targets, reused, strict=True):
        content = _content(plan, target, reused=was_there)
        exhibits.append(Exhibit(kind="quantized", model="", content=content))
    # llama.cpp quantizes on the CPU, whatever else there is.
    return Run(
        command="quantize",
        options={"dry_run": dry_run},
        provenance=provenance(threads=options.threads, devices=["CPU"]),
        models=[],
        exhibits=exhibits,
        notes=found.notes,
    )


def _content(plan: QuantizationPlan, target: Path, *, reused: bool) -> dict[str, Any]:
    """Describe one file, written or planned.

    Keys: file_type, base_type, path, file_bytes (exact, known before anything is written),
    bits_per_weight, tensor_types (how many of each), n_needing_importance (how many cannot be made
    without their importance), lacks_importance (those of them that no matrix names), reused (an
    earlier run wrote it from the same source with the same options), and fallbacks: tensors whose
    rows are not whole blocks of the type that they should have had, each with name, shape, row_type
    (that type) and target_type.
    """
    return {
        "file_type": plan.file_type,
        "base_type": plan.base_type,
        "path": str(target),
        "file_bytes": plan.file_bytes,
        "bits_per_weight": plan.bits_per_weight,
        "tensor_types": plan.tensor_types,
        "n_needing_importance": len(plan.needs_importance),
        "lacks_importance": list(plan.lacks_importance),
        "reused": reused,
        "fallbacks": [
            {
                "name": tensor.name,
                "shape": list(tensor.shape),
                "row_type": plan.wanted[tensor.name],
                "target_type": tensor.type,
            }
            for tensor in plan.fallbacks
        ],
    }


def quantized_paths(run: Run) -> list[Path]:
    """Return the files that a run of `quantize_all` wrote or found."""
    return [Path(content["path"]) for content in run.shown("quantized")]
