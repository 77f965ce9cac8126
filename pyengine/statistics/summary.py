"""One per-token quantity over a set of tokens: mean, median, quantiles and root mean square."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyengine.statistics.estimates import (
    Clusters,
    Estimate,
    Floats,
    cluster_bootstrap,
    clustered_mean,
    pooled_rms,
    weighted_median,
)
from pyengine.statistics.quantiles import KL_LEVELS, quantiles


@dataclass(frozen=True)
class Summary:
    """What is printed of one quantity.

    Attributes:
        mean: over the finite values.
        median: by order statistics; the mean of the middle two where their number is even.
        median_se: by bootstrap over documents; NaN where it was not asked for.
        quantiles: level -> value.
        rms: root of the mean square.
        n_infinite: tokens whose value is not finite; the mean leaves them out and says so.
    """

    mean: Estimate
    median: float
    median_se: float
    quantiles: dict[float, float]
    rms: float
    n_infinite: int


def summarize(
    values: Floats,
    clusters: Clusters,
    *,
    levels: Sequence[float] = KL_LEVELS,
    seed: int | None = None,
    resamples: int = 200,
) -> Summary:
    """Summarise per-token values that come in clusters; bootstrap the median where seeded.

    Raises:
        ValueError: no value is finite.
    """
    finite = np.isfinite(values)
    kept, groups = values[finite], clusters[finite]
    found = quantiles(values, levels)
    median_se = float("nan")
    if seed is not None and len(kept):
        median_se, _, _ = cluster_bootstrap(
            weighted_median, kept, groups, seed=seed, resamples=resamples
        )
    return Summary(
        mean=clustered_mean(kept, groups),
        median=quantiles(values, [0.5])[0.5],
        median_se=median_se,
        quantiles=found,
        rms=pooled_rms(kept),
        n_infinite=int(len(values) - len(kept)),
    )
