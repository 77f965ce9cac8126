"""Distances between distributions, and how sure their averages are. NumPy in, dataclasses out."""

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
from pyengine.statistics.rows import (
    NO_TARGET,
    OVERLAP_SIZES,
    Restricted,
    kernel_names,
    pair_statistics,
    ranks,
    restricted_statistics,
    row_statistics,
    top_k,
)
from pyengine.statistics.sequential import SequentialInterval, confidence_sequence
from pyengine.statistics.summary import Summary, summarize

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
