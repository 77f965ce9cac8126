"""The rule of choice: the smallest file within the margin, else the best that fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyengine.choose.candidates import Candidate
from pyengine.choose.verdicts import Pair, pairs
from pyengine.run.record import Run

_ALPHA = 0.05
Pairs = Mapping[frozenset[str], Pair]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is asked for: the margin in nats, and bytes of memory and disk (None: no limit)."""

    margin: float
    memory: int | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """The outcome: `qualified` tells whether the chosen one is within the margin."""

    chosen: Candidate | None
    qualified: bool
    tied: tuple[Candidate, ...] = ()


def choose(candidates: Sequence[Candidate], limits: Limits, known: Pairs) -> Choice:
    """Choose among the candidates that fit.

    Within the margin is a candidate whose whole 95 % interval lies below it, or whose divergence
    is below the null control's. The smallest such file wins. Where there is none, the one of
    least divergence is the best, and the smallest of those that cannot be told apart from it,
    or only within the margin, wins.
    """
    fitting = [c for c in candidates if not c.excluded and fits(c, limits)]
    within = [c for c in fitting if within_margin(c, limits.margin)]
    if within:
        return Choice(min(within, key=lambda c: (c.size, c.kl, c.name)), qualified=True)
    if not fitting:
        return Choice(None, qualified=False)
    best = min(fitting, key=lambda c: (c.kl, c.size, c.name))
    tied = [c for c in fitting if c is best or not told_apart(best, c, known, limits.margin)]
    chosen = min(tied, key=lambda c: (c.size, c.kl, c.name))
    return Choice(chosen, qualified=False, tied=tuple(c for c in tied if c is not chosen))


def fits(candidate: Candidate, limits: Limits) -> bool:
    """Tell whether a candidate stays within the limits of memory and disk."""
    return (limits.memory is None or candidate.memory <= limits.memory) and (
        limits.size is None or candidate.size <= limits.size
    )


def within_margin(candidate: Candidate, margin: float) -> bool:
    """Tell whether the divergence is within the margin, or lost in the noise."""
    return candidate.kl_high <= margin or below_floor(candidate)


def below_floor(candidate: Candidate) -> bool:
    """Tell whether the divergence cannot be told from that of the reference against itself."""
    return candidate.kl_floor is not None and candidate.kl <= candidate.kl_floor


def told_apart(one: Candidate, other: Candidate, known: Pairs, margin: float) -> bool:
    """Tell whether two candidates differ: by the paired comparison, else by their intervals.

    Paired on the same tokens they differ where p, corrected by Holm's method, is below 0.05 and
    the interval is not within the margin. Intervals that do not overlap differ; that overlapping
    ones do not is the careful reading, which paired measurements sharpen.
    """
    pair = known.get(frozenset((one.name, other.name)))
    if pair is None:
        return one.kl_high < other.kl_low or other.kl_high < one.kl_low
    low, high = pair.difference.low, pair.difference.high
    return max(abs(low), abs(high)) > margin and pair.p_holm < _ALPHA


def pairs_of(runs: Sequence[Run], margin: float) -> dict[frozenset[str], Pair]:
    """Collect the paired comparisons of runs, by the names of both variants."""
    return {
        frozenset((pair.first, pair.second)): pair for run in runs for pair in pairs(run, margin)
    }
