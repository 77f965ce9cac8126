"""The one rule for what is arithmetic noise: a model beside itself, computed in another order."""

from __future__ import annotations

import math

from pyengine.run.measurement import Measurement
from pyengine.run.metrics import METRICS
from pyengine.run.record import Run


class Floors:
    """The noise floors of a run's measurements."""

    def __init__(self, run: Run) -> None:
        """Collect what was measured of every model beside itself."""
        self._reference = run.models[0].id if run.models else ""
        self._controls = {
            (row.metric, row.model, row.group): row for row in run.measurements if row.is_control
        }

    def of(self, row: Measurement) -> float | None:
        """Return below what a measurement is noise; None where that is not known.

        It is the larger of its model's floor and its reference's. A distance, such as KL, has
        |mean| + 2 standard errors of the distance of a model from itself. A mean of signed changes
        has 2 standard errors of as many changes between a model and itself. A quantile over tokens
        has the same quantile of the control. A difference of two divergences has the floor of the
        reference's.
        """
        metric = "kl" if row.metric == "kl_difference" else row.metric
        models = [self._reference] + [row.model] * (metric == row.metric)
        if not METRICS[metric].floor:
            return None
        is_quantile = "quantile" in row.members
        found = [self._controls.get((metric, m, row.group * is_quantile)) for m in models]
        return max((_floor(control, row.n) for control in found if control), default=None)

    def of_reference(self, metric: str) -> float | None:
        """Return the reference's own floor of a distance; None where it is not known."""
        control = self._controls.get((metric, self._reference, ""))
        return None if control is None else _floor(control, control.n)


def _floor(control: Measurement, n: int) -> float:
    """Return the floor of a distance or a quantile, or of a mean change over n tokens."""
    error = control.error if math.isfinite(control.error) else 0.0
    if METRICS[control.metric].floor == "change" and not control.group:
        return 2 * error * math.sqrt(control.n / max(1, n))
    return abs(control.value) + 2 * error
