"""Measure groups of tensors in rounds: kinds first, then halves of those with most divergence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pyengine.errors import PyengineError
from pyengine.measure.aggregate import aggregate
from pyengine.measure.documents import ScoredCorpus
from pyengine.measure.engine import Executor, Progress, Series, Store, Work, measure
from pyengine.measure.tensor_kinds import Part, to_divide
from pyengine.measure.variants import Rounding, Variant
from pyengine.run.measurement import Measurement, group_of

METRICS = ("kl", "same_first_choice")
DIMENSION = "tensors"
# Name of the variant in which all groups are rounded at once; no tensor is called so.
ALL = ""


@dataclass
class Rounds:
    """What is measured, round by round.

    Attributes:
        work: what is decoded, without variants.
        text: the same, as documents.
        model: id of the rounded model in measurements.
        rounding: how tensors are quantized, without any.
        types: the type to which each tensor is rounded, by its name.
        rows: what was measured, by the name of a group and a metric.
        leaves: the groups that are not divided, with their KL.
    """

    work: Work
    text: ScoredCorpus
    executor: Executor
    store: Store
    model: str
    rounding: Rounding
    types: Mapping[str, str]
    progress: Progress
    rows: dict[tuple[str, str], Measurement] = field(default_factory=dict)
    leaves: dict[Part, float] = field(default_factory=dict)

    def run(self, kinds: Sequence[Part], n_groups: int) -> list[Part]:
        """Measure kinds and all at once, then halves until there are so many groups.

        Returns:
            every group that was measured, each divided one before its halves.
        """
        rounded = [tensor.name for part in kinds for tensor in part.tensors]
        # Each division measures two halves, in three rounds or so; each round the reference too.
        steps = len(kinds) + 2 + 2.5 * max(0, n_groups - len(kinds))
        self._measure({ALL: rounded, **_names(kinds)}, (0.0, (len(kinds) + 2) / steps))
        self.leaves = {part: self.kl(part) for part in kinds}
        order = list(kinds)
        while chosen := to_divide(self.leaves, n_groups):
            halves = [half for part in chosen for half in part.halves()]
            done = (len(order) + 2) / steps
            self._measure(_names(halves), (done, min(1.0, done + 2.5 * len(chosen) / steps)))
            for part in chosen:
                del self.leaves[part]
                order[order.index(part) + 1 : order.index(part) + 1] = halves[:2]
                self.leaves |= {half: self.kl(half) for half in halves[:2]}
                halves = halves[2:]
        return order

    def kl(self, part: Part) -> float:
        """Return the KL divergence of a group."""
        return self.rows[part.name, "kl"].value

    def measurements(self) -> Iterator[Measurement]:
        """Yield what was measured: all at once, then each group."""
        yield from self.rows.values()

    def _measure(self, groups: Mapping[str, Sequence[str]], span: tuple[float, float]) -> None:
        """Measure groups that are given as names of tensors, beside the reference."""
        variants = tuple(self._variant(name, tensors) for name, tensors in groups.items())
        series = measure(
            replace(self.work, variants=variants),
            self.executor,
            store=self.store,
            progress=lambda _, part: self.progress(
                "Measuring", span[0] + part * (span[1] - span[0])
            ),
        )
        for variant in variants:
            self._keep(variant, series[variant.id])

    def _variant(self, name: str, tensors: Sequence[str]) -> Variant:
        """Return the model with some tensors rounded."""
        types = tuple((tensor, self.types[tensor]) for tensor in sorted(tensors))
        return replace(self.work.reference, id=name, rounding=replace(self.rounding, tensors=types))

    def _keep(self, variant: Variant, series: Series) -> None:
        """Estimate what was observed of a variant.

        Raises:
            PyengineError: it failed.
        """
        if series.failure is not None:
            what = variant.id or "all tensors"
            raise series.failure.kind(f"{variant.path}: {what} rounded: {series.failure.reason}")
        table = self.text.scored.table([part.columns for part in series.observations])
        group = group_of({DIMENSION: variant.id} if variant.id else {})
        for row in aggregate(
            table,
            model=self.model,
            reference=self.work.reference.id,
            group=group,
            metrics=METRICS,
        ):
            self.rows[variant.id, row.metric] = row
        if (variant.id, "kl") not in self.rows:
            raise PyengineError(f"{variant.path}: {variant.id} rounded: infinite KL everywhere")


def _names(parts: Sequence[Part]) -> dict[str, list[str]]:
    return {part.name: [tensor.name for tensor in part.tensors] for part in parts}
