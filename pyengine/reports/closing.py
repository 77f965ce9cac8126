"""How to cite a result and how to repeat it."""

from __future__ import annotations

import hashlib
import shlex

from pyengine.reports.loading import Saved, command_of
from pyengine.reports.tables import Facts, Section
from pyengine.run.record import Provenance, Run

METHOD = (
    "The method follows and extends “Compressed code: the hidden effects of quantization and "
    "distillation on programming tokens”, arXiv 2601.02563."
)


def closing(result: Saved) -> Section:
    """Say how to cite this result, how to repeat it, and how to recognise its record."""
    made = result.provenance
    pairs = [
        (
            "cite",
            f"pyengine {made.pyengine} (llama.cpp {made.llama_cpp}), {command_of(result)} record "
            f"{fingerprint(result)[:16]}. {METHOD}",
        ),
        ("repeat", repeat_command(result)),
        (
            "record",
            f"schema version {result.schema_version}, SHA-256 {fingerprint(result)} of its "
            "compact JSON; the same input on the same machine gives the same record",
        ),
    ]
    return Section("How to cite and repeat", (Facts("", tuple(pairs)),))


def fingerprint(result: Saved) -> str:
    """Return the SHA-256 of the record's compact JSON."""
    return hashlib.sha256(result.model_dump_json().encode()).hexdigest()


def repeat_command(result: Saved) -> str:
    """Write the command that measures the same again, as far as the record knows it."""
    made = result.provenance
    asked = made.words if isinstance(made, Provenance) else made.command
    if asked:
        return shlex.join(["pyengine", *asked])
    words = ["pyengine", command_of(result), *_models(result)]
    if made.seed is not None:
        words += ["--seed", str(made.seed)]
    return f"{shlex.join(words)}, with the other options that were given in Python"


def _models(result: Saved) -> list[str]:
    """Return the paths of the models that a record names, the reference first."""
    if isinstance(result, Run):
        return [model.path for model in result.models]
    reference = getattr(result, "reference", None)
    several = getattr(result, "models", None) or getattr(result, "variants", None) or []
    records = [reference, *(getattr(item, "model", item) for item in several)]
    paths = [getattr(record, "path", None) for record in records]
    return [path for path in paths if isinstance(path, str)]
