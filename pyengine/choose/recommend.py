"""The choice of a file, why, and what would change it: codes, names and numbers.

The rule: the smallest file within the limit of divergence, else the best that fits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import ROUND_CEILING, Context
from typing import Any, Literal, TypeAlias

from pyengine.asked import asked
from pyengine.choose.candidates import COMPARED, Candidate, candidates_of
from pyengine.choose.gates import check_conditions, held
from pyengine.choose.scale import HARDLY
from pyengine.choose.verdicts import Pair, pairs, reference_of
from pyengine.errors import InputError, OptionError
from pyengine.run.record import Exhibit, Run

Pairs: TypeAlias = Mapping[frozenset[str], Pair]
# {"code": ..., and what its words need}; candidates stand in it by their names.
Reason: TypeAlias = dict[str, Any]
Side: TypeAlias = Literal["within", "beyond", "unsure"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is asked for; None: no limit.

    Attributes:
        kl, flips: nats of KL divergence, and share of other first choices, at most.
        memory, size: bytes of memory and of disk, at most.
        speed: generated tokens per second, at least.
    """

    kl: float | None = None
    flips: float | None = None
    memory: int | None = None
    size: int | None = None
    speed: float | None = None

    def check(self) -> None:
        """Raise OptionError for an impossible limit."""
        for name, value, most in (
            ("--max-kl", self.kl, math.inf),
            ("--max-flips", self.flips, 1.0),
            ("--speed", self.speed, math.inf),
        ):
            if value is not None and not 0 <= value <= most:
                upwards = "negative" if math.isinf(most) else f"below 0 or above {most:g}"
                raise OptionError(f"{name} must not be {upwards}: {value}")

    @classmethod
    def asked(
        cls,
        max_kl: float | None,
        max_flips: float | None,
        memory: int | None = None,
        size: int | None = None,
        speed: float | None = None,
    ) -> Limits:
        """Return what was asked for: where no damage is named, no more than hardly changed."""
        kl = HARDLY if max_kl is None and max_flips is None else max_kl
        found = cls(kl=kl, flips=max_flips, memory=memory, size=size, speed=speed)
        found.check()
        return found

    def options(self) -> dict[str, Any]:
        """Return them as a record keeps them."""
        names = {"kl": "max_kl", "flips": "max_flips"}
        return {names.get(name, name): value for name, value in asdict(self).items()}

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Limits:
        """Return what a record's options ask for."""
        names = ("max_kl", "max_flips", "memory", "size", "speed")
        kl, flips, memory, size, speed = (options.get(name) for name in names)
        return cls(kl=kl, flips=flips, memory=memory, size=size, speed=speed)


def recommend(
    runs: Sequence[Run],
    *,
    max_kl: float | None = None,
    max_flips: float | None = None,
    memory: int | None = None,
    memory_is_free: bool = False,
    needed: Mapping[str, int] | None = None,
    context: int = 0,
    size: int | None = None,
    speed: float | None = None,
    variant: str | None = None,
    fail_if: str | None = None,
) -> Run:
    """Choose a variant among those of comparisons, sweeps and picks.

    Args:
        runs: of `compare`, `sweep` or `pick`; a sweep's timings add measured memory and speed.
        max_kl: the limit, nats per token; None without `max_flips` for what is hardly changed, see
            `scale`.
        max_flips: the share of positions that may have another first choice.
        memory: bytes of memory that the model may need.
        memory_is_free: nobody asked for them: they are what is free on this machine.
        needed: bytes that variants need, by their identity: forecasts.
        context: tokens of context of these forecasts.
        size: bytes that the file may have.
        speed: tokens per second that it must generate at least.
        variant: judge this one only, by its name, path, hash or type.
        fail_if: a condition on the chosen one's numbers; see `conditions`.

    Returns:
        a run with the exhibits "candidate" (see `Candidate`), and one "choice": chosen (a name, or
        null), qualified, gate (the code of `fail_if`, see `gates.held`, or "nothing-chosen"),
        failed, unknown (the numbers that `fail_if` names and nobody knows, for which it fails), why
        and change (see `reasons` and `judge`).

    Raises:
        InputError: the runs are of another command or of different references.
        OptionError: an option is impossible, or the condition cannot be read.
    """
    limits = Limits.asked(max_kl, max_flips, memory, size, speed)
    candidates = _wanted(_with_forecasts(candidates_of(runs), needed or {}, context), variant)
    source = next(run for run in runs if run.command in COMPARED)
    margin = float(source.options["margin"])
    known = {
        frozenset((pair.first, pair.second)): pair for run in runs for pair in pairs(run, margin)
    }
    chosen, qualified, tied = choose(candidates, limits, known)
    if variant is not None:
        reason, change = judge(candidates[0], limits)
    else:
        reason, change = reasons(chosen, candidates, limits, qualified=qualified, n_tied=len(tied))
    gate, missing = _gate(fail_if, chosen)
    content = {
        "chosen": chosen.name if chosen else None,
        "qualified": qualified,
        "gate": gate,
        "failed": gate not in (None, "holds-not"),
        "unknown": missing,
        "why": reason,
        "change": change,
    }
    shown = [c.content() for c in sorted(candidates, key=lambda c: (c.size, c.name))]
    return Run(
        command="recommend",
        options={
            "margin": margin,
            **limits.options(),
            "max_kl_given": max_kl is not None,
            "memory_is_free": memory_is_free,
            "context": context if needed else None,
            "variant": variant,
            "fail_if": fail_if,
        },
        provenance=source.provenance.model_copy(update={"words": list(asked.get())}),
        models=[reference_of(source)],
        exhibits=[
            Exhibit(kind="choice", model="", content=content),
            *(Exhibit(kind="candidate", model="", content=one) for one in shown),
        ],
    )


