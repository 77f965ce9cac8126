"""Distances between distributions, and how sure their averages are. NumPy in, dataclasses out."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pyengine.statistics.estimates import (
    Estimate,
    cluster_bootstrap,
    clustered_mean,
    clustered_ratio,
    pooled_rms,
)
from pyengine.statistics.paired import (
    PairedDifference,
    Verdict,
    holm,
    paired_difference,
    tokens_to_separate,
    verdict,
)
from pyengine.statistics.quantiles import DELTA_P_LEVELS, KL_LEVELS, quantiles
from pyengine.statistics.sequential import SequentialInterval, confidence_sequence
from pyengine.statistics.summary import Summary, summarize

if TYPE_CHECKING:
    from pyengine.statistics.rows import NO_TARGET as NO_TARGET
    from pyengine.statistics.rows import OVERLAP_SIZES as OVERLAP_SIZES
    from pyengine.statistics.rows import Restricted as Restricted
    from pyengine.statistics.rows import kernel_names as kernel_names
    from pyengine.statistics.rows import pair_statistics as pair_statistics
    from pyengine.statistics.rows import ranks as ranks
    from pyengine.statistics.rows import restricted_statistics as restricted_statistics
    from pyengine.statistics.rows import row_statistics as row_statistics
    from pyengine.statistics.rows import top_k as top_k

# What needs the compiled core is imported on first use: verdicts over a saved record do not.
_ROWS = {
    "NO_TARGET",
    "OVERLAP_SIZES",
    "Restricted",
    "kernel_names",
    "pair_statistics",
    "ranks",
    "restricted_statistics",
    "row_statistics",
    "top_k",
}

__all__ = [
    "DELTA_P_LEVELS",
    "KL_LEVELS",
    "NO_TARGET",
    "OVERLAP_SIZES",
    "Estimate",
    "PairedDifference",
    "Restricted",
    "SequentialInterval",
    "Summary",
    "Verdict",
    "cluster_bootstrap",
    "clustered_mean",
    "clustered_ratio",
    "confidence_sequence",
    "holm",
    "kernel_names",
    "pair_statistics",
    "paired_difference",
    "pooled_rms",
    "quantiles",
    "ranks",
    "restricted_statistics",
    "row_statistics",
    "summarize",
    "tokens_to_separate",
    "top_k",
    "verdict",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the type is that of the public name
    if name not in _ROWS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("pyengine.statistics.rows"), name)
