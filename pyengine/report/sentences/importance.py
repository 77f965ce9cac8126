"""What is said of an importance matrix: of how much text it is, and what it does not cover."""

from __future__ import annotations

from pyengine.report.words import say
from pyengine.run.record import Run


def imatrix_sentence(run: Run) -> str:
    """Say how many weights are covered, over how much text, and whether the file was there."""
    (file,), (covered,), (left,) = map(run.shown, ("imatrix", "covered", "not-covered"))
    n = len(covered["weights"])
    return say(
        "importance",
        "kept" if file["reused"] else "made",
        path=file["path"],
        n=n,
        total=n + len(left["weights"]),
        p=run.population,
        languages=len(run.population.scored_languages) if run.population else 0,
        merged=len(file["merged"]) or None,
    )


def range_words(least: int, most: int) -> str:
    """Say how many tokens there are, or from how many to how many."""
    return say("importance", "count" if least == most else "range", least=least, most=most)


def reason_words(reason: str) -> str:
    """Say why a weight is not covered."""
    return say("not-covered", reason)