def _with_forecasts(
    candidates: list[Candidate], needed: Mapping[str, int], context: int
) -> list[Candidate]:
    return [
        replace(c, memory=needed[c.identity], memory_context=context, memory_measured=False)
        if c.identity in needed
        else c
        for c in candidates
    ]


def _gate(fail_if: str | None, chosen: Candidate | None) -> tuple[str | None, list[str]]:
    """Tell what becomes of the gate, and which of its numbers are not known, for which it fails."""
    if fail_if is None:
        return None, []
    check_conditions([fail_if])
    return ("nothing-chosen", []) if chosen is None else held(fail_if, chosen.numbers)


def _wanted(candidates: list[Candidate], variant: str | None) -> list[Candidate]:
    if not candidates:
        raise InputError("the records hold no variant to choose from")
    if variant is None:
        return candidates
    named = ((c, (c.name, f"{c.path}{c.variant}", c.identity)) for c in candidates)
    chosen = [c for c, names in named if variant in names]
    chosen = chosen or [c for c in candidates if variant.upper() == c.file_type.upper()]
    if len(chosen) != 1:
        names = ", ".join(f"{c.name} ({c.file_type or 'damaged'})" for c in candidates)
        count = len(chosen) or "none"
        raise OptionError(f"--variant {variant}: names {count} of the variants {names}")
    return chosen


def choose(
    candidates: Sequence[Candidate], limits: Limits, known: Pairs
) -> tuple[Candidate | None, bool, list[Candidate]]:
    """Choose among the candidates that fit.

    Within the limit is a candidate whose whole interval lies below it, or below the floor of its
    file. The smallest such file wins. Where there is none, the one of least divergence is the
    best, and the smallest of those that cannot be told apart from it, or only within the margin of
    ratios, wins.

    Returns:
        the chosen one, whether it is within the limit, and those that it is tied with.
    """
    fitting = [c for c in candidates if not c.excluded and fits(c, limits)]
    within = [c for c in fitting if side_of(c, limits) == "within"]
    if within:
        return min(within, key=lambda c: (c.size, c.kl, c.name)), True, []
    if not fitting:
        return None, False, []
    best = min(fitting, key=lambda c: (c.kl, c.size, c.name))
    tied = [c for c in fitting if c is best or not told_apart(best, c, known)]
    chosen = min(tied, key=lambda c: (c.size, c.kl, c.name))
    return chosen, False, [c for c in tied if c is not chosen]


def fits(candidate: Candidate, limits: Limits) -> bool:
    """Tell whether a candidate stays within the limits of memory and disk, and is fast enough."""
    return (
        (limits.memory is None or candidate.memory <= limits.memory)
        and (limits.size is None or candidate.size <= limits.size)
        and (limits.speed is None or candidate.speed >= limits.speed)
    )


def side_of(candidate: Candidate, limits: Limits) -> Side:
    """Tell on which side of the limits of damage a candidate surely is, by its whole intervals.

    A divergence that is lost in the noise is within any limit.
    """
    ends = []
    if limits.kl is not None and not below_floor(candidate):
        ends.append((candidate.kl_low, candidate.kl_high, limits.kl))
    if limits.flips is not None:
        ends.append((*candidate.flips, limits.flips))
    if any(low > limit for low, _, limit in ends):
        return "beyond"
    return "within" if all(high <= limit for _, high, limit in ends) else "unsure"


def admitting(candidate: Candidate, limits: Limits) -> dict[str, float]:
    """Return the limits of damage that would have to be wider for a candidate, by option."""
    found = {}
    if limits.kl is not None and not candidate.kl_high <= limits.kl and not below_floor(candidate):
        found["max_kl"] = round_up(candidate.kl_high)
    if limits.flips is not None and not candidate.flips[1] <= limits.flips:
        found["max_flips"] = round_up(candidate.flips[1])
    return found


def below_floor(candidate: Candidate) -> bool:
    """Tell whether the divergence is surely no larger than arithmetic alone gives."""
    return candidate.kl_floor is not None and candidate.kl_high <= candidate.kl_floor


