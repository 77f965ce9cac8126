"""When to stop measuring: an interval that holds at every look, not only at a planned one.

Looking after each document and stopping when an ordinary interval is narrow, or excludes zero,
gives false certainty. The asymptotic confidence sequence widens the interval just enough that it
covers the mean at all looks together with the stated probability.
"""

from dataclasses import dataclass

import numpy as np

from pyengine.statistics.estimates import Clusters, Floats, clustered_mean

MIN_DOCUMENTS = 10


@dataclass(frozen=True)
class SequentialInterval:
    """A mean and an interval that may be looked at after any document.

    Attributes:
        value: the mean so far.
        half_width: NaN before ten documents.
        n_clusters: documents so far.
    """

    value: float
    half_width: float
    n_clusters: int

    def reached(self, precision: float) -> bool:
        """Tell whether the half-width is known and no larger than `precision`."""
        return bool(self.half_width <= precision)


def confidence_sequence(
    values: Floats, clusters: Clusters, *, level: float = 0.95, best_at: int = 50
) -> SequentialInterval:
    """Return the time-uniform interval after the documents seen so far.

    Half-width = se * sqrt(2 (G r^2 + 1) / (G r^2) * ln(sqrt(G r^2 + 1) / a)) with G documents, the
    clustered standard error se, a = 1 - level, and r chosen so that the interval is narrowest
    around G = best_at (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2024, theorem 2.2 and
    appendix B.2). It is asymptotic, so nothing is said before ten documents, and documents must
    come in an order unrelated to what is measured.
    """
    estimate = clustered_mean(values, clusters, level=level)
    g = estimate.n_clusters
    if g < MIN_DOCUMENTS:
        return SequentialInterval(estimate.value, float("nan"), g)
    alpha = 1 - level
    odds = -2 * np.log(alpha)
    tuned = (odds + np.log(odds) + 1) / best_at
    grown = g * tuned + 1
    factor = np.sqrt(2 * grown / (g * tuned) * np.log(np.sqrt(grown) / alpha))
    return SequentialInterval(estimate.value, float(factor * estimate.se_clustered), g)
