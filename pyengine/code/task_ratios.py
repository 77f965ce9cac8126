"""From a table of tasks to shares, ratios and their changes: sums over ideas, with intervals.

One row of the table is one task; its columns are sums over the task's samples, tokens or keywords,
its clusters the ideas that tasks share.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from pyengine.measure.aggregate import LEVEL
from pyengine.measure.table import TokenTable
from pyengine.run.metrics import METRICS
from pyengine.statistics.estimates import (
    Estimate,
    Floats,
    clustered_ratio,
    difference_of_ratios,
)
from pyengine.statistics.looks import at_look
from pyengine.statistics.paired import holm_intervals, p_value
from pyengine.statistics.success import (
    clustered_share,
    clustered_share_change,
    sign_flip_p,
)

# A difference with its interval at a level, and the p-value of "there is none".
Change: TypeAlias = tuple[Callable[[float], Estimate], float]
# Column by which the metric's own column is divided, both summed over tasks.
DENOMINATORS = {
    "pass_at_1": "executed",
    "parse_share": "samples",
    "error_nodes": "leaves",
    "reference_log_probability": "tokens",
    "reference_bits_per_byte": "n_bytes",
    "keyword_first": "keywords",
    "keyword_rank": "keywords",
    "repetition": "samples",
    "empty_share": "samples",
    "edit_similarity": "samples",
    "thought_tokens": "samples",
    "answer_tokens": "samples",
}
# Of things that are so or not: samples that pass, keywords that come first.
COUNTED = ("pass_at_1", "parse_share", "keyword_first", "empty_share")
# Means of what lies between 0 and 1.
SHARES = (*COUNTED, "repetition", "edit_similarity")
# Factors of metrics that count for each hundred.
SCALES = {"error_nodes": 100.0}
EXPONENTIAL = ("keyword_rank",)
# What cannot be below 0, or above it; ranks are from 1, their logarithms from 0.
AT_LEAST_0 = (
    *("error_nodes", "reference_bits_per_byte", "keyword_rank"),
    *("thought_tokens", "answer_tokens"),
)
AT_MOST_0 = ("reference_log_probability",)


def ratio(metric: str, table: TokenTable) -> Estimate:
    """Estimate a sum over tasks divided by another, ideas as clusters; NaN where that is zero.

    The interval has the level of one of the table's looks.
    """
    above, below = _sums(metric, table)
    known = below > 0
    if not known.any():
        return Estimate(math.nan)
    above, below = above[known], below[known]
    level = at_look(LEVEL, table.looks)
    if metric in SHARES:
        return clustered_share(above, below, level=level)
    found = clustered_ratio(above, below, level=level)
    if metric in AT_LEAST_0:
        found = replace(found, low=max(found.low, 0.0))
    if metric in AT_MOST_0:
        found = replace(found, high=min(found.high, 0.0))
    if metric in EXPONENTIAL:
        value, low, high = map(math.exp, (found.value, found.low, found.high))
        # The error is that of the logarithm.
        found = replace(found, value=value, low=low, high=high, error=value * found.error)
    return found


def mean_of_shares(values: Floats, ideas: Sequence[str], *, looks: int = 1) -> Estimate:
    """Estimate the mean over tasks of a share of each, from 0 to 1, at one of so many looks."""
    _, places = np.unique(ideas, return_inverse=True)
    sizes = np.bincount(places).astype(np.float64)
    sums = np.bincount(places, weights=values).astype(np.float64)
    return clustered_share(sums, sizes, level=at_look(LEVEL, looks))


def ratio_change(metric: str, table: TokenTable, other: TokenTable) -> Change:
    """Compare two models' ratios over the same tasks; of nothing the p-value is NaN.

    Of samples that pass the p-value is exact, see `sign_flip_p`; else by Student's t.
    """
    first, second = _sums(metric, table), _sums(metric, other)
    known = first[1] + second[1] > 0
    if not min(first[1].sum(), second[1].sum()) > 0:
        return lambda _: Estimate(math.nan), math.nan
    first, second = ((above[known], below[known]) for above, below in (first, second))
    differences = first[0] - second[0]

    def change(level: float) -> Estimate:
        if metric in COUNTED and np.array_equal(first[1], second[1]):
            return clustered_share_change(differences, first[1], level=level)
        return difference_of_ratios(first, second, level=level)

    if metric == "pass_at_1":
        return change, sign_flip_p([round(d) for d in differences])
    return change, p_value(change(LEVEL))


def corrected(metric: str, changes: Sequence[Change], *, looks: int = 1) -> list[Estimate]:
    """Return the differences of several variants, their intervals by Holm's method over them."""
    found = holm_intervals([at for at, _ in changes], [p for _, p in changes], looks=looks)
    if metric in SHARES:
        found = [replace(e, low=max(e.low, -1.0), high=min(e.high, 1.0)) for e in found]
    return found


def _sums(metric: str, table: TokenTable) -> tuple[Floats, Floats]:
    """Return what is divided and by what, summed over each idea."""
    _, ideas = np.unique(table.clusters, return_inverse=True)
    above = np.bincount(ideas, weights=table.columns[METRICS[metric].column])
    below = np.bincount(ideas, weights=table.columns[DENOMINATORS[metric]])
    scale = SCALES.get(metric, 1.0)
    return scale * above.astype(np.float64), below.astype(np.float64)
