"""What the numbers of a comparison support, as codes: pure functions of a run and a margin."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Literal, TypeAlias

from pyengine.choose.scale import Damage, damage_of, kl_floor
from pyengine.run.measurement import Measurement, group_of
from pyengine.run.record import ModelInfo, Run
from pyengine.statistics.estimates import Estimate
from pyengine.statistics.looks import at_look
from pyengine.statistics.paired import (
    ALPHA,
    documents_to_separate,
    interval_at,
    judge_ratios,
    logarithm,
)

# Of a part of the text with fewer documents nothing is said.
FEWEST_DOCUMENTS = 5
Change: TypeAlias = Literal["no-interval", "undecided", "different"]
Verdict: TypeAlias = Literal[
    "different", "alike", "undecided", "same", "exact", "one-exact", "infinite", "no-interval"
]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two variants on the same tokens.

    Attributes:
        verdict: "different" by the test of the ratio; else "alike" where its whole interval is
            within the margin, or "undecided". Without such a test: "same" in every document,
            "exact" where both are equal to the reference in every row, "one-exact" where the
            second alone is, "infinite" where one of them has infinite divergence at a token, and
            "no-interval" where one document was measured.
        ratio: KL(first) / KL(second), with the interval that excludes 1 where the test does: at
            level 1 - ALPHA / Holm's factor over all looks. None where one is 0 or infinite.
        within: the whole interval lies within the margin.
        p_holm: the two-sided p-value over all looks, after Holm's correction over all pairs.
        more_documents: how many more would separate them with a chance of 80 %, were the ratio
            seen the true one; None where they are told apart, or where it cannot be said.
    """

    first: str
    second: str
    verdict: Verdict
    ratio: Measurement | None = None
    within: bool = False
    p_holm: float = math.nan
    more_documents: int | None = None

    @property
    def apart(self) -> bool:
        """Whether the damage of both differs."""
        return self.verdict in ("different", "one-exact")

    def reversed(self) -> Pair:
        """Return the same pair with the second variant first."""
        ratio = None if self.ratio is None else _turned(self.ratio)
        return replace(self, first=self.second, second=self.first, ratio=ratio)

    def from_the_farther(self) -> Pair:
        """Return the same pair with the variant of the larger damage first."""
        return self.reversed() if self.ratio and self.ratio.value < 1 else self


def reference_of(run: Run) -> ModelInfo:
    """Return the model that the others were compared with."""
    return run.models[0]


def variants_of(run: Run) -> list[ModelInfo]:
    """Return the models that were compared with the reference."""
    return run.models[1:]


def divergence(run: Run, model: str) -> Measurement | None:
    """Return a variant's mean KL divergence; None where it was not measured over text."""
    return run.find("kl", model)


def infinite_tokens(run: Run) -> dict[str, int]:
    """Return at how many tokens variants have infinite divergence, which the mean leaves out."""
    notes = (note for note in run.notes if note.code == "infinite-divergence")
    return {note.model: int(note.values["n_tokens"]) for note in notes}


def has_interval(row: Measurement) -> bool:
    """Tell whether a measurement has an interval: one document gives none."""
    return row.n_clusters > 1 and math.isfinite(row.low) and math.isfinite(row.high)


def damage(run: Run, model: str) -> Damage | None:
    """Return on which steps a variant may be; None where no interval, or an infinite token, is."""
    kl = divergence(run, model)
    if kl is None or not has_interval(kl) or model in infinite_tokens(run):
        return None
    return damage_of(kl, kl_floor(run, model))


def change(difference: Measurement) -> Change:
    """Say whether a difference can be told from zero by its interval."""
    if not has_interval(difference):
        return "no-interval"
    return "undecided" if difference.low <= 0.0 <= difference.high else "different"


def pairs(run: Run, margin: float) -> list[Pair]:
    """Judge every two variants by the ratio of their KL divergences on the same tokens.

    ln r over its error has Student's t distribution with the ratio's degrees of freedom. Its
    p-value counts as often as was looked, and is adjusted by Holm's method for the pairs of the
    run.

    Args:
        margin: variants whose ratio lies between 1 / (1 + margin) and 1 + margin are alike.
    """
    known = [model.id for model in variants_of(run) if divergence(run, model.id)]
    rows = {
        (row.model, row.members["against"]): row
        for row in run.select("kl_ratio", dimension="against")
    }
    infinite = infinite_tokens(run)
    tested = {both: row for both, row in rows.items() if not infinite.keys() & set(both)}
    judged = {(pair.first, pair.second): pair for pair in _tested(run, tested, margin)}
    found = []
    for first, second in combinations(known, 2):
        pair = judged.get((first, second)) or judged.get((second, first))
        pair = pair or _untested(run, first, second)
        if pair is not None:
            found.append(pair)
    return found


