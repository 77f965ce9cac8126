"""Which variants go on: those of which it is not yet known what was asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import TypeAlias

import numpy as np

from pyengine.measure.engine import Series
from pyengine.measure.table import Floats
from pyengine.statistics.estimates import Clusters, Estimate
from pyengine.statistics.looks import at_look, documents_at
from pyengine.statistics.paired import ALPHA, interval_at, judge_ratios, logarithm
from pyengine.statistics.ratios import anchored_mean, ratio_of_means


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a variant so far: its mean KL divergence, with the interval at a look.

    Attributes:
        n_documents: that it was measured on.
        leads: whether it is the best answer so far, where one is looked for.
    """

    n_documents: int
    kl: float
    low: float
    high: float
    leads: bool = False


# Called with the id of a variant whenever more is known of it.
Watch: TypeAlias = Callable[[str, Known], object]


def unwatched(model: str, known: Known) -> None:
    """Look at nothing."""


@dataclass(frozen=True, eq=False)
class Sides:
    """What is asked of variants: on which side of limits they are, and nothing more.

    A variant stops when it is surely beyond a limit, or within all; or when its mean is known to
    `precision` of it, which is so near to a limit that more text would say no more.

    Attributes:
        limits: of the means of columns: "kl", and "flips", which is 1 where the first choice is
            another.
        clusters, precision, level: see `Race`.
    """

    limits: Mapping[str, float]
    clusters: Clusters
    precision: float
    level: float
    anchor: str = ""

    def still_racing(self, seen: Mapping[str, Series]) -> set[str]:
        """Return which variants go on."""
        columns = {name: columns_of(seen, name) for name in self.limits}
        known = set.intersection(*(set(found) for found in columns.values()))
        return {v for v in known if self._goes_on({n: columns[n][v] for n in self.limits})}

    def _goes_on(self, columns: Mapping[str, Floats]) -> bool:
        means = {
            name: mean_at_look(values, self.clusters, self.level)
            for name, values in columns.items()
        }
        if any(mean.low > self.limits[name] for name, mean in means.items()):
            return False
        return any(
            mean.high > max(self.limits[name], mean.value * (1 + self.precision))
            for name, mean in means.items()
        )


def mean_at_look(values: Floats, clusters: Clusters, level: float) -> Estimate:
    """Estimate the mean of the first tokens at the level of a look, as the record will say it.

    One that is infinite has no interval; zero is exact.
    """
    if is_positive(values):
        own = clusters[: len(values)]
        return anchored_mean(values, values, own, level=level)
    mean = float(np.mean(values))
    return Estimate(mean, mean, mean, level, n=len(values))


def columns_of(series: Mapping[str, Series], name: str) -> dict[str, Floats]:
    """Return a column of every variant that has not failed; see `Sides`."""
    column = "same_first_choice" if name == "flips" else name
    found = {
        model: np.concatenate([part.columns[column] for part in seen.observations])
        for model, seen in series.items()
        if seen.failure is None and any(column in part.columns for part in seen.observations)
    }
    return {model: 1 - values for model, values in found.items()} if name == "flips" else found


@dataclass(frozen=True, eq=False)
class Race:
    """What is asked of variants that are measured a few documents at a time.

    A level is known when its interval reaches at most `precision` of it upwards. Two neighbours in
    size are known when they are told apart, or shown to lie within `margin` of each other.

    Attributes:
        smallest_first: ids of the variants, by the size of their files.
        clusters: document of every token.
        looks: how often will be looked at most; every test of two variants pays for all of them.
        levels_from: number, from 0, of the first look at which levels are asked; every interval of
            a level pays for those from there on.
    """

    smallest_first: Sequence[str]
    clusters: Clusters
    precision: float
    margin: float
    looks: int
    levels_from: int = 0

    @property
    def level(self) -> float:
        """The level of an interval at one look: all looks together miss at most 5 %."""
        return at_look(1 - ALPHA, self.looks, self.levels_from)

    @property
    def anchor(self) -> str:
        """The variant through which levels are known: the middle one in size."""
        return self.smallest_first[len(self.smallest_first) // 2]

    def still_racing(self, seen: Mapping[str, Series]) -> set[str]:
        """Return which variants go on."""
        return self.undecided(columns_of(seen, "kl"))

    def undecided(self, kl: Mapping[str, Floats]) -> set[str]:
        """Return the variants of which it is not yet known what was asked.

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
        if len(np.unique(clusters)) < documents_at(self.levels_from):
            return False
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
