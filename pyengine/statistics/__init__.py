"""Distances between distributions, and how sure their averages are. NumPy in, dataclasses out.

What needs the compiled core is in `rows`: verdicts over a saved record do without it.
"""

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

__all__ = [
    "DELTA_P_LEVELS",
    "KL_LEVELS",
    "Estimate",
    "PairedDifference",
    "SequentialInterval",
    "Verdict",
    "cluster_bootstrap",
    "clustered_mean",
    "clustered_ratio",
    "confidence_sequence",
    "holm",
    "paired_difference",
    "pooled_rms",
    "quantiles",
    "tokens_to_separate",
    "verdict",
]
