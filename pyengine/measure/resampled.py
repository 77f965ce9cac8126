"""From a table of tasks to measurements: sums over tasks, and intervals by drawing tasks anew.

One row of the table is one task; its columns are sums over the task's samples, tokens or keywords.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from pyengine.measure.aggregate import measurement_of
from pyengine.measure.table import TokenTable
from pyengine.run.measurement import Measurement
from pyengine.run.metrics import METRICS
from pyengine.statistics.estimates import Estimate, Floats
from pyengine.statistics.success import (
    bootstrap_mean,
    bootstrap_ratio,
    bootstrap_ratio_difference,
    share_over_tasks,
    wilson,
)

# Column by which the metric's own column is divided, both summed over tasks.
DENOMINATORS = {
    "parse_share": "samples",
    "error_nodes": "leaves",
    "reference_log_probability": "tokens",
    "reference_bits_per_byte": "n_bytes",
    "keyword_first": "keywords",
    "keyword_rank": "keywords",
    "repetition": "samples",
    "empty_share": "samples",
    "edit_similarity": "samples",
}
# Between 0 and 1 in every task.
SHARES = ("parse_share", "keyword_first", "repetition", "empty_share", "edit_similarity")
# Factors of metrics that count for each hundred.
SCALES = {"error_nodes": 100.0}
EXPONENTIAL = ("keyword_rank",)


def ratio(metric: str, table: TokenTable, *, model: str, group: str, seed: int) -> Measurement:
    """Estimate a sum over tasks divided by another.

    The interval is the bootstrap's over tasks; of a share that is 0 or 1 in every task it is
    Wilson's, as resampling would call it certain.
    """
    above, below = _sums(metric, table)
    found = bootstrap_ratio(above, below, seed=seed)
    if metric in SHARES:
        found = share_over_tasks(_each(above, below), found)
    if metric in EXPONENTIAL:
        value, low, high = map(math.exp, (found.value, found.low, found.high))
        found = replace(found, value=value, low=low, high=high)
    found = replace(found, n=int(below.sum()), n_clusters=int(np.count_nonzero(below)))
    return measurement_of(found, metric, model, group=group)


def ratio_change(
    metric: str, table: TokenTable, other: TokenTable, *, model: str, reference: str, seed: int
) -> Measurement:
    """Estimate the difference of two models' ratios over the same tasks, drawn together.

    Of a share in which no task differs, at most Wilson's upper end for none of so many tasks may
    differ, either way.
    """
    first, second = _sums(metric, table), _sums(metric, other)
    found = bootstrap_ratio_difference(first, second, seed=seed)
    if metric in SHARES:
        found = _unless_equal(found, _each(*first) - _each(*second))
    n = int(min(first[1].sum(), second[1].sum()))
    found = replace(found, n=n, n_clusters=len(first[0]))
    return measurement_of(found, f"{metric}_change", model, reference)


def mean_of_shares(
    values: Floats, metric: str, *, model: str, group: str, seed: int, single: bool
) -> Measurement:
    """Estimate the mean over tasks of a share of each.

    Args:
        values: (n_tasks,), from 0 to 1.
        single: each task has one sample, so that values are 0 or 1 and the interval is Wilson's.
    """
    if single:
        found = wilson(int(values.sum()), len(values))
    else:
        found = share_over_tasks(values, bootstrap_mean(values, seed=seed))
    found = replace(found, n=len(values), n_clusters=len(values))
    return measurement_of(found, metric, model, group=group)


def mean_change(
    apart: Floats, metric: str, *, model: str, reference: str, seed: int
) -> Measurement:
    """Estimate the mean over tasks of the difference of a share of each."""
    found = _unless_equal(bootstrap_mean(apart, seed=seed), apart)
    found = replace(found, n=len(apart), n_clusters=len(apart))
    return measurement_of(found, f"{metric}_change", model, reference)


def known_rows(rows: Iterable[Measurement]) -> list[Measurement]:
    """Return the measurements that have a value."""
    return [row for row in rows if math.isfinite(row.value)]


def _sums(metric: str, table: TokenTable) -> tuple[Floats, Floats]:
    above = table.columns[METRICS[metric].column].astype(np.float64)
    return SCALES.get(metric, 1.0) * above, table.columns[DENOMINATORS[metric]].astype(np.float64)


def _each(above: Floats, below: Floats) -> Floats:
    """Return each task's own ratio; NaN where it has none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = np.where(below > 0, above / below, np.nan)
    return found


def _unless_equal(found: Estimate, apart: Floats) -> Estimate:
    known = apart[np.isfinite(apart)]
    if len(known) < 2 or np.any(known != 0.0):
        return found
    reach = wilson(0, len(known), level=found.level).high
    return Estimate(0.0, -reach, reach, found.level, interval="wilson")
