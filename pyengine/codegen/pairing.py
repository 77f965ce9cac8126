"""A model against a reference on the same tasks and seeds."""

from collections.abc import Sequence

import numpy as np

from pyengine.codegen.aggregate import BOOTSTRAP, RATIOS, SHARES, Floats, Ratio, interval_record
from pyengine.codegen.records import IntervalRecord, ModelEvaluation, PairedRecord, TaskRecord
from pyengine.statistics.success import (
    Interval,
    bootstrap_mean,
    bootstrap_ratio_difference,
    flips,
    mcnemar,
    wilson,
)

# Differences of log-probabilities per token mean nothing between two tokenizers.
SAME_TOKENS_ONLY = ("reference_log_probability",)
SKIPPED = ("keyword_rank",)


def pair(
    model: ModelEvaluation, reference: ModelEvaluation, *, seed: int, level: float = 0.95
) -> PairedRecord:
    """Compare `model` with `reference`, task by task."""
    mine = {task.task: task for task in model.tasks}
    theirs = {task.task: task for task in reference.tasks}
    names = [name for name in theirs if name in mine]
    both = [name for name in names if mine[name].executed and theirs[name].executed]
    lost, gained = flips(
        {name: _solved(theirs[name]) for name in both}, {name: _solved(mine[name]) for name in both}
    )
    p_value = mcnemar(len(lost), len(gained))
    shared = model.model.vocabulary_sha256 == reference.model.vocabulary_sha256
    return PairedRecord(
        model=model.model.path,
        reference=reference.model.path,
        n_tasks=len(both),
        lost=list(lost),
        gained=list(gained),
        mcnemar_p=p_value,
        difference=_differences(
            [mine[name] for name in names], [theirs[name] for name in names], shared, seed
        ),
        verdict=verdict(len(lost), len(gained), len(both), p_value, level=level),
    )


def _solved(task: TaskRecord) -> bool:
    """Return whether at least half of the executed samples pass."""
    return 2 * task.n_passed >= len(task.executed)


def _rate(task: TaskRecord) -> float:
    return task.n_passed / len(task.executed)


def _differences(
    mine: Sequence[TaskRecord], theirs: Sequence[TaskRecord], same_tokens: bool, seed: int
) -> dict[str, IntervalRecord]:
    rates = [
        _rate(first) - _rate(second)
        for first, second in zip(mine, theirs, strict=True)
        if first.executed and second.executed
    ]
    rate = bootstrap_mean(np.array(rates), seed=seed)
    found = {"pass_1": _of_shares(rate, np.array(rates))}
    for name, ratio in RATIOS.items():
        if name in SKIPPED or (name in SAME_TOKENS_ONLY and not same_tokens):
            continue
        interval = bootstrap_ratio_difference(ratio.sums(mine), ratio.sums(theirs), seed=seed)
        if name in SHARES:
            apart = [_share(ratio, a) - _share(ratio, b) for a, b in zip(mine, theirs, strict=True)]
            found[name] = _of_shares(interval, np.array(apart))
        else:
            found[name] = interval_record(interval, BOOTSTRAP)
    return found


def _share(ratio: Ratio, task: TaskRecord) -> float:
    over = ratio.denominator(task)
    return ratio.numerator(task) / over if over else float("nan")


def _of_shares(interval: Interval, apart: Floats) -> IntervalRecord:
    """Return a difference of shares. Where no task differs, resampling would call it certain.

    Then at most Wilson's upper end for none of so many tasks may differ, either way.
    """
    known = apart[np.isfinite(apart)]
    if len(known) < 2 or np.any(known != 0.0):
        return interval_record(interval, BOOTSTRAP)
    reach = wilson(0, len(known), level=interval.level).high
    return interval_record(Interval(0.0, -reach, reach, interval.level), "Wilson, no task differs")


def verdict(lost: int, gained: int, n_tasks: int, p_value: float, *, level: float) -> str:
    """Say in words what McNemar's test allows."""
    if n_tasks == 0:
        return "no task could be executed for both"
    counts = f"{lost} lost, {gained} gained of {n_tasks} tasks, p = {p_value:.2g}"
    if p_value < 1 - level:
        return f"{'fewer' if lost > gained else 'more'} tasks solved ({counts})"
    return f"cannot be told apart by tasks solved ({counts})"
