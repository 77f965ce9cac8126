"""A model against the reference on the same tasks and seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pyengine.code.aggregate import References, task_table
from pyengine.code.answers import Answer, executed, n_passed, solved
from pyengine.measure.resampled import known_rows, mean_change, ratio_change
from pyengine.run.measurement import Measurement
from pyengine.run.metrics import CHANGES
from pyengine.run.record import Exhibit, ModelInfo
from pyengine.statistics.success import flips, mcnemar

# Differences of log-probabilities per token mean nothing between two tokenizers.
SAME_TOKENS_ONLY = "reference_log_probability"


@dataclass(frozen=True, eq=False)
class Answered:
    """What one model made of the tasks."""

    info: ModelInfo
    answers: Sequence[Answer]
    references: References


def changes(model: Answered, reference: Answered, *, seed: int) -> Iterator[Measurement]:
    """Yield every measure of the model less that of the reference, task by task."""
    names = {"model": model.info.id, "reference": reference.info.id}
    pairs = list(zip(model.answers, reference.answers, strict=True))
    rates = [_rate(a) - _rate(b) for a, b in pairs if executed(a) and executed(b)]
    if rates:
        yield mean_change(np.array(rates), "pass_at_1", **names, seed=seed)
    mine = task_table(model.answers, model.references)
    theirs = task_table(reference.answers, reference.references)
    same_tokens = model.info.vocabulary_sha256 == reference.info.vocabulary_sha256
    metrics = [change.id.removesuffix("_change") for change in CHANGES[1:]]
    yield from known_rows(
        ratio_change(metric, mine, theirs, **names, seed=seed)
        for metric in metrics
        if same_tokens or metric != SAME_TOKENS_ONLY
    )


def sides(model: Answered, reference: Answered) -> tuple[list[Measurement], Exhibit]:
    """Return which tasks change sides, and how often that happens by chance.

    Returns:
        tasks_lost, tasks_gained and mcnemar_p over the tasks that were executed for both, and the
        exhibit "flips" with the names of these tasks: lost and gained.
    """
    both = [
        (a, b)
        for a, b in zip(model.answers, reference.answers, strict=True)
        if executed(a) and executed(b)
    ]
    lost, gained = flips(
        {b["task"]: solved(b) for _, b in both}, {a["task"]: solved(a) for a, _ in both}
    )
    values = {
        "tasks_lost": len(lost),
        "tasks_gained": len(gained),
        "mcnemar_p": mcnemar(len(lost), len(gained)),
    }
    id, against, n = model.info.id, reference.info.id, len(both)  # noqa: A001
    rows = [
        Measurement(metric, id, against, "", value, n=n, n_clusters=n)
        for metric, value in values.items()
    ]
    content = {"lost": list(lost), "gained": list(gained)}
    return rows, Exhibit(kind="flips", model=id, content=content)


def _rate(answer: Answer) -> float:
    return n_passed(answer) / len(executed(answer))
