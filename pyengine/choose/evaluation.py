"""What the numbers of an evaluation support, as codes: pure functions of a run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from pyengine.run.measurement import Measurement
from pyengine.run.record import Run
from pyengine.statistics.looks import over_looks
from pyengine.statistics.paired import ALPHA, holm
from pyengine.statistics.success import FEWEST_RANKED

# Both ends of an interval beyond it: a strong correlation.
STRONG = 0.5
# Whether a variant passes more or less than the reference, and why that may not be known.
Side: TypeAlias = Literal["none-executed", "too-few", "undecided", "alike", "fewer", "more"]
# The numbers of which the verdict is made, and the share that the model solves.
OF_A_SIDE = ("pass_at_1", "pass_at_1_change", "tasks_lost", "tasks_gained", "mcnemar_p")
DECIDED: tuple[Side, ...] = ("fewer", "more", "alike")
# Why no more tasks were asked.
Stopping: TypeAlias = Literal["stopped", "stopped-before", "decided-by-all", "undecided-by-all"]
Agreement: TypeAlias = Literal[
    "unknown", "none", "some-positive", "some-negative", "strong-positive", "strong-negative"
]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a variant stands to the reference on the same tasks.

    Attributes:
        lost, gained: tasks that change sides, of n tasks with so many ideas as they have clusters.
        change: of pass@1, with the interval that goes with the p-value; None where none is known.
        p_holm: of the exact test over all looks, corrected by Holm's method over the variants.
        n_variants: over how many.
        looks: how often the answers may have been looked at.
        margin: changes of pass@1 up to it are of no interest.
        side: the verdict.
    """

    lost: Measurement
    gained: Measurement
    change: Measurement | None
    p_holm: float
    n_variants: int
    looks: int
    margin: float
    side: Side


def standings(run: Run) -> dict[str, Standing]:
    """Return how each variant stands to the reference; nothing where there is no reference.

    "alike": no test tells them apart, and the whole interval of the change lies within the run's
    margin. "too-few": so few ideas were executed that even if all of them changed to one side,
    their signs could be chance: 2 / 2^G over all looks, times the number of variants, is not below
    0.05.
    """
    rows, looks = run.select("mcnemar_p"), run.options.get("looks", 1)
    margin = run.options.get("margin", 0.0)  # older records have none
    p_values = holm([over_looks(row.value, looks) for row in rows])
    n_variants = sum(not math.isnan(p) for p in p_values)
    found = {}
    for row, p in zip(rows, p_values, strict=True):
        lost, gained = run.find("tasks_lost", row.model), run.find("tasks_gained", row.model)
        if lost is None or gained is None:
            continue
        change = run.find("pass_at_1_change", row.model)
        side: Side = "undecided"
        if row.n == 0 or change is None or math.isnan(p):
            side = "none-executed"
        elif p < ALPHA:
            side = "fewer" if change.value < 0 else "more"
        elif max(-change.low, change.high) <= margin:
            side = "alike"
        elif n_variants * over_looks(2.0 ** (1 - row.n_clusters), looks) >= ALPHA:
            side = "too-few"
        found[row.model] = Standing(lost, gained, change, p, n_variants, looks, margin, side)
    return found


def standing(run: Run, model: str) -> Standing | None:
    """Return how a file of a pick stands to the reference by the tasks that it solved, if any.

    Each was evaluated by itself, so that what is found of a later one changes no earlier verdict.
    """
    options, rows = run.options.get("evaluation") or {}, run.select(model=model)
    alone = run.model_copy(update={"options": options, "measurements": rows})
    return standings(alone).get(model)


def stopping(run: Run) -> Stopping | None:
    """Say why no more tasks were asked; None where they were not asked until decided."""
    if not run.options.get("until_decided"):
        return None
    decided = all(standing.side in DECIDED for standing in standings(run).values())
    if run.options["n_tasks"] < run.options["most_tasks"]:
        return "stopped" if decided else "stopped-before"
    return "decided-by-all" if decided else "undecided-by-all"


def below(run: Run, fail_under: float) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return the models whose pass@1 is not surely at least `fail_under`, and why.

    The code is "failed", "not-executed", "no-interval" or "below"; beside it stand the numbers and
    words that a sentence needs.
    """
    failed = {note.model: note for note in run.notes if note.code == "model-failed"}
    found: dict[str, tuple[str, dict[str, Any]]] = {
        model: ("failed", note.values) for model, note in failed.items()
    }
    for model in run.models:
        row = run.find("pass_at_1", model.id)
        if row is None:
            found[model.id] = "not-executed", {}
        elif not math.isfinite(row.low):
            found[model.id] = "no-interval", {"row": row}
        elif row.low < fail_under:
            found[model.id] = "below", {"row": row}
    return found


def agreement(rho: Measurement) -> Agreement:
    """Say what the interval of a rank correlation allows."""
    if rho.n < FEWEST_RANKED or not math.isfinite(rho.value):
        return "unknown"
    if not math.isfinite(rho.low) or rho.low <= 0.0 <= rho.high:
        return "none"
    if min(abs(rho.low), abs(rho.high)) > STRONG:
        return "strong-positive" if rho.value > 0 else "strong-negative"
    return "some-positive" if rho.value > 0 else "some-negative"
