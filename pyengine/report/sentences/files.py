"""What is said of model files: those on this machine, and those that were quantized."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pyengine.errors import problem_sentence
from pyengine.report.words import say
from pyengine.run.record import Run


def models_sentence(run: Run) -> str:
    """Say how many models were found and what they take, or that there is none."""
    n = len(run.shown("file"))
    if not n:
        return say("models", "none")
    copies = _bytes(run, "copy_bytes") or None
    return say("models", "answer", n=n, on_disk=_bytes(run, "disk_bytes"), copies=copies)


def _bytes(run: Run, metric: str) -> int:
    (row,) = run.select(metric)
    return int(row.value)


def file_sentences(files: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say what is wrong with files, and what it means that some are the same bytes."""
    told = [
        f"{file['reference']}: {problem_sentence(file['problem'])}"
        for file in files
        if file["problem"]
    ]
    same = any(file["same_bytes"] for file in files)
    return [*told, say("models", "same-bytes")] if same else told


def quantize_sentence(run: Run) -> str:
    """Say how many files were written, or would be, and how many were there already."""
    variants = run.shown("quantized")
    new = [variant["file_bytes"] for variant in variants if not variant["reused"]]
    code = "dry" if run.options["dry_run"] else "written"
    kept = len(variants) - len(new) or None
    lacking = sum(bool(variant["lacks_importance"]) for variant in variants) or None
    n, total = len(new), sum(new)
    return say("quantization", code, n=n, total=total, kept=kept, lacking=lacking)


def size_sentences(run: Run) -> list[str]:
    """Say of each size that was asked for which type is the largest within it."""
    told = []
    for choice in run.shown("size"):
        found = next(v for v in run.shown("quantized") if v["file_type"] == choice["file_type"])
        code = "size" if choice["max_bits"] is None else "bits"
        told.append(say("quantization", code, **{**choice, **found, "asked": choice["asked"]}))
    return told


def file_notes(run: Run, folder: Path) -> list[str]:
    """Say where files are, and what those that fell back lacked: whole blocks."""
    told = [] if run.options["dry_run"] else [say("quantization", "folder", folder=folder)]
    fallen = [tensor for variant in run.shown("quantized") for tensor in variant["fallbacks"]]
    if not fallen:
        return told
    lengths = sorted({tensor["shape"][0] for tensor in fallen})
    return [*told, say("quantization", "fell-back", lengths=lengths)]


def importance_words(told: Mapping[str, Any]) -> str:
    """Say how much of an importance matrix was used."""
    return say("quantization", "importance", **told)
