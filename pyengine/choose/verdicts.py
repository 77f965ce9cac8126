"""What the numbers of a comparison support, as codes: pure functions of a run and a margin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal, TypeAlias

from pyengine.run.floors import Floors
from pyengine.run.measurement import Measurement
from pyengine.run.record import ModelInfo, Run
from pyengine.statistics.estimates import Estimate
from pyengine.statistics.paired import (
    Verdict,
    documents_to_separate,
    holm,
    p_value,
    verdict,
)

# A p-value below it, corrected by Holm's method, tells two variants apart.
ALPHA = 0.05
# How a mean KL divergence stands to a margin.
Place: TypeAlias = Literal["noise", "no-interval", "within", "beyond", "undecided"]
Change: TypeAlias = Literal["no-interval", "undecided", "different"]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two variants on the same tokens.

    Attributes:
        difference: mean of KL(first) - KL(second).
        ratio: KL(first) / KL(second); None where one of them is 0 or infinite.
        p_holm: the two-sided p-value, after Holm's correction over all pairs of the run.
        more_documents: how many more would separate them with a chance of 80 %, were the difference
            seen the true one; None where they are told apart, or where it cannot be said.
    """

    first: str
    second: str
    difference: Measurement
    ratio: Measurement | None
    p_holm: float
    verdict: Verdict
    more_documents: int | None

    def reversed(self) -> Pair:
        """Return the same pair with the second variant first."""
        d = self.difference
        turned = replace(d, value=-d.value, low=-d.high, high=-d.low)
        r = self.ratio
        ratio = r and replace(r, value=1 / r.value, low=1 / r.high, high=1 / r.low)
        return replace(self, first=self.second, second=self.first, difference=turned, ratio=ratio)


def reference_of(run: Run) -> ModelInfo:
    """Return the model that the others were compared with."""
    return run.models[0]


def variants_of(run: Run) -> list[ModelInfo]:
    """Return the models that were compared with the reference."""
    return run.models[1:]


def divergence(run: Run, model: str) -> Measurement | None:
    """Return a variant's mean KL divergence; None where it was not measured over text."""
    return run.find("kl", model)


def place(kl: Measurement, margin: float, floor: float | None = None) -> Place:
    """Say how a mean KL divergence stands to a margin, by its whole interval.

    "noise": no larger than that of the same file beside itself, computed in another order.
    """
    if floor is not None and kl.value <= floor:
        return "noise"
    if not has_interval(kl):
        return "no-interval"
    if kl.high <= margin:
        return "within"
    return "beyond" if kl.low > margin else "undecided"


def has_interval(row: Measurement) -> bool:
    """Tell whether a measurement has an interval: one document gives none."""
    return row.n_clusters > 1 and math.isfinite(row.low) and math.isfinite(row.high)


def change(difference: Measurement) -> Change:
    """Say whether a difference can be told from zero by its interval."""
    if not has_interval(difference):
        return "no-interval"
    return "undecided" if difference.low <= 0.0 <= difference.high else "different"


def pairs(run: Run, margin: float) -> list[Pair]:
    """Judge every two variants by their KL divergence on the same tokens.

    The p-value is that of Student's t with n_clusters - 1 degrees of freedom, adjusted by Holm's
    method for the number of pairs in the run.
    """
    rows = run.select("kl_difference")
    estimates = [_estimate(row) for row in rows]
    p_values = [p_value(estimate) for estimate in estimates]
    several = run.population is None or run.population.n_scored_documents > 1
    found = []
    for row, estimate, p, p_holm in zip(rows, estimates, p_values, holm(p_values), strict=True):
        kind = verdict(estimate, margin=margin, adjusted_p=p_holm)
        more = None
        if kind == "undecided" and several and p > 0:
            more = documents_to_separate(estimate, corrections=p_holm / p)
        second = row.members["against"]
        ratio = run.find("kl_ratio", row.model, against=second)
        found.append(Pair(row.model, second, row, ratio, p_holm, kind, more))
    return found


def steps(run: Run, margin: float) -> dict[str, Pair]:
    """Return for each variant its pair with the one of the next smaller mean KL divergence."""
    known = {frozenset((pair.first, pair.second)): pair for pair in pairs(run, margin)}
    found = {}
    order = by_divergence(run)
    for better, worse in pairwise(order):
        pair = known.get(frozenset((better, worse)))
        if pair is not None:
            found[worse] = pair if pair.first == worse else pair.reversed()
    return found


def by_divergence(run: Run) -> list[str]:
    """Return the variants whose divergence was measured, the closest first."""
    known = [(kl.value, m.id) for m in variants_of(run) if (kl := divergence(run, m.id))]
    return [variant for _, variant in sorted(known)]


def smaller_and_closer(run: Run) -> dict[str, str]:
    """Return for each variant that another beats in both size and mean KL the closest such.

    The other is no larger, and closer by the paired test over the same tokens, corrected for the
    number of pairs.
    """
    told = [pair for pair in pairs(run, 0.0) if pair.p_holm < ALPHA]
    apart = {frozenset((pair.first, pair.second)) for pair in told}
    known = [
        (kl.value, m.file_bytes, m.id) for m in variants_of(run) if (kl := divergence(run, m.id))
    ]
    found = {}
    for value, size, variant in known:
        rivals = [
            other
            for other in known
            if other[1] <= size and other[0] < value and frozenset((variant, other[2])) in apart
        ]
        if rivals:
            found[variant] = min(rivals)[2]
    return found


def standing_out(
    mean: Measurement, parts: Sequence[tuple[str, Measurement]], floor: float | None
) -> tuple[list[str], list[str]]:
    """Return the parts that change less, and those that change more, than the average token.

    By the whole interval of each part, one at a time; none where the mean itself is noise.
    """
    if floor is not None and mean.value <= floor:
        return [], []
    less = [name for name, part in parts if part.high < mean.value]
    return less, [name for name, part in parts if part.low > mean.value]


def unmet(run: Run, max_kl: float) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return the variants whose mean KL divergence is not surely at most `max_kl` nats, and why.

    The code is "not-measured", "failed", "infinite", "no-interval" or "exceeds"; beside it stand
    the numbers and words that a sentence needs.
    """
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    failed = {note.model: note for note in run.notes if note.code == "variant-failed"}
    infinite = {note.model: note for note in run.notes if note.code == "infinite-divergence"}
    ids = dict.fromkeys([*(model.id for model in variants_of(run)), *failed])
    for variant in ids:
        kl = divergence(run, variant)
        if variant in failed:
            found[variant] = "failed", failed[variant].values
        elif kl is None:
            found[variant] = "not-measured", {}
        elif variant in infinite:
            found[variant] = "infinite", infinite[variant].values
        elif not has_interval(kl):
            found[variant] = "no-interval", {"value": kl.value}
        elif not kl.high <= max_kl:
            found[variant] = "exceeds", {"value": kl.value, "high": kl.high}
    return found


def kl_floor(run: Run, model: str) -> float | None:
    """Return the noise floor of a model's KL divergence; None where there was no control."""
    kl = divergence(run, model)
    return None if kl is None else Floors(run).of(kl)


def _estimate(row: Measurement) -> Estimate:
    return Estimate(
        value=row.value,
        n=row.n,
        n_clusters=row.n_clusters,
        error=row.error,
        low=row.low,
        high=row.high,
        level=row.level,
    )
