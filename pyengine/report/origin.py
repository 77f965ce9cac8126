"""Where a result comes from: with what it was made, how to cite it and how to repeat it."""

from __future__ import annotations

import hashlib
import shlex

from pyengine.report.document import Facts, Section
from pyengine.report.numbers import counted
from pyengine.run.record import Provenance, Run

METHOD = (
    "The method follows and extends “Compressed code: the hidden effects of quantization and "
    "distillation on programming tokens”, arXiv 2601.02563."
)


def importance_facts(run: Run) -> list[tuple[str, str]]:
    """Say how much of an importance matrix was used; nothing where there was none."""
    found = run.shown("importance")
    return [
        ("importance matrix", f"{told['used']} of {told['entries']} entries are used")
        for told in found
    ]


def provenance_facts(made: Provenance) -> Facts:
    """Describe versions, machine and seed."""
    pairs = (
        ("pyengine", made.pyengine),
        ("llama.cpp", f"{made.llama_cpp} (llama-cpp-python {made.llama_cpp_python})"),
        ("machine", f"{machine(made)}, {made.platform}"),
        ("devices", ", ".join(made.devices)),
        ("seed", "none" if made.seed is None else str(made.seed)),
    )
    return Facts("With", pairs)


def machine(made: Provenance) -> str:
    """Name the processor, its cores and the threads that computed."""
    return f"{made.cpu}, {counted(made.cores, 'core')}, {counted(made.threads, 'thread')}"


def closing(run: Run) -> Section:
    """Say how to cite this result, how to repeat it, and how to recognise its record."""
    made, fingerprint = run.provenance, fingerprint_of(run)
    pairs = (
        (
            "cite",
            f"pyengine {made.pyengine} (llama.cpp {made.llama_cpp}), {run.command} record "
            f"{fingerprint[:16]}. {METHOD}",
        ),
        ("repeat", repeat_command(run)),
        (
            "record",
            f"schema version {run.schema_version}, SHA-256 {fingerprint} of its "
            "compact JSON; the same input on the same machine gives the same record",
        ),
    )
    return Section("How to cite and repeat", (Facts("", pairs),))


def fingerprint_of(run: Run) -> str:
    """Return the SHA-256 of the record's compact JSON."""
    return hashlib.sha256(run.model_dump_json().encode()).hexdigest()


def repeat_command(run: Run) -> str:
    """Write the command that measures the same again, as far as the record knows it."""
    made = run.provenance
    if made.words:
        return shlex.join(["pyengine", *made.words])
    words = ["pyengine", run.command, *(model.path for model in run.models)]
    if made.seed is not None:
        words += ["--seed", str(made.seed)]
    return f"{shlex.join(words)}, with the other options that were given in Python"
