"""Whether a file is what its source quantizes to, and what may have made it another: codes."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from pyengine.run.record import Run

# Where of no type more of the differing tensors' bytes differ, the same numbers were only rounded
# otherwise before. Of SmolLM2-135M, over its types: F16 in place of F32 0.1 to 4 %, BF16 3 to 14 %,
# an importance matrix 19 to 51 %.
FEW_BYTES = 0.15
# Importance changes the error of a tensor by less; other weights do by more.
OTHER_WEIGHTS = 2.0
# Types that ggml quantizes to without a look at importance.
UNWEIGHTED = ("f32", "f16", "bf16", "q8_0", "mxfp4", "nvfp4", "tq1_0", "tq2_0")
Reason = tuple[str, dict[str, Any]]


def proven(run: Run) -> bool:
    """Whether all tensors are equal, and all metadata that decide what a model computes."""
    (file,) = run.shown("verified")
    return (
        file["n_equal"] == file["n_tensors"]
        and not run.shown("tensor-alone")
        and not deciding_metadata(run)
    )


def deciding_metadata(run: Run) -> list[str]:
    """Return the keys of tokenizer and hyperparameters that differ."""
    told = run.shown("metadata-difference")
    return [one["key"] for one in told if one["kind"] != "description"]


def share_different(run: Run) -> float:
    """Return which share of the bytes of the differing tensors differs; 0 where none does."""
    return _share(run.shown("tensor-difference"))


def _share(told: Sequence[dict[str, Any]]) -> float:
    n_bytes = sum(one["n_bytes"] for one in told)
    return sum(one["n_bytes_different"] for one in told) / n_bytes if n_bytes else 0.0


def reasons(run: Run) -> list[Reason]:
    """Say what the tensors differ for, as far as the record tells it, and what would settle it.

    Returns:
        pairs of a code and its values: "failed" where tensors cannot be compared; then the first
        that holds of "other-source" (the file says so), "copied" (tensors that are only copied
        differ), "far" (its errors are too large), "few-bytes", "unweighted" (types that importance
        does not change) and, of the importance matrix that
        was given, "matrix-other", "matrix-none" and "matrix-not-this", or of one that was not,
        "matrix-unused", "matrix-hashed" and "matrix-named" (as the file says) and "matrix-unknown".
    """
    told = run.shown("tensor-difference")
    failed = [one for one in told if one["failure"]]
    compared = [one for one in told if not one["failure"]]
    found = [
        ("failed", {"n": len(failed), "first": failed[0]["name"], **failed[0]["failure"]})
        for _ in failed[:1]
    ]
    if compared or failed:
        found += _of_source(run, compared) or _of_bytes(compared) or _of_matrix(run)
    return found


def _of_source(run: Run, compared: list[dict[str, Any]]) -> list[Reason]:
    """Say that the file was made of something else."""
    (making,), (source,) = run.shown("making"), run.shown("source")
    if making["source_sha256"] not in (None, source["sha256"]):
        return [("other-source", {"said": making["source_sha256"]})]
    copied = [one for one in compared if one["type"] == one["source_type"]]
    if copied:
        return [("copied", {"n": len(copied), "first": copied[0]["name"]})]
    ratios = [one["error"] / one["rounding"] for one in compared if one["rounding"]]
    ratio = statistics.median(ratios) if ratios else 0.0
    return [("far", {"ratio": ratio})] if ratio > OTHER_WEIGHTS else []


def _of_bytes(compared: list[dict[str, Any]]) -> list[Reason]:
    """Say that the file was made of the same numbers, or of other ones."""
    types = {one["type"] for one in compared}
    shares = [_share([one for one in compared if one["type"] == kind]) for kind in types]
    if shares and max(shares) <= FEW_BYTES:
        return [("few-bytes", {"share": max(shares)})]
    unweighted = [one for one in compared if one["type"] in UNWEIGHTED]
    if not unweighted:
        return []
    first = unweighted[0]
    return [("unweighted", {"n": len(unweighted), "first": first["name"], "type": first["type"]})]


def _of_matrix(run: Run) -> list[Reason]:
    """Say what is known of the importance matrix that the file was made with."""
    (making,), given = run.shown("making"), run.shown("importance")
    sha256, name = making["importance_sha256"], making["importance_file"]
    without = making["pyengine"] is not None and not sha256
    if given and sha256 and sha256 != given[0]["sha256"]:
        return [("matrix-other", {"said": sha256, "given": given[0]["sha256"]})]
    if without:
        return [("matrix-none" if given else "matrix-unused", {})]
    if given:
        return [("matrix-not-this", {"path": given[0]["path"], "name": name})]
    if sha256:
        return [("matrix-hashed", {"said": sha256})]
    if name:
        return [("matrix-named", {"name": name, "text": making["importance_text"]})]
    return [("matrix-unknown", {})]
