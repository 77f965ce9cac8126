"""What `pyengine doctor` found on this machine, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pyengine.extras import EXTRAS
from pyengine.report.words import say

Values = Mapping[str, Any]

# The gravest last.
GRAVITY = ("good", "note", "warn", "bad")


def checks_sentence(statuses: Iterable[str]) -> str:
    """Say how all is, by the gravest of what was found."""
    return say("checks", max(statuses, key=GRAVITY.index, default="good"))


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
        told["purpose"] = say("extras", values["module"])
        other = "missing" if values["version"] is None else ""
    elif code == "programs":
        tools = [tool for found in values["missing"].values() for tool in found]
        told["lacking"] = ", ".join(tools) or None
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
    extra = EXTRAS.get(values.get("module", ""))
    fitting = int(values.get("usable", 0) * 0.8)
    lacking = values.get("missing", ()) if code == "install-languages" else ()
    told = "; ".join(say("install", language) for language in lacking)
    return say("advice", code, **values, extra=extra, fitting=fitting, told=told)


def _problem(problem: Values) -> str:
    """Say what went wrong in the trial of weight repacking."""
    silent = problem["code"] == "failed" and not problem["message"]
    percent = 100 * problem.get("difference", 0.0)
    code = "failed/silent" if silent else problem["code"]
    return say(
        "repacking", code, percent=percent, **{k: problem[k] for k in problem if k != "code"}
    )
