"""Why a variant is recommended, and what would change the answer: codes, names and numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import ROUND_CEILING, Context
from typing import Any, TypeAlias

from pyengine.choose.candidates import Candidate
from pyengine.choose.choose import Choice, Limits, below_floor, fits, within_margin

# {"code": ..., and what its words need}; candidates stand in it by their names.
Reason: TypeAlias = dict[str, Any]


def why(choice: Choice, candidates: Sequence[Candidate], limits: Limits) -> Reason:
    """Say why this one, or why none.

    Codes: "nothing-measured"; "none-fits" with the smallest; "within-margin" or "noise" with the
    chosen one; "best" with the chosen one and the number of those that it is tied with.
    """
    chosen = choice.chosen
    if chosen is None:
        smallest = min((c for c in candidates if not c.excluded), default=None, key=_size)
        if smallest is None:
            return {"code": "nothing-measured"}
        return {"code": "none-fits", "candidate": smallest.name}
    if choice.qualified:
        code = "within-margin" if chosen.kl_high <= limits.margin else "noise"
        return {"code": code, "candidate": chosen.name}
    return {"code": "best", "candidate": chosen.name, "n_tied": len(choice.tied)}


def what_would_change(choice: Choice, candidates: Sequence[Candidate], limits: Limits) -> Reason:
    """Say what would lead to another answer.

    Codes: "measure"; "more-room" with a candidate; "wider-margin" with a margin, the candidate
    that it admits and, where that is another, the closest one; "more-tokens" with the candidate
    that they could admit; "more-text"; "narrower-margin" or "no-margin" for the chosen one.
    """
    chosen = choice.chosen
    measured = [c for c in candidates if not c.excluded]
    fitting = [c for c in measured if fits(c, limits)]
    if chosen is None:
        return _more_room(measured)
    if not choice.qualified:
        better = [c for c in measured if within_margin(c, limits.margin)]
        if better:
            return {"code": "more-room", "candidate": min(better, key=_size).name}
        return _wider_margin(chosen, fitting)
    smaller = [c for c in fitting if c.size < chosen.size]
    open_cases = [c for c in smaller if c.kl_low <= limits.margin < c.kl_high]
    if open_cases:
        return {"code": "more-tokens", "candidate": min(open_cases, key=_size).name}
    if smaller:
        following = min(smaller, key=lambda c: c.kl_high)
        margin = round_up(following.kl_high)
        return {"code": "admitting-margin", "candidate": following.name, "margin": margin}
    return {"code": "nothing", "candidate": chosen.name, "ruled_out": _ruled_out(chosen)}


def judge(candidate: Candidate, limits: Limits) -> tuple[Reason, Reason]:
    """Say of the one variant that was asked about how it stands, and what would change that."""
    named = {"candidate": candidate.name}
    if candidate.excluded:
        return {"code": "cannot-be-judged", **named}, {"code": "measurement", **named}
    if not fits(candidate, limits):
        return {"code": "does-not-fit", **named}, {"code": "room", **named}
    if within_margin(candidate, limits.margin):
        code = "judged-noise" if below_floor(candidate) else "judged-within"
        return {"code": code, **named}, {"code": "ruled-out", "ruled_out": _ruled_out(candidate)}
    if not math.isfinite(candidate.kl_high):
        return {"code": "judged-unknown", **named}, {"code": "more-text"}
    margin = round_up(candidate.kl_high)
    if candidate.kl_low <= limits.margin:
        return {"code": "judged-undecided", **named}, {"code": "tokens-or-margin", "margin": margin}
    return {"code": "judged-beyond", **named}, {"code": "margin", "margin": margin}


def _wider_margin(chosen: Candidate, fitting: Sequence[Candidate]) -> Reason:
    if not math.isfinite(chosen.kl_high):
        return {"code": "more-text"}
    closest = min(fitting, key=lambda c: c.kl)
    reason = {"code": "wider-margin", "candidate": chosen.name}
    return {**reason, "margin": round_up(chosen.kl_high), "closest": closest.name}


def _more_room(measured: Sequence[Candidate]) -> Reason:
    if not measured:
        return {"code": "measure"}
    return {"code": "more-room", "candidate": min(measured, key=lambda c: (c.memory, c.size)).name}


def _ruled_out(candidate: Candidate) -> float | None:
    """Return the margin below which a candidate would be ruled out; None where none would."""
    return None if below_floor(candidate) else candidate.kl_high


def _size(candidate: Candidate) -> tuple[int, str]:
    return candidate.size, candidate.name


def round_up(value: float) -> float:
    """Round up to two significant digits, so that the value itself is admitted."""
    return float(Context(prec=2, rounding=ROUND_CEILING).create_decimal_from_float(value))
