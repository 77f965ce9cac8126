"""What is said in words of an evaluation: made from codes and numbers when it is shown."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pyengine.report.words import note_sentence
from pyengine.run.measurement import Measurement
from pyengine.run.record import ModelInfo, Run

# Notes on what a model answered; they stand with that model.
OF_ANSWERS = ("request-hidden", "none-solved", "ended-in-thinking", "ended-by-budget")
FEWEST_VARIANTS = 4
MOST_NAMES = 12
BOOTSTRAP = "bootstrap over tasks, 2,000 resamples"
ALIKE = "Wilson over tasks, which are all alike"
SINGLE = "Wilson over tasks"


def label(model: ModelInfo) -> str:
    """Return a short name that tells variants of one model apart."""
    return f"{model.name} ({model.file_type})"


def listed(names: Sequence[str]) -> str:
    """List names, and count those beyond the first."""
    shown = ", ".join(names[:MOST_NAMES])
    rest = len(names) - MOST_NAMES
    return f"{shown} and {rest} more" if rest > 0 else shown


def warnings_of(run: Run, model: ModelInfo) -> list[str]:
    """Return what a reader should know before believing a model's numbers."""
    return [
        note_sentence(note)
        for note in run.notes
        if note.model == model.id and note.code in OF_ANSWERS
    ]


def warnings(run: Run) -> list[str]:
    """Return the warnings that stand at the top: those of the first model, and general ones."""
    first = run.models[0]
    found = [f"{label(first)}: {text}" for text in warnings_of(run, first)]
    others = sum(1 for model in run.models[1:] if warnings_of(run, model))
    if others:
        found.append(f"{others} more of {len(run.models)} models have warnings; see below.")
    skipped = [note for note in run.notes if note.code == "language-skipped"]
    found += map(note_sentence, skipped)
    if run.options["isolation"] == "none":
        found.append("Programs ran without a sandbox (--unsafe-local-execution).")
    rest = [n for n in run.notes if n.code not in (*OF_ANSWERS, "language-skipped")]
    return [*found, *map(note_sentence, rest)]


def sides_verdict(run: Run, model: str) -> str | None:
    """Say in words what McNemar's test allows; None for the reference."""
    lost, gained, p = (
        run.find(metric, model) for metric in ("tasks_lost", "tasks_gained", "mcnemar_p")
    )
    if lost is None or gained is None or p is None:
        return None
    if lost.n == 0:
        return "no task could be executed for both"
    counts = f"{lost.value:.0f} lost, {gained.value:.0f} gained of {lost.n} tasks"
    counts += f", p = {p.value:.2g}"
    if p.value < 0.05:
        return f"{'fewer' if lost.value > gained.value else 'more'} tasks solved ({counts})"
    return f"cannot be told apart by tasks solved ({counts})"


def correlation_verdict(rho: Measurement) -> str:
    """Say in words what the interval of a rank correlation allows."""
    if rho.n < FEWEST_VARIANTS or not math.isfinite(rho.value):
        return "cannot be told"
    if not math.isfinite(rho.low) or rho.low <= 0.0 <= rho.high:
        return "none found"
    strength = "strong" if min(abs(rho.low), abs(rho.high)) > 0.5 else "some"
    return f"{strength} {'positive' if rho.value > 0 else 'negative'}"


def methods(rows: list[Measurement], *, single: bool = False) -> str:
    """Say how intervals were made.

    Args:
        single: of shares of tasks with one sample each, where Wilson's interval needs no reason.
    """
    names = {"wilson": SINGLE if single else ALIKE, "bootstrap": BOOTSTRAP}
    found = {names[row.interval] for row in rows if row.interval in names}
    return ", or ".join(sorted(found)) or "none"