def neighbours(chosen: str, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the next smaller and the next larger candidate of those that were measured.

    A smaller one that is larger and worse than another is nobody's choice.
    """
    (one,) = (c for c in candidates if c.name == chosen)
    others = [c for c in candidates if not c.excluded and c.name != chosen]
    smaller = [c for c in others if _size(c) < _size(one)]
    smaller = [c for c in smaller if all(o.size >= c.size or o.kl >= c.kl for o in smaller)]
    larger = [c for c in others if _size(c) > _size(one)]
    return [*sorted(smaller, key=_size)[-1:], *sorted(larger, key=_size)[:1]]


def told_apart(one: Candidate, other: Candidate, known: Pairs) -> bool:
    """Tell whether two candidates differ: by the test of their ratio, else by their intervals.

    By the test they differ where it tells them apart and their ratio is not within the margin.
    Intervals that do not overlap differ; that overlapping ones do not is the careful reading,
    which measurements on the same tokens sharpen.
    """
    pair = known.get(frozenset((one.name, other.name)))
    if pair is None:
        return one.kl_high < other.kl_low or other.kl_high < one.kl_low
    return pair.apart and not pair.within


def reasons(
    chosen: Candidate | None,
    candidates: Sequence[Candidate],
    limits: Limits,
    *,
    qualified: bool,
    n_tied: int,
) -> tuple[Reason, Reason]:
    """Say why this one, or why none, and what would lead to another answer.

    Codes of the first: "nothing-measured"; "none-fits" with the smallest; "within-limit" or
    "noise" with the chosen one; "best" with the chosen one and the number of those that it is tied
    with. Of the second: "measure"; "more-room" with a candidate; "more-text"; "wider-limit" with a
    limit, the candidate that it admits and the closest one; "more-tokens" with the candidate that
    they could admit; "admitting-limit" with a limit and that one; "nothing" with the chosen one
    and the limit that would rule it out.
    """
    measured = [c for c in candidates if not c.excluded]
    if not measured:
        return {"code": "nothing-measured"}, {"code": "measure"}
    if chosen is None:
        least = min(measured, key=lambda c: (c.memory, c.size))
        none = {"code": "none-fits", "candidate": min(measured, key=_size).name}
        return none, {"code": "more-room", "candidate": least.name}
    fitting = [c for c in measured if fits(c, limits)]
    named = {"candidate": chosen.name}
    if qualified:
        beyond = limits.kl is not None and chosen.kl_high > limits.kl
        code = "reference" if chosen.is_reference else "noise" if beyond else "within-limit"
        smaller = [c for c in fitting if c.size < chosen.size]
        return {"code": code, **named}, _to_a_smaller_one(chosen, smaller, limits)
    best = {"code": "best", **named, "n_tied": n_tied}
    better = [c for c in measured if side_of(c, limits) == "within"]
    if better:
        return best, {"code": "more-room", "candidate": min(better, key=_size).name}
    if not math.isfinite(chosen.kl_high):
        return best, {"code": "more-text"}
    wider, closest = admitting(chosen, limits), min(fitting, key=lambda c: c.kl)
    return best, {"code": "wider-limit", **named, "admits": wider, "closest": closest.name}


def _to_a_smaller_one(chosen: Candidate, smaller: Sequence[Candidate], limits: Limits) -> Reason:
    smaller = [c for c in smaller if math.isfinite(c.kl_high)]
    undecided = [c for c in smaller if side_of(c, limits) == "unsure"]
    if undecided:
        return {"code": "more-tokens", "candidate": min(undecided, key=_size).name}
    if smaller:
        following = min(smaller, key=lambda c: c.kl_high)
        wider = admitting(following, limits)
        return {"code": "admitting-limit", "candidate": following.name, "admits": wider}
    return {"code": "nothing", "candidate": chosen.name, "ruled_out": _ruled_out(chosen)}


def judge(candidate: Candidate, limits: Limits) -> tuple[Reason, Reason]:
    """Say of the one variant that was asked about how it stands, and what would change that."""
    named = {"candidate": candidate.name}
    if candidate.excluded:
        return {"code": "cannot-be-judged", **named}, {"code": "measurement", **named}
    if not fits(candidate, limits):
        return {"code": "does-not-fit", **named}, {"code": "room", **named}
    side = side_of(candidate, limits)
    if side == "within":
        code = "judged-noise" if below_floor(candidate) else "judged-within"
        return {"code": code, **named}, {"code": "ruled-out", "ruled_out": _ruled_out(candidate)}
    if not math.isfinite(candidate.kl_high):
        return {"code": "judged-unknown", **named}, {"code": "more-text"}
    wider = admitting(candidate, limits)
    if side == "unsure":
        return {"code": "judged-undecided", **named}, {"code": "tokens-or-limit", "admits": wider}
    return {"code": "judged-beyond", **named}, {"code": "limit", "admits": wider}


def _ruled_out(candidate: Candidate) -> float | None:
    """Return the limit below which a candidate would be ruled out; None where none would."""
    return None if below_floor(candidate) or not candidate.kl_high else candidate.kl_high


def _size(candidate: Candidate) -> tuple[int, str]:
    return candidate.size, candidate.name


def round_up(value: float) -> float:
    """Round up to two significant digits, so that the value itself is admitted."""
    return float(Context(prec=2, rounding=ROUND_CEILING).create_decimal_from_float(value))
