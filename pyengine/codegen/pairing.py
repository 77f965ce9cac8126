"""A model against a reference on the same tasks and seeds."""

from collections.abc import Sequence

import numpy as np

from pyengine.codegen.aggregate import BOOTSTRAP, RATIOS, interval_record
from pyengine.codegen.records import IntervalRecord, ModelEvaluation, PairedRecord, TaskRecord
from pyengine.statistics.success import (
    bootstrap_mean,
    bootstrap_ratio_difference,
    flips,
    mcnemar,
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
    found = {"pass_1": interval_record(bootstrap_mean(np.array(rates), seed=seed), BOOTSTRAP)}
    for name, ratio in RATIOS.items():
        if name in SKIPPED or (name in SAME_TOKENS_ONLY and not same_tokens):
            continue
        interval = bootstrap_ratio_difference(ratio.sums(mine), ratio.sums(theirs), seed=seed)
        found[name] = interval_record(interval, BOOTSTRAP)
    return found


def verdict(lost: int, gained: int, n_tasks: int, p_value: float, *, level: float) -> str:
    """Say in words what McNemar's test allows."""
    if n_tasks == 0:
        return "no task could be executed for both"
    counts = f"{lost} lost, {gained} gained of {n_tasks} tasks, p = {p_value:.2g}"
    if p_value < 1 - level:
        return f"{'fewer' if lost > gained else 'more'} tasks solved ({counts})"
    return f"cannot be told apart by tasks solved ({counts})"
