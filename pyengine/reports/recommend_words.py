"""Say in words why a variant is recommended, and what would change the answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from pyengine.choose.candidates import Candidate
from pyengine.choose.choose import Limits, below_floor
from pyengine.choose.reasons import Reason
from pyengine.reports.numbers import size

EXCLUDED = {
    "failed": "its measurement failed: {reason}",
    "other-vocabulary": "it has another vocabulary than the reference",
    "not-measured": "its divergence was not measured over a corpus",
    "not-finite": "its divergence is not a finite number",
}
Words = Callable[[Reason, Candidate, Limits], str]


def reason_sentence(reason: Reason, candidates: Mapping[str, Candidate], limits: Limits) -> str:
    """Say one reason; `candidates` by their names."""
    code = reason["code"]
    if code in PLAIN:
        return PLAIN[code]
    if code in ("margin", "tokens-or-margin"):
        first = "More tokens could decide it. " if code == "tokens-or-margin" else ""
        return f"{first}A margin of {reason['margin']:g} nats would admit it."
    if code == "ruled-out":
        return f"{ruled_out(reason)}.".capitalize()
    if code == "wider-margin":
        return _wider_margin(reason, candidates)
    return SENTENCES[code](reason, candidates[reason["candidate"]], limits)


def excluded(candidate: Candidate) -> str:
    """Say why a candidate cannot be chosen."""
    return EXCLUDED[candidate.excluded].format(reason=candidate.reason)


PLAIN = {
    "nothing-measured": "No variant was measured, so there is nothing to choose from.",
    "measure": "Measure variants with `pyengine sweep`.",
    "more-text": "More text: what was measured is too little for an interval.",
    "measurement": "A measurement of it.",
    "room": "More room for it.",
}


def _none_fits(_: Reason, c: Candidate, limits: Limits) -> str:
    return (
        f"None fits {_limits(limits)}: the smallest that was measured, {c.name}, needs "
        f"{size(c.memory)} of memory and {size(c.size)} of disk."
    )


def _within(_: Reason, c: Candidate, limits: Limits) -> str:
    return (
        f"{_named(c)} is the smallest file whose divergence from the reference stays within "
        f"{limits.margin:g} nats per token: {_over(c)}."
    )


def _noise(_: Reason, c: Candidate, _limits: Limits) -> str:
    return (
        f"{_named(c)} is the smallest file that cannot be told from the reference: its divergence "
        f"of {c.kl:.2g} nats is not above that of the reference against itself ({c.kl_floor:.2g})."
    )


def _best(reason: Reason, c: Candidate, limits: Limits) -> str:
    that_fits = f" that fits {_limits(limits)}" if limits.memory or limits.size else ""
    n = reason["n_tied"]
    tied = f", the smallest of {n + 1} that cannot be told apart by the margin" if n else ""
    return (
        f"No variant{that_fits} is within {limits.margin:g} nats; {_named(c)} is the best{tied}, "
        f"at {interval_words(c)}."
    )


def _more_room(_: Reason, c: Candidate, limits: Limits) -> str:
    needs = []
    if limits.memory is not None and c.memory > limits.memory:
        needs.append(f"{size(c.memory)} of memory")
    if limits.size is not None and c.size > limits.size:
        needs.append(f"{size(c.size)} of disk")
    return f"With {' and '.join(needs)}, {c.name} would fit ({interval_words(c)})."


def _more_tokens(_: Reason, c: Candidate, _limits: Limits) -> str:
    return (
        f"More tokens could show that {_named(c)} is within the margin too, which its interval "
        f"contains: {interval_words(c)}."
    )


def _admitting(reason: Reason, c: Candidate, _: Limits) -> str:
    return f"A margin of {reason['margin']:g} nats would admit {_named(c)}."


def _nothing(reason: Reason, _: Candidate, _limits: Limits) -> str:
    return f"Nothing: it is the smallest variant that was measured, and {ruled_out(reason)}."


def _wider_margin(reason: Reason, candidates: Mapping[str, Candidate]) -> str:
    admitted = f"A margin of {reason['margin']:g} nats would admit {reason['candidate']}"
    closest = candidates[reason["closest"]]
    if closest.name == reason["candidate"]:
        return f"{admitted}; no other that fits comes closer."
    return f"{admitted}; {_named(closest)} comes closest: {interval_words(closest)}."


def _judged(words: str) -> Words:
    """Return the sentence about the one variant that was asked about."""

    def sentence(_: Reason, c: Candidate, limits: Limits) -> str:
        asked = words.format(margin=f"{limits.margin:g} nats per token")
        return f"{asked.replace('NAME', _named(c))}: {_over(c)}."

    return sentence


SENTENCES: dict[str, Words] = {
    "none-fits": _none_fits,
    "within-margin": _within,
    "noise": _noise,
    "best": _best,
    "more-room": _more_room,
    "more-tokens": _more_tokens,
    "admitting-margin": _admitting,
    "nothing": _nothing,
    "cannot-be-judged": lambda _, c, _limits: f"{_named(c)} cannot be judged: {excluded(c)}.",
    "does-not-fit": lambda _, c, limits: (
        f"{_named(c)} does not fit {_limits(limits)}: it needs {size(c.memory)} of memory and "
        f"{size(c.size)} of disk."
    ),
    "judged-noise": _judged("NAME cannot be told from the reference"),
    "judged-within": _judged("NAME is within {margin}"),
    "judged-beyond": _judged("NAME is beyond {margin}"),
    "judged-unknown": _judged("Whether NAME is within {margin} cannot be told"),
    "judged-undecided": _judged("Whether NAME is within {margin} is undecided"),
}


def _named(candidate: Candidate) -> str:
    return f"{candidate.name} ({size(candidate.size)})"


def _limits(limits: Limits) -> str:
    named = ((limits.memory, "memory"), (limits.size, "disk"))
    return " and ".join(f"{size(n)} of {what}" for n, what in named if n is not None)


def interval_words(candidate: Candidate) -> str:
    """Say how large a candidate's divergence is, and how sure that is."""
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


def ruled_out(reason: Reason) -> str:
    """Say which margin would rule a candidate out."""
    if reason["ruled_out"] is None:
        return "no margin would rule it out"
    return f"only a margin below {reason['ruled_out']:.3g} nats would rule it out"


def _over(candidate: Candidate) -> str:
    return f"{interval_words(candidate)} over {candidate.n_tokens:,} tokens"
