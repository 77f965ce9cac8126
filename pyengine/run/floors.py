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

        What arithmetic alone gives is told by both models beside themselves. Of a distance each
        gives |mean| + 2 standard errors, of a mean of signed changes 2 standard errors of as many
        changes, of a quantile over tokens the same quantile. Two orders of one file differ by two
        errors and the variant from the reference by one of each: so divergences, which are squares
        of errors, count by half, and the rest by their root mean square.
        """
        kind = METRICS[row.metric].floor
        group = row.group if "quantile" in row.members else ""
        reference = self._controls.get((row.metric, self._reference, group))
        variant = self._controls.get((row.metric, row.model, group))
        known = [control for control in (reference, variant) if control is not None]
        if not kind or not known:
            return None
        first, second = (_floor(control or known[0], row.n) for control in (reference, variant))
        if kind == "divergence":
            return (first + second) / 2
        return math.sqrt((first**2 + second**2) / 2)


def _floor(control: Measurement, n: int) -> float:
    """Return what a model beside itself gives of a distance, or of a mean change over n tokens."""
    error = control.error if math.isfinite(control.error) else 0.0
    if METRICS[control.metric].floor == "change" and not control.group:
        return 2 * error * math.sqrt(control.n / max(1, n))
    return abs(control.value) + 2 * error
