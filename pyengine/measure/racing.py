"""Which variants go on: those of which it is not yet known what was asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from pyengine.measure.table import Floats
from pyengine.statistics.estimates import Clusters, Estimate
from pyengine.statistics.looks import at_look
from pyengine.statistics.paired import ALPHA, interval_at, judge_ratios, logarithm
from pyengine.statistics.ratios import anchored_mean, ratio_of_means


@dataclass(frozen=True, eq=False)
class Race:
    """What is asked of variants that are measured a few documents at a time.

    A level is known when its interval reaches at most `precision` of it upwards. Two neighbours in
    size are known when they are told apart, or shown to lie within `margin` of each other.

    Attributes:
        smallest_first: ids of the variants, by the size of their files.
        clusters: document of every token.
        looks: how often will be looked at most; every interval and test pays for all of them.
    """

    smallest_first: Sequence[str]
    clusters: Clusters
    precision: float
    margin: float
    looks: int

    @property
    def level(self) -> float:
        """The level of an interval at one look: all looks together miss at most 5 %."""
        return at_look(1 - ALPHA, self.looks)

    @property
    def anchor(self) -> str:
        """The variant through which levels are known: the middle one in size."""
        return self.smallest_first[len(self.smallest_first) // 2]

    def still_racing(self, kl: Mapping[str, Floats]) -> set[str]:
        """Return which variants go on.

        Args:
            kl: by id of a variant the KL divergence of every token that it was measured on, of
                those that can go on or have stopped; not of those that failed.
        """
        return self._unknown_levels(kl) | self._undecided_neighbours(kl)

    def _unknown_levels(self, kl: Mapping[str, Floats]) -> set[str]:
        """Return the variants that need more documents, and the anchor where it is needed more."""
        anchor = usable_anchor(kl, self.anchor)
        unknown = {
            variant
            for variant, values in kl.items()
            if is_positive(values) and not self._is_known(values, anchor)
        }
        # One alone learns as much from its own documents as from the anchor's, at equal cost.
        if anchor is None or len(unknown) < 2:
            return unknown
        return {self.anchor} | {v for v in unknown if self._lacks_own(kl[v], anchor)}

    def _is_known(self, values: Floats, anchor: Floats | None) -> bool:
        beside = values if anchor is None or len(anchor) < len(values) else anchor
        clusters = self.clusters[: len(beside)]
        level = anchored_mean(values, beside, clusters, level=self.level)
        return level.high <= level.value * (1 + self.precision)

    def _lacks_own(self, values: Floats, anchor: Floats) -> bool:
        """Tell whether the ratio to the anchor has more than half of the variance allowed."""
        n = min(len(values), len(anchor))
        log = logarithm(ratio_of_means(values[:n], anchor[:n], self.clusters[:n]))
        _, high = interval_at(log, self.level)
        return bool(high - log.value > np.sqrt(0.5) * np.log1p(self.precision))

    def _undecided_neighbours(self, kl: Mapping[str, Floats]) -> set[str]:
        ratios: dict[tuple[str, str], Estimate] = {}
        known = [variant for variant in self.smallest_first if is_positive(kl.get(variant))]
        for first, second in combinations(known, 2):
            n = min(len(kl[first]), len(kl[second]))
            ratios[first, second] = ratio_of_means(kl[first][:n], kl[second][:n], self.clusters[:n])
        judged = judge_ratios(list(ratios.values()), margin=self.margin, looks=self.looks)
        verdicts = {pair: found.verdict for pair, found in zip(ratios, judged, strict=True)}
        undecided = [pair for pair in pairwise(known) if verdicts[pair] == "undecided"]
        return {variant for pair in undecided for variant in pair}


def usable_anchor(kl: Mapping[str, Floats], anchor: str) -> Floats | None:
    """Return the anchor's divergences; None where it failed, or has none that can be divided by."""
    values = kl.get(anchor)
    return values if is_positive(values) else None


def is_positive(values: Floats | None) -> bool:
    """Tell whether divergences have a finite mean above 0, so that ratios of it exist."""
    return values is not None and bool(np.isfinite(values).all()) and float(values.sum()) > 0
