"""Quantiles of per-token values, at the levels that llama-perplexity prints."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

KL_LEVELS = (1.0, 0.999, 0.99, 0.95, 0.90, 0.5, 0.10, 0.05, 0.01, 0.001, 0.0)
DELTA_P_LEVELS = (1.0, 0.999, 0.99, 0.95, 0.90, 0.75, 0.5, 0.25, 0.10, 0.05, 0.01, 0.001, 0.0)


def quantiles(
    values: npt.NDArray[np.float64], levels: Sequence[float] = KL_LEVELS
) -> dict[float, float]:
    """Return the quantiles of `values`: linear between order statistics.

    Q(f) = x[i] + (f(n-1) - i) (x[i+1] - x[i]) with i = floor(f(n-1)) over the sorted values
    (Hyndman and Fan 1996, type 7; NumPy's "linear"). Infinite values stay infinite.

    Raises:
        ValueError: there is no value.
    """
    if len(values) == 0:
        raise ValueError("no value to take a quantile of")
    ordered = np.sort(values)
    return {level: _between(ordered, level * (len(ordered) - 1)) for level in levels}


def _between(ordered: npt.NDArray[np.float64], place: float) -> float:
    lower = int(place)
    fraction = place - lower
    if fraction == 0.0 or ordered[lower] == ordered[lower + 1]:
        return float(ordered[lower])
    return float(ordered[lower] + fraction * (ordered[lower + 1] - ordered[lower]))
