"""Where a result comes from: with what it was made, how to cite it and how to repeat it."""

from __future__ import annotations

import hashlib
import shlex

from pyengine.report.document import Facts, Section
from pyengine.report.numbers import counted
from pyengine.report.sentences import files, notes
from pyengine.report.words import facts
from pyengine.run.record import Provenance, Run


def importance_facts(run: Run) -> list[tuple[str, str]]:
    """Say how much of an importance matrix was used; nothing where there was none."""
    return [("importance matrix", files.importance_words(told)) for told in run.shown("importance")]


def provenance_facts(made: Provenance) -> Facts:
    """Describe versions, machine and seed."""
    devices, seed = ", ".join(made.devices), "none" if made.seed is None else made.seed
    return facts("With", made=made, machine=machine(made), devices=devices, seed=seed)


def machine(made: Provenance) -> str:
    """Name the processor, its cores and the threads that computed."""
    return f"{made.cpu}, {counted(made.cores, 'core')}, {counted(made.threads, 'thread')}"


def closing(run: Run) -> Section:
    """Say how to cite this result, how to repeat it, and how to recognise its record."""
    told = facts(
        "closing", title="", run=run, fingerprint=fingerprint_of(run), repeat=repeat_command(run)
    )
    return Section("How to cite and repeat", (told,))


def fingerprint_of(run: Run) -> str:
    """Return the SHA-256 of the record's compact JSON."""
    return hashlib.sha256(run.model_dump_json().encode()).hexdigest()


def repeat_command(run: Run) -> str:
    """Write the command that measures the same again, as far as the record knows it."""
    made = run.provenance
    words = list(made.words) or [run.command, *(model.path for model in run.models)]
    if made.seed is not None and not made.words:
        words += ["--seed", str(made.seed)]
    return notes.repeat_words(made, shlex.join(["pyengine", *words]))
