"""Show what `pyengine doctor` found, and say in words what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pyengine.report.document import Block, Document, Facts, Paragraph
from pyengine.report.tables import Cell, Column, Field, Tone, listing, text
from pyengine.run.record import Run

Values = Mapping[str, Any]

_GIB = 1 << 30
_PURPOSES = {
    "huggingface_hub": ("downloads by hf: references", "hub"),
    "matplotlib": ("pages (`--html`) and pictures", "plots"),
    "pyarrow": ("`pyengine report --parquet`", "parquet"),
}


# Status of a check, the gravest last: its tone, its word, and what it says of the whole.
_STATUSES: Mapping[str, tuple[Tone, str, str]] = {
    "good": ("good", "ok", "Everything is in order."),
    "note": ("dim", "note", "Everything needed is in order; something optional is missing."),
    "warn": ("warn", "look", "It works, with something to look at."),
    "bad": ("bad", "wrong", "Something is wrong and needs mending."),
}
_GRAVITY = tuple(_STATUSES)


def doctor_document(run: Run) -> Document:
    """Show the checks by topic, then what to do about them."""
    checks = run.shown("check")
    worst = max((check["status"] for check in checks), key=_GRAVITY.index, default="good")
    blocks: list[Block] = [Paragraph(_STATUSES[worst][2], "strong")]
    for topic in dict.fromkeys(check["topic"] for check in checks):
        fields = (
            text(topic.capitalize(), lambda check: check["name"], min_width=16),
            Field(Column(""), _status),
            text("found", lambda c: found_words(c["found"], c["values"]), min_width=30),
        )
        blocks.append(listing("", fields, [c for c in checks if c["topic"] == topic]))
    gravest = sorted(checks, key=lambda check: -_GRAVITY.index(check["status"]))
    advice = [
        (check["name"], advice_words(check["advice"], check["values"]))
        for check in gravest
        if check["advice"]
    ]
    if advice:
        blocks.append(Facts("What to do", tuple(advice)))
    return Document("pyengine doctor", tuple(blocks))


def _status(check: Values) -> Cell:
    tone, word, _ = _STATUSES[check["status"]]
    return Cell(word, check["status"], tone)


def found_words(code: str, values: Values) -> str:
    """Say what was found."""
    return _FOUND[code](values)


def advice_words(code: str, values: Values) -> str:
    """Say what to do about it."""
    return _ADVICE[code](values)


def _devices(v: Values) -> str:
    listed = ", ".join(v["devices"]) or "none"
    return listed if v["offload"] else f"{listed}; this llama.cpp uses the CPU only"


def _extra(v: Values) -> str:
    if v["version"] is not None:
        return f"{v['version']} installed"
    return f"not installed; needed for {_PURPOSES[v['module']][0]}"


def _processor(v: Values) -> str:
    used = ", ".join(v["used"]) or "no extension that it names"
    return f"{v['cpu']}; llama.cpp uses {used}"


def _threads(v: Values) -> str:
    text = f"cores for this process: {v['cores']}, threads by default: {v['threads']}"
    if v["limit"] is not None:
        text += f", limited to the time of {v['limit']:.3g} of them"
    if v["load"] is not None:
        text += f"; load {v['load']:.2f}"
    return text


def _memory(v: Values) -> str:
    text = f"{_gib(v['available'])} free of {_gib(v['total'])}"
    if v["limit"] is not None and v["limit"] < v["total"]:
        text += f", limited to {_gib(v['limit'])}"
    return text


def _repacking_works(v: Values) -> str:
    return (
        f"works here ({', '.join(v['types'])} tried in a child process), off by default; it "
        f"changes logits by {100 * v['difference']:.2g} % (root mean square)"
    )


def _repacking_unsafe(v: Values) -> str:
    reasons = "; ".join(f"{name}: {_problem(p)}" for name, p in v["problems"].items())
    return f"unsafe here, tried in a child process ({reasons}); off by default"


def _problem(problem: Values) -> str:
    """Say what went wrong in the trial of weight repacking."""
    code = problem["code"]
    if code == "no-answer":
        return f"no answer within {problem['seconds']:.0f} s"
    if code == "killed":
        return f"killed by {problem['signal']}"
    if code == "logits-change":
        return f"it changes logits by {100 * problem['difference']:.2g} %"
    return str(problem["message"])


def _stores(v: Values) -> str:
    listed = ", ".join(f"{count} in {store}" for store, count in v["stores"].items())
    return listed or "no Ollama, LM Studio, llama.cpp or Hugging Face store holds a model"


def _gib(n_bytes: int) -> str:
    return f"{n_bytes / _GIB:.1f} GiB"


_BUSY = "other work keeps the cores busy, and llama.cpp's threads wait by spinning: "
_FOUND: Mapping[str, Callable[[Values], str]] = {
    "versions": lambda v: (
        f"pyengine {v['pyengine']}, Python {v['python']}, llama.cpp {v['llama_cpp']}"
    ),
    "binding": lambda v: f"{v['installed'] or 'none'} installed, built with {v['built_with']}",
    "libraries-unknown": lambda _: "this system does not list libraries",
    "libraries": lambda v: " and ".join(v["paths"]) or "no libllama is mapped",
    "devices": _devices,
    "extra": _extra,
    "bubblewrap": lambda _: "bubblewrap runs generated code apart",
    "no-bubblewrap": lambda _: "bubblewrap is not installed",
    "processor": _processor,
    "threads": _threads,
    "memory-unknown": lambda _: "this system does not say",
    "memory": _memory,
    "disk": lambda v: f"{_gib(v['free'])} free at {v['folder']}",
    "repacking-works": _repacking_works,
    "repacking-unsafe": _repacking_unsafe,
    "embedded": lambda v: f"{v['n']} installed with pyengine" if v["n"] else "none",
    "stores": _stores,
}
_ADVICE: Mapping[str, Callable[[Values], str]] = {
    "repair": lambda v: f"run: pip install llama-cpp-python=={v['built_with']}",
    "one-library": lambda _: "import pyengine before llama_cpp, or not both",
    "gpu-layers": lambda _: "--gpu-layers -1 puts the whole model on the GPU",
    "rebuild-for-gpu": lambda v: (
        f"{v['tool']} is here: to use the GPU, reinstall llama-cpp-python=={v['built_with']} with "
        "CMAKE_ARGS for it (pyengine need not be rebuilt)"
    ),
    "install-extra": lambda v: f"pip install 'pyengine[{_PURPOSES[v['module']][1]}]'",
    "install-bubblewrap": lambda _: (
        "`pyengine evaluate` falls back to user namespaces; install bubblewrap if it refuses"
    ),
    "rebuild-for-processor": lambda v: (
        f"llama.cpp was built without {', '.join(v['missing'])}: reinstall llama-cpp-python on "
        "this machine if the processor has them"
    ),
    "threads-above-limit": lambda v: f"the limit is below the default: use --threads {v['use']}",
    "fewer-threads": lambda v: f"{_BUSY}use --threads {v['use']}, or wait",
    "wait": lambda _: f"{_BUSY}speeds measured now are low",
    "low-memory": lambda v: (
        f"models above about {_gib(int(v['usable'] * 0.8))} will not fit; close programs or take "
        "a smaller type"
    ),
    "free-space": lambda _: (
        "quantizing a model needs about the size of the source for all types together; free some "
        "space first"
    ),
    "repacking-changes-numbers": lambda _: (
        "leave it off to compare files; for long runs of one file it may be faster"
    ),
    "no-repacking": lambda _: (
        "leave it off; give llama.cpp's own tools --no-repack on this machine"
    ),
    "reinstall": lambda _: "this installation is incomplete: reinstall pyengine",
    "list-models": lambda _: "`pyengine models` lists them",
    "name-a-file": lambda _: "name a file, or use hf:OWNER/REPO",
}
