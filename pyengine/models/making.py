"""What a file that pyengine wrote says of its own making: the keys of its metadata.

llama.cpp adds texts of at most 127 bytes, so long lists of rules are told by their hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import pyengine
from pyengine._build_info import LLAMA_CPP_PYTHON_VERSION
from pyengine.models.gguf import RECIPE_KEY, read_head
from pyengine.models.quantize_options import QuantizeOptions

PREFIX = "pyengine."
VERSION_KEY = "pyengine.version"
LLAMA_KEY = "pyengine.llama_cpp_python"
SOURCE_KEY = "pyengine.source_sha256"
CORPUS_KEY = "pyengine.corpus_sha256"
# Of a quantized file. The first is a hash of all that decides its bytes, beside the source.
OPTIONS_SHA256_KEY = "pyengine.quantize_sha256"
OPTIONS_KEY = "pyengine.quantize_options"
RULES_KEY = "pyengine.rules_sha256"
IMPORTANCE_KEY = "pyengine.importance_sha256"
# Of an importance matrix: a hash of all that decides its sums, and over how many contexts they are.
SETTINGS_KEY = "pyengine.imatrix_sha256"
CONTEXTS_KEY = "pyengine.imatrix_contexts"
# What llama-quantize writes of an importance matrix, and uploaders of themselves.
OTHERS = (
    *("quantize.imatrix.file", "quantize.imatrix.dataset", "quantize.imatrix.entries_count"),
    *("quantize.imatrix.chunks_count", "general.quantized_by"),
)
UNKNOWN = "0" * 64  # as long as any hash: a plan counts bytes


def quantize_metadata(
    file_type: str,
    options: QuantizeOptions,
    *,
    source_sha256: str = UNKNOWN,
    options_sha256: str = UNKNOWN,
    importance_sha256: str = UNKNOWN,
) -> list[tuple[str, str]]:
    """Return keys and values that a quantized file gets, with hashes as they are given.

    What does not apply is empty, lest the source's own stay where it was quantized too.
    """
    told = {
        "file_type": file_type,
        "output_type": options.output_type,
        "embedding_type": options.embedding_type,
        "pure": options.pure,
        "n_rules": len(options.overrides),
    }
    asked = {name: value for name, value in told.items() if value}
    return [
        (VERSION_KEY, pyengine.__version__),
        (LLAMA_KEY, LLAMA_CPP_PYTHON_VERSION),
        (SOURCE_KEY, source_sha256),
        (OPTIONS_SHA256_KEY, options_sha256),
        (OPTIONS_KEY, json.dumps(asked, separators=(",", ":"))),
        (RULES_KEY, rules_sha256(options.overrides) if options.overrides else ""),
        (IMPORTANCE_KEY, "" if options.imatrix is None else importance_sha256),
        (RECIPE_KEY, options.recipe_sha256 or ""),
        (CORPUS_KEY, options.corpus_sha256 or ""),
    ]


def rules_sha256(overrides: tuple[tuple[str, str], ...]) -> str:
    """Return a hash of rules in their order, one PATTERN=type in a line."""
    lines = "".join(f"{pattern}={kind.lower()}\n" for pattern, kind in overrides)
    return hashlib.sha256(lines.encode()).hexdigest()


def making_told(said: Mapping[str, str | int]) -> dict[str, str | int | None]:
    """Return of what a file says it was made, whoever made it: None where it does not say."""
    return {
        "pyengine": said.get(VERSION_KEY),
        "source_sha256": said.get(SOURCE_KEY),
        "importance_sha256": said.get(IMPORTANCE_KEY),
        "importance_file": said.get("quantize.imatrix.file"),
        "importance_text": said.get("quantize.imatrix.dataset"),
    }


def read_making(path: str | Path) -> dict[str, str | int]:
    """Return what a file's metadata say of who made it, of what and how, by key.

    Raises:
        ModelFileError: it is no GGUF.
    """
    _, said = read_head(path)
    ours = [key for key in sorted(said) if key.startswith(PREFIX) or key in OTHERS]
    return {key: said[key] for key in ours if said[key] != ""}