def _tested(run: Run, rows: dict[tuple[str, str], Measurement], margin: float) -> Iterator[Pair]:
    """Yield the pairs that have a ratio."""
    looks = 1 if run.population is None else run.population.looks
    ratios = [_estimate(row) for row in rows.values()]
    judged = judge_ratios(ratios, margin=margin, looks=looks)
    # Of windows of one document no number of documents can be foretold.
    several = run.population is None or run.population.n_scored_documents > 1
    for row, ratio, found in zip(rows.values(), ratios, judged, strict=True):
        both = row.model, row.members["against"]
        if math.isnan(found.p):
            bare = replace(row, low=math.nan, high=math.nan, level=math.nan)
            yield Pair(*both, "no-interval", bare)
            continue
        shown = replace(row, low=found.low, high=found.high, level=found.level)
        verdict: Verdict = found.verdict
        if ratio.error == 0.0 and ratio.value == 1.0:
            verdict = "same"
        more = None
        if verdict == "undecided" and several:
            more = documents_to_separate(logarithm(ratio), corrections=found.factor)
        yield Pair(*both, verdict, shown, found.within, found.p, more)


def _untested(run: Run, first: str, second: str) -> Pair | None:
    """Return what can be said of two variants without a ratio; None where nothing can."""
    if infinite_tokens(run).keys() & {first, second}:
        return Pair(first, second, "infinite")
    levels = {name: divergence(run, name) for name in (first, second)}
    exact = [name for name, kl in levels.items() if kl is not None and kl.value == 0.0]
    if len(exact) == 2:
        return Pair(first, second, "exact")
    if len(exact) == 1:
        other = second if exact[0] == first else first
        return Pair(other, exact[0], "one-exact")
    return None


def times_the_damage(run: Run, first: str, second: str) -> Measurement | None:
    """Return the ratio of two variants' KL divergences on the same tokens; None where none is.

    Its interval is that of this pair alone, for all looks at the data together.
    """
    for row in run.select("kl_ratio", dimension="against"):
        both = row.model, row.members["against"]
        if both == (first, second):
            return row
        if both == (second, first):
            return _turned(row)
    return None


def is_closer(run: Run, first: str, second: str) -> bool:
    """Tell whether one variant has less damage than another on the same tokens, surely or not."""
    ratio = times_the_damage(run, first, second)
    if ratio is not None and not infinite_tokens(run).keys() & {first, second}:
        return ratio.value < 1
    order = by_damage(run)
    if first not in order or second not in order:
        return first in order
    levels = [divergence(run, name) for name in (first, second)]
    zero = all(level is not None and level.value == 0.0 for level in levels)
    return not zero and order.index(first) < order.index(second)


def is_slower(run: Run, name: str, asked: float | None) -> bool:
    """Tell whether a variant surely writes fewer tokens per second: in each repetition."""
    speed = run.find("generation_speed", name)
    return asked is not None and speed is not None and speed.high < asked


def steps(run: Run, margin: float) -> dict[str, Pair]:
    """Return for each variant but the closest its pair with the best of its group.

    A group begins with its best, and takes in those that follow it in damage until one is told
    apart from that best: that one is compared with it, and begins the next group. So no chain of
    neighbours that are alike can span a large ratio.
    """
    known = {frozenset((pair.first, pair.second)): pair for pair in pairs(run, margin)}
    found: dict[str, Pair] = {}
    anchor = ""
    for variant in by_damage(run):
        pair = known.get(frozenset((anchor, variant)))
        if pair is not None:
            found[variant] = pair if pair.first == variant else pair.reversed()
        if not anchor or (pair is not None and (pair.apart or pair.verdict == "infinite")):
            anchor = variant
    return found


