"""How a file is run: the command lines of the programs that take it."""

from __future__ import annotations

import json
import shlex
from typing import Any

from pyengine.choose.candidates import Candidate
from pyengine.report.words import say
from pyengine.run.record import Run


def run_values(run: Run, chosen: Candidate) -> dict[str, Any]:
    """Return what the command lines that run a file are filled with."""
    path = shlex.quote(chosen.path)
    faults = any("not_repacked" in timing for timing in run.shown("timing"))
    return {
        "path": path,
        "quoted": json.dumps(chosen.path, ensure_ascii=False),
        "context": run.options.get("context"),
        "layers": run.options.get("gpu_layers") or None,
        "repack": "--no-repack" if faults else None,
        "ollama": _ollama_words(run, chosen, path),
        "lmstudio": _lmstudio_words(run, chosen, path),
    }


def reference_of_offer(run: Run, chosen: Candidate) -> str:
    """Return by which name a store has the file; its path where none has."""
    offers = {offer["name"]: offer["reference"] for offer in run.shown("offer")}
    return str(offers.get(chosen.name, chosen.path))


def _ollama_words(run: Run, chosen: Candidate, path: str) -> str:
    scheme, _, name = reference_of_offer(run, chosen).partition(":")
    if scheme == "ollama":
        return say("run-it", "ollama-has", name=shlex.quote(name))
    modelfile = run.options.get("modelfile")
    name = shlex.quote(chosen.name.lower())
    if modelfile:
        return say("run-it", "ollama-create", name=name, modelfile=shlex.quote(modelfile))
    return say("run-it", "ollama-write", name=name, path=path)


def _lmstudio_words(run: Run, chosen: Candidate, path: str) -> str:
    there = reference_of_offer(run, chosen).startswith("lmstudio:")
    return say("run-it", "lmstudio-has" if there else "lmstudio-import", path=path)
