"""Say in words why a variant is recommended, and what would change the answer."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pyengine.recommendation.choose import Choice, Limits, below_floor, fits, within_margin
from pyengine.recommendation.records import Candidate

_UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))
_MORE_TEXT = "More text: what was measured is too little for an interval."


def why(choice: Choice, candidates: Sequence[Candidate], limits: Limits) -> str:
    """Say in one sentence why this one, or why none."""
    chosen = choice.chosen
    if chosen is None:
        smallest = min((c for c in candidates if c.excluded is None), default=None, key=_size)
        if smallest is None:
            return "No variant was measured, so there is nothing to choose from."
        return (
            f"None fits {_limits(limits)}: the smallest that was measured, {smallest.name}, needs "
            f"{_bytes(smallest.memory)} of memory and {_bytes(smallest.size)} of disk."
        )
    if choice.qualified:
        return (
            f"{chosen.name} ({_bytes(chosen.size)}) is the smallest file {_within(chosen, limits)}"
        )
    tied = ""
    if choice.tied:
        tied = f", the smallest of {len(choice.tied) + 1} that cannot be told apart by the margin"
    return (
        f"No variant{_that_fits(limits)} is within {limits.margin:g} nats; {chosen.name} "
        f"({_bytes(chosen.size)}) is the best{tied}, at {_interval(chosen)}."
    )


def _within(chosen: Candidate, limits: Limits) -> str:
    if chosen.kl_high <= limits.margin:
        return (
            f"whose divergence from the reference stays within {limits.margin:g} nats per token: "
            f"{_over(chosen)}."
        )
    return (
        f"that cannot be told from the reference: its divergence of {chosen.kl:.2g} nats is not "
        f"above that of the reference against itself ({chosen.kl_floor:.2g})."
    )


def what_would_change(choice: Choice, candidates: Sequence[Candidate], limits: Limits) -> str:
    """Say in one sentence what would lead to another answer."""
    chosen = choice.chosen
    measured = [c for c in candidates if c.excluded is None]
    fitting = [c for c in measured if fits(c, limits)]
    if chosen is None:
        return _more_room(measured, limits)
    if not choice.qualified:
        better = [c for c in measured if within_margin(c, limits.margin)]
        if better:
            return _room_for(min(better, key=_size), limits)
        return _wider_margin(chosen, fitting)
    smaller = [c for c in fitting if c.size < chosen.size]
    open_cases = [c for c in smaller if c.kl_low <= limits.margin < c.kl_high]
    if open_cases:
        undecided = min(open_cases, key=_size)
        return (
            f"More tokens could show that {undecided.name} ({_bytes(undecided.size)}) is within "
            f"the margin too, which its interval contains: {_interval(undecided)}."
        )
    if smaller:
        following = min(smaller, key=lambda c: c.kl_high)
        return (
            f"A margin of {_round_up(following.kl_high):g} nats would admit {following.name} "
            f"({_bytes(following.size)})."
        )
    return f"Nothing: it is the smallest variant that was measured, and {_ruled_out(chosen)}."


def judge(candidate: Candidate, limits: Limits) -> tuple[str, str]:
    """Say of the one variant that was asked about how it stands, and what would change that."""
    named = f"{candidate.name} ({_bytes(candidate.size)})"
    if candidate.excluded is not None:
        return f"{named} cannot be judged: {candidate.excluded}.", "A measurement of it."
    if not fits(candidate, limits):
        needs = f"{_bytes(candidate.memory)} of memory and {_bytes(candidate.size)} of disk"
        return f"{named} does not fit {_limits(limits)}: it needs {needs}.", "More room for it."
    margin, measured = f"{limits.margin:g} nats per token", _over(candidate)
    if within_margin(candidate, limits.margin):
        how = (
            "cannot be told from the reference" if below_floor(candidate) else f"is within {margin}"
        )
        return (
            f"{named} {how}: {measured}.",
            f"{_ruled_out(candidate)}.".capitalize(),
        )
    if not math.isfinite(candidate.kl_high):
        return f"Whether {named} is within {margin} cannot be told: {measured}.", _MORE_TEXT
    admitted = f"A margin of {_round_up(candidate.kl_high):g} nats would admit it."
    if candidate.kl_low <= limits.margin:
        return (
            f"Whether {named} is within {margin} is undecided: {measured}.",
            f"More tokens could decide it. {admitted}",
        )
    return f"{named} is beyond {margin}: {measured}.", admitted


def _wider_margin(chosen: Candidate, fitting: Sequence[Candidate]) -> str:
    if not math.isfinite(chosen.kl_high):
        return _MORE_TEXT
    admitted = f"A margin of {_round_up(chosen.kl_high):g} nats would admit {chosen.name}"
    closest = min(fitting, key=lambda c: c.kl)
    if closest is chosen:
        return f"{admitted}; no other that fits comes closer."
    return (
        f"{admitted}; {closest.name} ({_bytes(closest.size)}) comes closest: {_interval(closest)}."
    )


def _more_room(measured: Sequence[Candidate], limits: Limits) -> str:
    if not measured:
        return "Measure variants with `pyengine sweep`."
    return _room_for(min(measured, key=lambda c: (c.memory, c.size)), limits)


def _room_for(candidate: Candidate, limits: Limits) -> str:
    needs = []
    if limits.memory is not None and candidate.memory > limits.memory:
        needs.append(f"{_bytes(candidate.memory)} of memory")
    if limits.size is not None and candidate.size > limits.size:
        needs.append(f"{_bytes(candidate.size)} of disk")
    return f"With {' and '.join(needs)}, {candidate.name} would fit ({_interval(candidate)})."


def _that_fits(limits: Limits) -> str:
    return f" that fits {_limits(limits)}" if limits.memory or limits.size else ""


def _limits(limits: Limits) -> str:
    named = ((limits.memory, "memory"), (limits.size, "disk"))
    return " and ".join(f"{_bytes(n)} of {what}" for n, what in named if n is not None)


def _interval(candidate: Candidate) -> str:
    if candidate.kl == candidate.kl_high == 0:
        return "KL 0 nats"
    if below_floor(candidate):
        return f"KL ≤ {candidate.kl_floor:.2g} nats, the noise floor"
    if not math.isfinite(candidate.kl_high):
        return f"KL {candidate.kl:.3g} nats, of which no interval is known"
    return (
        f"KL {candidate.kl:.3g} nats, 95 % interval {max(candidate.kl_low, 0.0):.3g} to "
        f"{candidate.kl_high:.3g}"
    )


def _ruled_out(candidate: Candidate) -> str:
    if below_floor(candidate):
        return "no margin would rule it out"
    return f"only a margin below {candidate.kl_high:.3g} nats would rule it out"


def _over(candidate: Candidate) -> str:
    return f"{_interval(candidate)} over {candidate.n_tokens:,} tokens"


def _size(candidate: Candidate) -> tuple[int, str]:
    return candidate.size, candidate.name


def _round_up(value: float) -> float:
    """Round up to two significant digits, so that the value itself is admitted."""
    from decimal import ROUND_CEILING, Context

    return float(Context(prec=2, rounding=ROUND_CEILING).create_decimal_from_float(value))


def _bytes(n_bytes: int) -> str:
    for scale, unit in _UNITS:
        if n_bytes >= scale:
            return f"{n_bytes / scale:.2f} {unit}"
    return f"{n_bytes} B"
