"""What is said in words of an evaluation: made from codes and numbers when it is shown."""

from __future__ import annotations

import math

from pyengine.reports import sentences
from pyengine.reports.tables import Block, Paragraph
from pyengine.run.measurement import Measurement
from pyengine.run.record import ModelInfo, Note, Run

OUTCOMES = {
    "passed": "passed",
    "wrong-answer": "wrong answer",
    "exception": "exception",
    "syntax-error": "syntax error",
    "timed-out": "timed out",
    "memory": "memory",
    "killed": "killed by the sandbox",
    "no-code": "no code",
    "skipped": "skipped",
}
# Notes on what a model answered; they stand with that model.
OF_ANSWERS = ("request-hidden", "none-solved", "ended-in-thinking", "ended-by-budget")
FEWEST_VARIANTS = 4
BOOTSTRAP = "bootstrap over tasks, 2,000 resamples"
ALIKE = "Wilson over tasks, which are all alike"
SINGLE = "Wilson over tasks"


def label(model: ModelInfo) -> str:
    """Return a short name that tells variants of one model apart."""
    return f"{model.name} ({model.file_type})"


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


def warning_blocks(run: Run, model: ModelInfo) -> list[Block]:
    """Return a model's own warnings as paragraphs."""
    return [Paragraph(text, "warn") for text in warnings_of(run, model)]


def note_sentence(note: Note) -> str:
    """Say what a note of an evaluation tells."""
    values = note.values
    if note.code == "none-solved":
        outcome = OUTCOMES[values["outcome"]]
        return (
            f"Not one of {values['n_tasks']} tasks was solved; the most common outcome is "
            f"{outcome!r} ({values['n']} of {values['n_samples']}). Look at the samples before "
            "taking this for the model's ability."
        )
    if note.code == "ended-in-thinking":
        return (
            f"{values['n']} of {values['n_samples']} samples ended inside their thinking; give "
            "more --thinking-tokens."
        )
    if note.code == "ended-by-budget":
        return (
            f"{values['n']} of {values['n_samples']} samples were ended by the token budget "
            "(--max-tokens)."
        )
    if note.code == "request-hidden":
        return (
            f"The chat template leaves out or changes the request in {values['n']} of "
            f"{values['n_prompts']} prompts; look at what was sent, or use --prompt raw."
        )
    if note.code == "language-skipped":
        return f"Not executed, {values['language']}: {values['reason']}"
    if note.code == "model-failed":
        return f"{note.model} is left out: it {values['reason']}."
    return sentences.note_sentence(note)


def sides_verdict(run: Run, model: str, *, level: float = 0.95) -> str | None:
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
    if p.value < 1 - level:
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
