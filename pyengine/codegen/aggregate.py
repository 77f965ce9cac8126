"""From task records to the measures of a group of tasks, each with its interval."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyengine.codegen.outcomes import Outcome
from pyengine.codegen.records import GroupRecord, IntervalRecord, TaskRecord
from pyengine.statistics.success import (
    Interval,
    bootstrap_mean,
    bootstrap_ratio,
    pass_at_k,
    share_over_tasks,
    wilson,
)

Floats = npt.NDArray[np.float64]
BOOTSTRAP = "bootstrap over tasks, 2,000 resamples"
ALIKE = "Wilson over tasks, which are all alike"
# Between 0 and 1 in every task.
SHARES = ("parse_share", "keyword_first", "repetition", "empty_share", "edit_similarity")
KS = (1, 5, 10, 25, 50, 100)
SUSPICIOUS_TASKS = 10


@dataclass(frozen=True)
class Ratio:
    """A measure as sums over tasks: sum(numerator) / sum(denominator)."""

    numerator: Callable[[TaskRecord], float]
    denominator: Callable[[TaskRecord], float]

    def sums(self, tasks: Sequence[TaskRecord]) -> tuple[Floats, Floats]:
        """Return both, one entry for each task."""
        return (
            np.array([self.numerator(task) for task in tasks], dtype=np.float64),
            np.array([self.denominator(task) for task in tasks], dtype=np.float64),
        )


def _samples(task: TaskRecord) -> float:
    return float(len(task.samples))


def _tokens(task: TaskRecord) -> float:
    return float(task.reference.tokens) if task.reference else 0.0


def _keywords(task: TaskRecord) -> float:
    return float(len(task.reference.keyword_ranks)) if task.reference else 0.0


def _nll(task: TaskRecord) -> float:
    return task.reference.nll if task.reference else 0.0


def _ranks(task: TaskRecord) -> list[int]:
    return task.reference.keyword_ranks if task.reference else []


RATIOS: dict[str, Ratio] = {
    "parse_share": Ratio(lambda t: sum(s.parses for s in t.samples), _samples),
    "error_nodes": Ratio(
        lambda t: 100.0 * sum(s.error_nodes for s in t.samples),
        lambda t: float(sum(max(s.leaves, 1) for s in t.samples)),
    ),
    "reference_log_probability": Ratio(lambda t: -_nll(t), _tokens),
    "reference_bits_per_byte": Ratio(
        lambda t: _nll(t) / math.log(2), lambda t: float(t.reference.bytes) if t.reference else 0.0
    ),
    "keyword_first": Ratio(lambda t: sum(rank == 1 for rank in _ranks(t)), _keywords),
    "keyword_rank": Ratio(lambda t: sum(math.log(rank) for rank in _ranks(t)), _keywords),
    "repetition": Ratio(lambda t: sum(s.repetition for s in t.samples), _samples),
    "empty_share": Ratio(lambda t: sum(not s.completion.strip() for s in t.samples), _samples),
    "edit_similarity": Ratio(lambda t: sum(s.edit_similarity for s in t.samples), _samples),
}


def interval_record(interval: Interval, method: str) -> IntervalRecord:
    """Return the record of an interval."""
    return IntervalRecord(
        value=interval.value,
        low=interval.low,
        high=interval.high,
        level=interval.level,
        method=method,
    )


def group(name: str, tasks: Sequence[TaskRecord], *, seed: int) -> GroupRecord:
    """Return all measures over `tasks`."""
    executed = [task for task in tasks if task.executed]
    outcomes = Counter(sample.outcome for task in tasks for sample in task.samples)
    measures = {key: _resampled(key, ratio.sums(tasks), seed) for key, ratio in RATIOS.items()}
    measures["keyword_rank"] = _exponential(measures["keyword_rank"])
    return GroupRecord(
        name=name,
        n_tasks=len(tasks),
        n_executed=len(executed),
        pass_at=passes(executed, seed=seed),
        outcomes=dict(sorted(outcomes.items(), key=lambda item: item[0].value)),
        n_keywords=sum(len(_ranks(task)) for task in tasks),
        **measures,
    )


def _resampled(name: str, sums: tuple[Floats, Floats], seed: int) -> IntervalRecord:
    """Return a ratio over tasks; where it is a share and all tasks are alike, not by resampling."""
    interval = bootstrap_ratio(*sums, seed=seed)
    if name in SHARES:
        with np.errstate(invalid="ignore", divide="ignore"):
            alike = share_over_tasks(sums[0] / sums[1], interval)
        if alike is not None:
            return interval_record(alike, ALIKE)
    return interval_record(interval, BOOTSTRAP)


def _exponential(record: IntervalRecord) -> IntervalRecord:
    """Return the geometric mean from the mean of logarithms."""
    ends = {key: math.exp(getattr(record, key)) for key in ("value", "low", "high")}
    return record.model_copy(update=ends)


def passes(executed: Sequence[TaskRecord], *, seed: int) -> dict[int, IntervalRecord]:
    """Return pass@k for each k that the number of samples allows.

    One sample for each task: Wilson's interval. More: the bootstrap over tasks, or Wilson's again
    where all samples of all tasks pass, or none.
    """
    if not executed:
        return {}
    n = min(len(task.executed) for task in executed)
    if n == 1:
        solved = sum(task.n_passed > 0 for task in executed)
        return {1: interval_record(wilson(solved, len(executed)), "Wilson over tasks")}
    found = {}
    for k in (k for k in KS if k <= n):
        values = np.array([pass_at_k(len(task.executed), task.n_passed, k) for task in executed])
        interval = bootstrap_mean(values, seed=seed)
        alike = share_over_tasks(values, interval)
        found[k] = interval_record(alike or interval, ALIKE if alike else BOOTSTRAP)
    return found


def groups(tasks: Sequence[TaskRecord], *, seed: int) -> list[GroupRecord]:
    """Return the group of all tasks, then one for each language where there are several."""
    languages = list(dict.fromkeys(task.language for task in tasks))
    found = [group("all", tasks, seed=seed)]
    if len(languages) > 1:
        for language in languages:
            chosen = [task for task in tasks if task.language == language]
            found.append(group(language, chosen, seed=seed))
    return found


def warnings(total: GroupRecord, tasks: Sequence[TaskRecord]) -> list[str]:
    """Return what a reader should know before believing the numbers."""
    samples = [sample for task in tasks for sample in task.samples]
    counted = {
        outcome: n for outcome, n in total.outcomes.items() if outcome is not Outcome.SKIPPED
    }
    found = []
    passed = counted.get(Outcome.PASSED, 0)
    if passed == 0 and total.n_executed >= SUSPICIOUS_TASKS:
        common, n = max(counted.items(), key=lambda item: item[1])
        found.append(
            f"Not one of {total.n_executed} tasks was solved; the most common outcome is "
            f"{common.value!r} ({n} of {sum(counted.values())}). Look at the samples before taking "
            "this for the model's ability."
        )
    thought = sum(1 for s in samples if s.thinking and not s.completion.strip())
    if thought:
        found.append(
            f"{thought} of {len(samples)} samples ended inside their thinking; give more "
            "--thinking-tokens."
        )
    ragged = sum(1 for s in samples if s.finish.value == "length")
    if samples and ragged / len(samples) > 0.2:
        found.append(
            f"{ragged} of {len(samples)} samples were ended by the token budget (--max-tokens)."
        )
    return found
