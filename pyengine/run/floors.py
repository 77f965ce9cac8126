"""The one rule for what is arithmetic noise: a model beside itself, computed in another order."""

from __future__ import annotations

import math

from pyengine.run.measurement import Measurement
from pyengine.run.record import Run

# Of a distribution over tokens no mean is asked for: the largest value of the control counts.
EXTREMES = ("quantile=0", "quantile=1")


def noise_floor(row: Measurement) -> float:
    """Return |mean| + 2 standard errors of a number that is nothing but noise."""
    return abs(row.value) + 2 * (row.error if math.isfinite(row.error) else 0.0)


def is_control(row: Measurement) -> bool:
    """Tell whether a measurement is of a model beside itself."""
    return row.reference != "" and row.model == row.reference


def floors(run: Run) -> dict[str, float]:
    """Return the noise floor of each metric that was measured of the reference beside itself.

    A difference of two divergences has that of a divergence.
    """
    found = {row.metric: noise_floor(row) for row in run.measurements if _is(row, "")}
    return found | ({"kl_difference": found["kl"]} if "kl" in found else {})


def largest_noise(run: Run) -> dict[str, float]:
    """Return the largest absolute value that a metric takes at any token of the control."""
    found: dict[str, float] = {}
    for row in run.measurements:
        if _is(row, *EXTREMES):
            found[row.metric] = max(found.get(row.metric, 0.0), abs(row.value))
    return found


def _is(row: Measurement, *groups: str) -> bool:
    return is_control(row) and row.group in groups
