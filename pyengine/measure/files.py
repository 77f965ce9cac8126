"""Which files a sweep measures, and what is known of each without opening it."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from pathlib import Path

from pyengine.errors import InputError, ModelFileError
from pyengine.measure.quantize import PART_SUFFIX
from pyengine.models.gguf import read_tensor_table

LATER_PART = "-of-"


def find_variants(paths: Iterable[Path]) -> list[Path]:
    """Return the GGUF files that files and folders name, each once, in order of their names.

    Of a split model only the first part counts.

    Raises:
        InputError: a path does not exist, or a folder holds no GGUF.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = [
                p for p in sorted(path.glob("*.gguf")) if _is_first_part(p) and not p.is_dir()
            ]
            if not inside:
                raise InputError(f"{path}: holds no GGUF file")
            found += inside
        elif os.path.lexists(path):  # a link that leads nowhere costs its own row
            found.append(path)
        else:
            raise InputError(f"{path}: no such file")
    return list(dict.fromkeys(found))


def bits_per_weight(path: Path) -> float | None:
    """Return 8 * bytes of all tensors / number of weights; None for a file that is damaged."""
    try:
        table = read_tensor_table(path) if path.is_file() else []
    except (ModelFileError, OSError):
        return None
    weights = sum(math.prod(row.shape) for row in table)
    return 8 * sum(row.n_bytes for row in table) / weights if weights else None


def _is_first_part(path: Path) -> bool:
    return LATER_PART not in path.stem or PART_SUFFIX.search(path.stem) is not None
