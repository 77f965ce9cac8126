"""What is said of gates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyengine.choose.baseline import Difference
from pyengine.choose.candidates import QUANTILES
from pyengine.choose.gates import Check
from pyengine.report.numbers import interval, significant, size
from pyengine.report.sentences.code import below_sentence
from pyengine.report.sentences.comparison import unmet_sentence
from pyengine.report.words import say
from pyengine.run.metrics import METRICS
from pyengine.run.record import Run

# Metrics that got worse, which a sentence spells out.
MOST_NAMED = 2
# Failures of a run, which a sentence spells out.
MOST_TOLD = 12
ENDS = ("low", "high", *QUANTILES.values())


def check_sentence(check: Check) -> str:
    """Say what became of a gate for a variant; nothing where a limit is kept."""
    values = {**check.values, "name": check.model}
    if check.gate == "baseline":
        return say("baseline", check.code, asked=check.asked, **values, **_worst(check))
    if check.gate == "fail-if":
        told = {"condition": check.asked, "numbers": _numbers(check) or None}
        return say("gates", check.code, **{**values, **told})
    if check.passed:
        return ""
    told_of_limit = unmet_sentence if check.gate == "max-kl" else below_sentence
    return told_of_limit(check.model, check.code, check.values, float(check.asked))


def unmet_gates_sentence(checks: Sequence[Check]) -> str:
    """Say which gates fail, and why; nothing where none does. The first ones are told."""
    told = [check_sentence(check) for check in checks if not check.passed]
    more = len(told) - MOST_TOLD
    return "; ".join(
        [*told[:MOST_TOLD], *([say("gate-words", "more", n=more)] if more > 0 else [])]
    )


def result_words(check: Check) -> str:
    """Say in a word whether a variant passes a gate."""
    code = "skipped" if check.skipped else "passed" if check.passed else "failed"
    return say("gate-results", code)


def number_words(name: str, value: float) -> str:
    """Write a number that a condition names."""
    front, _, end = name.rpartition("_")
    metric = METRICS.get(name) or METRICS.get(front if end in ENDS else "")
    is_bytes = name == "memory" or (metric is not None and metric.style == "bytes")
    written = size(round(value)) if is_bytes else significant(value, 4)
    return say("gates", "number", name=name, value=written)


def check_words(check: Check) -> str:
    """Say in a few words what was judged, where the gate and the variant are named beside."""
    if check.gate == "fail-if":
        return say("gate-words", check.code, **{**check.values, "numbers": _numbers(check)})
    if check.code in ("worse", "not-worse"):
        return say("gate-words", check.code, **_worst(check))
    return check_sentence(check)


def _numbers(check: Check) -> list[str]:
    return [number_words(name, n) for name, n in check.values.get("numbers", {}).items()]


def _worst(check: Check) -> dict[str, Any]:
    """Return how many metrics were compared, the first that got worse, and how many besides."""
    found = check.values.get("differences", ())
    worse = [change_words(difference) for difference in found if difference.worse]
    more = len(worse) - MOST_NAMED
    return {"n": len(found), "worse": worse[:MOST_NAMED], "more": more if more > 0 else None}


def change_words(difference: Difference) -> str:
    """Say how a metric changed, and how sure that is."""
    return say(
        "baseline",
        "change",
        title=METRICS[difference.metric].title,
        before=significant(difference.before.value),
        after=significant(difference.after.value),
        interval=interval(difference.low, difference.high),
    )


def compared_sentences(checks: Sequence[Check]) -> list[str]:
    """Say which metrics were held against an earlier run."""
    found = [d.metric for check in checks for d in check.values.get("differences", ())]
    titles = [METRICS[metric].title for metric in dict.fromkeys(found)]
    return [say("baseline", "compared", titles=titles)] if titles else []


def badge_label() -> str:
    """Say whose badge it is."""
    return say("badge", "label")


def badge_words(run: Run, checks: Sequence[Check]) -> str:
    """Say in a few words whether gates passed; without gates, how far variants are."""
    if checks:
        failed = sum(not check.passed for check in checks)
        code = "gates-fail" if failed else "gates-pass"
        return say("badge", code, n=len(checks), failed=failed)
    metric = "pass_at_1" if run.command == "evaluate" else "kl"
    values = [row.value for row in run.select(metric, group="")]
    if not values:
        return say("badge", "nothing")
    high = max(values) if len(values) > 1 else None
    return say("badge", "passes" if metric == "pass_at_1" else "kl", low=min(values), high=high)
