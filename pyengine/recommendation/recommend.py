"""From records and limits to a recommendation in words."""

from __future__ import annotations

from collections.abc import Sequence

from pyengine.comparison.records import ComparisonResult
from pyengine.errors import InputError, OptionError
from pyengine.recommendation.candidates import candidates_of
from pyengine.recommendation.choose import (
    Choice,
    Limits,
    below_floor,
    choose,
    fits,
    verdicts_of,
    within_margin,
)
from pyengine.recommendation.conditions import holds
from pyengine.recommendation.records import Candidate, RecommendResult
from pyengine.results import Result
from pyengine.sweep.records import SweepResult

_UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def recommend(
    results: Sequence[Result],
    *,
    max_kl: float | None = None,
    memory: int | None = None,
    size: int | None = None,
    variant: str | None = None,
    fail_if: str | None = None,
) -> RecommendResult:
    """Choose a variant among those of comparisons and sweeps.

    Args:
        results: records of `compare` or `sweep`; a sweep's timings add measured memory.
        max_kl: the margin, nats per token; None takes the one that the record was made with.
        memory: bytes of memory that the model may need.
        size: bytes that the file may have.
        variant: judge this one only.
        fail_if: a condition on the chosen one's numbers; see `conditions`.

    Raises:
        InputError: the records are of another kind or of different references.
        OptionError: an option is impossible, or the condition cannot be read.
    """
    if max_kl is not None and not max_kl >= 0:
        raise OptionError(f"the margin must not be negative: {max_kl}")
    candidates = _wanted(candidates_of(results), variant)
    source = next(r for r in results if isinstance(r, ComparisonResult | SweepResult))
    limits = Limits(margin=source.margin if max_kl is None else max_kl, memory=memory, size=size)
    choice = choose(candidates, limits, verdicts_of(results))
    return RecommendResult(
        provenance=source.provenance,
        reference=source.reference if isinstance(source, SweepResult) else source.reference.name,
        margin=limits.margin,
        margin_given=max_kl is not None,
        memory_limit=memory,
        size_limit=size,
        chosen=choice.chosen.name if choice.chosen else None,
        qualified=choice.qualified,
        why=why(choice, candidates, limits),
        what_would_change=what_would_change(choice, candidates, limits),
        candidates=sorted(candidates, key=lambda c: (c.size, c.name)),
        fail_if=fail_if,
        failed=_failed(fail_if, choice.chosen),
    )


def _wanted(candidates: list[Candidate], variant: str | None) -> list[Candidate]:
    if not candidates:
        raise InputError("the records hold no variant to choose from")
    if variant is None:
        return candidates
    chosen = [c for c in candidates if variant in (c.name, c.path, c.file_type, c.sha256)]
    if len(chosen) != 1:
        names = ", ".join(c.name for c in candidates)
        raise OptionError(f"--variant {variant}: names {len(chosen)} of the variants {names}")
    return chosen


def _failed(condition: str | None, chosen: Candidate | None) -> bool:
    if condition is None:
        return False
    if chosen is None:
        return True
    return holds(condition, chosen.numbers)


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
        tied = f", the smallest of {len(choice.tied) + 1} that cannot be told apart"
    return (
        f"No variant{_that_fits(limits)} is within {limits.margin:g} nats; {chosen.name} "
        f"({_bytes(chosen.size)}) is the best{tied}, at {_interval(chosen)}."
    )


def _within(chosen: Candidate, limits: Limits) -> str:
    if chosen.kl_high <= limits.margin:
        return (
            f"whose divergence from the reference stays within {limits.margin:g} nats per token: "
            f"{_interval(chosen)} over {chosen.n_tokens:,} tokens."
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
        return (
            f"A margin of {_round_up(chosen.kl_high):g} nats would admit {chosen.name}"
            f"; none of the larger variants measured comes closer than {_least(measured)}."
        )
    smaller = [c for c in fitting if c.size < chosen.size]
    open_cases = [c for c in smaller if c.kl_low <= limits.margin < c.kl_high]
    if open_cases:
        undecided = min(open_cases, key=_size)
        return (
            f"More tokens could show that {undecided.name} ({_bytes(undecided.size)}) is within "
            f"the margin too: its interval, {_interval(undecided)}, contains it."
        )
    if smaller:
        following = min(smaller, key=lambda c: c.kl_high)
        return (
            f"A margin of {_round_up(following.kl_high):g} nats would admit {following.name} "
            f"({_bytes(following.size)})."
        )
    return (
        "Nothing: it is the smallest variant that was measured, and only a margin below "
        f"{chosen.kl_high:.3g} nats would rule it out."
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
    if below_floor(candidate):
        return f"KL ≤ {candidate.kl_floor:.2g} nats, the noise floor"
    return (
        f"KL {candidate.kl:.3g} nats, 95 % interval {max(candidate.kl_low, 0.0):.3g} to "
        f"{candidate.kl_high:.3g}"
    )


def _least(measured: Sequence[Candidate]) -> str:
    return f"{min(c.kl for c in measured):.3g} nats"


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
