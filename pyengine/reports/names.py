"""What model files are called in tables and pictures."""

from __future__ import annotations

import re

_HASH = re.compile(r"(?:sha256-)?[0-9a-f]{64}")


def file_name(path: str, model_name: str) -> str:
    """Return the name of a file; the model's own where a store named the file by its hash."""
    name = path.rsplit("/", 1)[-1]
    return model_name if _HASH.fullmatch(name.removesuffix(".gguf")) else name
