"""Records of verified files that the tests of reports share."""

from typing import Any

from run_samples import made_run

from pyengine.run import Exhibit, Note, Run

FAILURE = {"error": "OptionError", "message": "it has no importance, which iq2_xs needs"}


def difference(name: str, **told: object) -> dict[str, Any]:
    """A tensor of q4_K whose bytes differ by a third."""
    numbers = {"rounding": 0.0702, "error": 0.0721, "between": 0.0301, "failure": None}
    shape = {"type": "q4_K", "source_type": "f16", "shape": [256, 8], "n_bytes": 1152}
    return {"name": name, **shape, "n_bytes_different": 384, **numbers, **told}


def alone(of: str, *names: str) -> list[dict[str, Any]]:
    """Tensors that only the file, or only the source, has."""
    return [{"of": of, "name": name, "type": "f16", "shape": [4]} for name in names]


def metadata(key: str, kind: str) -> dict[str, Any]:
    """A key that differs."""
    return {"key": key, "kind": kind, "file": "gpt-2", "source": None}


def sample_verified(
    *different: dict[str, Any],
    lonely: list[dict[str, Any]] | None = None,
    said: dict[str, Any] | None = None,
    matrix: str = "",
    keys: list[dict[str, Any]] | None = None,
    notes: list[Note] | None = None,
) -> Run:
    """A file of two tensors that are the same, and those that differ."""
    told = dict.fromkeys(
        ("pyengine", "source_sha256", "importance_sha256", "importance_file", "importance_text")
    )
    n_bytes = 1152 * (2 + len(different))
    by_type = {
        "type": "q4_K",
        "n": 2 + len(different),
        "n_equal": 2,
        "n_bytes": n_bytes,
        "n_bytes_different": 384 * len(different),
    }
    file = {"path": "theirs-Q4_K_M.gguf", "sha256": "f" * 64, "file_bytes": n_bytes + 500}
    counts = {"file_type": "Q4_K_M", "n_tensors": 2 + len(different), "n_equal": 2}
    source = {"path": "f16.gguf", "sha256": "a" * 64, "file_bytes": 99_000}
    importance = {"path": "m.gguf", "sha256": matrix, "entries": 5, "used": 4}
    contents = [
        ("verified", {**file, **counts}),
        ("source", source),
        ("making", {**told, "said": {}, **(said or {})}),
        *(("importance", importance) for _ in range(bool(matrix))),
        ("type-verified", by_type),
        *(("tensor-difference", one) for one in different),
        *(("tensor-alone", one) for one in lonely or []),
        *(("metadata-difference", one) for one in keys or []),
    ]
    exhibits = [Exhibit(kind=kind, model="", content=content) for kind, content in contents]
    return made_run([], [], command="verify", exhibits=exhibits, notes=notes or [])