def by_damage(run: Run) -> list[str]:
    """Return the variants whose divergence was measured, the closest first.

    One with infinite divergence at a token is behind all that have none.
    """
    infinite = infinite_tokens(run)
    known = [
        (infinite.get(m.id, 0), kl.value, m.id)
        for m in variants_of(run)
        if (kl := divergence(run, m.id))
    ]
    return [variant for *_, variant in sorted(known)]


def by_size(run: Run) -> list[str]:
    """Return the variants from the largest file to the smallest; of equal ones the closer first."""
    closer = {variant: place for place, variant in enumerate(by_damage(run))}
    ordered = sorted(
        variants_of(run), key=lambda m: (-m.file_bytes, closer.get(m.id, len(closer)), m.id)
    )
    return [model.id for model in ordered]


def smaller_and_closer(run: Run) -> dict[str, str]:
    """Return for each variant that another beats in both size and mean KL the closest such.

    The other is no larger, and closer by the test of their ratio over the same tokens. Settings of
    one file do not beat each other: they change its memory, not its size.
    """
    place = {variant: number for number, variant in enumerate(by_damage(run))}
    found: dict[str, str] = {}
    for pair in pairs(run, 0.0):
        if not pair.apart:
            continue
        turned = pair.from_the_farther()
        farther, closer = turned.first, turned.second
        first, second = run.model(closer), run.model(farther)
        smaller = first.file_bytes <= second.file_bytes and first.sha256 != second.sha256
        if smaller and place[closer] < place.get(found.get(farther, ""), math.inf):
            found[farther] = closer
    return found


def standing_out(run: Run, model: str, dimension: str) -> tuple[list[str], list[str]]:
    """Return which parts change less than the average token, and which more.

    By the whole interval of each part of five documents or more, corrected for looks and for the
    number of parts; none where the mean itself is noise.
    """
    mean, floor = divergence(run, model), kl_floor(run, model)
    every = [r for r in run.select("kl", model=model, dimension=dimension) if len(r.members) == 1]
    parts = [(r.members[dimension], r) for r in every if r.n_clusters >= FEWEST_DOCUMENTS]
    if mean is None or (floor is not None and mean.value <= floor) or not parts:
        return [], []
    # Of the same tokens as the parts: the mean of all may be told through an anchor.
    average = sum(row.n * row.value for row in every) / sum(row.n for row in every)
    looks = 1 if run.population is None else run.population.looks
    level = at_look(1 - ALPHA / len(parts), looks)
    ends = [(name, *interval_at(_estimate(part), level)) for name, part in parts]
    less = [name for name, _, high in ends if high < average]
    return less, [name for name, low, _ in ends if low > average]


def unmet(run: Run, max_kl: float) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return the variants whose mean KL divergence is not surely at most `max_kl` nats, and why.

    The code is "not-measured", "failed", "infinite", "no-interval" or "exceeds"; beside it stand
    the numbers and words that a sentence needs.
    """
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    failed = {note.model: note for note in run.notes if note.code == "variant-failed"}
    infinite = infinite_tokens(run)
    ids = dict.fromkeys([*(model.id for model in variants_of(run)), *failed])
    for variant in ids:
        kl = divergence(run, variant)
        if variant in failed:
            found[variant] = "failed", failed[variant].values
        elif kl is None:
            found[variant] = "not-measured", {}
        elif variant in infinite:
            found[variant] = "infinite", {"n_tokens": infinite[variant]}
        elif not has_interval(kl):
            found[variant] = "no-interval", {"value": kl.value}
        elif not kl.high <= max_kl:
            found[variant] = "exceeds", {"value": kl.value, "low": kl.low, "high": kl.high}
    return found


def _turned(ratio: Measurement) -> Measurement:
    """Return the ratio of the same two variants the other way round; its logarithm changes sign."""
    return replace(
        ratio,
        model=ratio.members["against"],
        group=group_of({"against": ratio.model}),
        value=1 / ratio.value,
        low=_inverse(ratio.high),
        high=_inverse(ratio.low),
        error=ratio.error / ratio.value**2,
    )


def _inverse(end: float) -> float:
    return 1 / end if end else math.inf


def _estimate(row: Measurement) -> Estimate:
    return Estimate(
        value=row.value,
        n=row.n,
        n_clusters=row.n_clusters,
        error=row.error,
        low=row.low,
        high=row.high,
        level=row.level,
        freedom=row.freedom,
    )
