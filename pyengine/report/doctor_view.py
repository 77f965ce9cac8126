"""Show what `pyengine doctor` found, and say in words what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyengine.report.document import Block, Document, Facts, Paragraph
from pyengine.report.listing import listing
from pyengine.report.tables import Cell, Tone
from pyengine.report.words import WORDS, say
from pyengine.run.record import Run

Values = Mapping[str, Any]

# The extra of pyengine that brings a package.
_EXTRAS = {"huggingface_hub": "hub", "matplotlib": "plots", "pyarrow": "parquet"}
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
        rows = [_row(check) for check in checks if check["topic"] == topic]
        blocks.append(listing("checks", rows, topic=topic.capitalize()))
    gravest = sorted(checks, key=lambda check: -_GRAVITY.index(check["status"]))
    advice = [
        (check["name"], advice_words(check["advice"], check["values"]))
        for check in gravest
        if check["advice"]
    ]
    if advice:
        blocks.append(Facts("What to do", tuple(advice)))
    return Document("pyengine doctor", tuple(blocks))


def _row(check: Values) -> dict[str, Any]:
    tone, word, _ = _STATUSES[check["status"]]
    return {
        "name": check["name"],
        "status": Cell(word, check["status"], tone),
        "found": found_words(check["found"], check["values"]),
    }


def found_words(code: str, values: Values) -> str:
    """Say what was found; some codes have other words in some cases."""
    told = dict(values)
    other = ""
    if code == "binding":
        told["installed"] = values["installed"] or "none"
    elif code == "libraries":
        other = "" if values["paths"] else "none"
    elif code == "devices":
        other = "" if values["offload"] else "cpu-only"
    elif code == "extra":
        told["purpose"] = WORDS["extras"][values["module"]]
        other = "missing" if values["version"] is None else ""
    elif code == "processor":
        other = "" if values["used"] else "plain"
    elif code == "memory" and values["limit"] is not None and values["limit"] >= values["total"]:
        told["limit"] = None
    elif code == "repacking-works":
        told["percent"] = 100 * values["difference"]
    elif code == "repacking-unsafe":
        problems = values["problems"].items()
        told["told"] = "; ".join(f"{name}: {_problem(problem)}" for name, problem in problems)
    elif code == "embedded":
        other = "" if values["n"] else "none"
    elif code == "stores":
        told["told"] = [f"{count} in {store}" for store, count in values["stores"].items()]
        other = "" if values["stores"] else "none"
    return say("found", f"{code}/{other}" if other else code, **told)


def advice_words(code: str, values: Values) -> str:
    """Say what to do about it."""
    extra = _EXTRAS.get(values.get("module", ""))
    fitting = int(values.get("usable", 0) * 0.8)
    return say("advice", code, **values, extra=extra, fitting=fitting)


def _problem(problem: Values) -> str:
    """Say what went wrong in the trial of weight repacking."""
    silent = problem["code"] == "failed" and not problem["message"]
    percent = 100 * problem.get("difference", 0.0)
    code = "failed/silent" if silent else problem["code"]
    return say(
        "repacking", code, percent=percent, **{k: problem[k] for k in problem if k != "code"}
    )
