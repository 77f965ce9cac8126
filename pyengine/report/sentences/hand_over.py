"""What comes next: how a file is run, which command follows another, how one is resumed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from pyengine.choose.candidates import Candidate
from pyengine.report.words import has_words, say
from pyengine.run.record import Run

# Of a model's settings, the options of llama.cpp's programs.
FLAGS = {
    **{"k": ("-ctk",), "v": ("-ctv",), "kv": ("-ctk", "-ctv"), "fa": ("-fa",), "ubatch": ("-ub",)},
    **{"rope-base": ("--rope-freq-base",), "rope-scale": ("--rope-freq-scale",)},
    **{"ngl": ("-ngl",), "rpc": ("--rpc",)},
}


def run_values(run: Run, chosen: Candidate) -> dict[str, Any]:
    """Return what the command lines that run a file are filled with."""
    path = shlex.quote(chosen.path)
    faults = any("not_repacked" in timing for timing in run.shown("timing"))
    return {
        "path": path,
        "quoted": json.dumps(chosen.path, ensure_ascii=False),
        "context": run.options.get("context"),
        "settings": shlex.join(_flags(chosen.variant)),
        "layers": None if "ngl=" in chosen.variant else run.options.get("gpu_layers") or None,
        "repack": "--no-repack" if faults else None,
        "ollama": _ollama_words(run, chosen, path),
        "lmstudio": _lmstudio_words(run, chosen, path),
    }


def _flags(settings: str) -> list[str]:
    """Return the options by which llama.cpp's programs compute as settings such as "?kv=q8_0"."""
    found: list[str] = []
    for pair in filter(None, settings.removeprefix("?").split("&")):
        name, _, value = pair.partition("=")
        value = unquote(value)
        if name == "lora":
            found += ["--lora-scaled" if ":" in value else "--lora", value]
        for flag in FLAGS.get(name, ()):
            found += [flag, value]
    return found


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


def next_values(run: Run, folder: str | None) -> dict[str, str] | None:
    """Return what the command lines that follow on a result are filled with; None where none does.

    Args:
        folder: where a sweep is kept; None where that is not known.
    """
    paths = [f"{model.path}{model.variant}" for model in run.models]
    told = {
        "models": shlex.join(paths),
        "command": shlex.join(["pyengine", *run.provenance.words]),
    }
    if run.command in ("probe", "vocab"):  # not of saved logits
        return told if all(model.path.endswith(".gguf") for model in run.models) else None
    if run.command == "quantize":
        (source,) = run.shown("source")
        files = [variant["path"] for variant in run.shown("quantized")]
        names = {"source": shlex.quote(source["path"]), "files": shlex.join(files)}
        return None if run.options["dry_run"] else names
    if run.command == "recipe":
        return _recipe_values(run)
    if run.command == "imatrix":
        (file,), (model,) = run.shown("imatrix"), run.models
        return {"source": shlex.quote(model.path), "path": shlex.quote(file["path"])}
    if run.command == "compare":
        reference, *variants = paths
        names = {"reference": shlex.quote(reference), "variants": shlex.join(variants)}
        return {**told, **names} if variants else None
    if run.command == "sweep":
        return None if folder is None else {"folder": shlex.quote(folder)}
    if run.command == "evaluate" and "--show" not in run.provenance.words:
        task = next((task for task in run.shown("answer") if _has_failed(task)), None)
        return None if task is None else {**told, "task": shlex.quote(task["task"])}
    return None


def _recipe_values(run: Run) -> dict[str, str] | None:
    """Return what makes the first file by recipe again, and proves it; None where there is none."""
    kept = [recipe for recipe in run.shown("recipe") if recipe["kept"] == "recipe"]
    if not kept:
        return None
    (source,) = run.shown("source")
    imatrix = run.options.get("imatrix")
    return {
        "rules": shlex.quote(kept[0]["rules_path"]),
        "path": shlex.quote(kept[0]["path"]),
        "source": shlex.quote(source["path"]),
        "imatrix": shlex.quote(imatrix) if imatrix else "",
        "file_type": kept[0]["file_type"],
    }


def _has_failed(task: Mapping[str, Any]) -> bool:
    return any(sample["outcome"] not in ("passed", "skipped") for sample in task["samples"])


def resume_sentence(command: str, *, fresh: bool = False) -> str:
    """Say how a command that was interrupted goes on; nothing where it is just run again."""
    if not has_words("resume", command):
        return ""
    return say("resume", command, fresh="--fresh" if fresh else None)
