"""Show what to use, why, and what would change the answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from pyengine.choose.candidates import Candidate
from pyengine.choose.choose import Limits, below_floor
from pyengine.choose.reasons import Reason
from pyengine.report.document import Block, Document, Facts, Paragraph
from pyengine.report.numbers import at_most, interval, size
from pyengine.report.tables import Cell, Column, Field, Table, listing, number, text
from pyengine.run.record import Run

EXCLUDED = {
    "failed": "its measurement failed: {message}",
    "other-vocabulary": "it has another vocabulary than the reference",
    "not-measured": "its divergence was not measured over a corpus",
    "not-finite": "its divergence is not a finite number",
}
Words = Callable[[Reason, Candidate, Limits], str]


def recommend_document(run: Run) -> Document:
    """Show the answer, both reasons, the candidates and what was asked."""
    candidates = [Candidate.of(content) for content in run.shown("candidate")]
    by_name = {candidate.name: candidate for candidate in candidates}
    options, (choice,) = run.options, run.shown("choice")
    limits = Limits(margin=options["margin"], memory=options["memory"], size=options["size"])
    blocks: list[Block] = [
        Paragraph(_answer(run, candidates), "strong"),
        Paragraph(reason_sentence(choice["why"], by_name, limits)),
        Paragraph(reason_sentence(choice["change"], by_name, limits)),
        _table(run, candidates),
        _method(run),
    ]
    return Document(f"Which variant of {run.models[0].id}", tuple(blocks))


def _answer(run: Run, candidates: list[Candidate]) -> str:
    (choice,), fail_if = run.shown("choice"), run.options["fail_if"]
    words = _choice(run, candidates)
    if fail_if is None:
        return words
    if choice["chosen"] is None:
        return f"{words} So it fails."
    held = "this holds, so it fails" if choice["failed"] else "this does not hold"
    return f"{words} {fail_if}: {held}."


def _choice(run: Run, candidates: list[Candidate]) -> str:
    (choice,), options = run.shown("choice"), run.options
    if options["variant"] is not None:
        fate = "qualifies" if choice["qualified"] else "does not qualify"
        return f"{choice['chosen'] or candidates[0].name} {fate}."
    if choice["chosen"] is None:
        return "Nothing fits."
    if choice["qualified"]:
        return f"Use {choice['chosen']}."
    limited = options["memory"] is not None or options["size"] is not None
    best = "the best that fits" if limited else "the best"
    return f"Nothing qualifies; {best} is {choice['chosen']}."


def _table(run: Run, candidates: list[Candidate]) -> Table:
    chosen = run.shown("choice")[0]["chosen"]
    fields = [
        Field(
            Column("variant"),
            lambda c: Cell(c.name, tone="strong" if c.name == chosen else "plain"),
        ),
        number("size", lambda c: c.size, size),
        number("memory", lambda c: c.memory if c.memory_measured else None, size, drop=1),
        text("KL divergence", _kl, align="right", unit="nats"),
        text("95 % interval", _kl_interval, align="right", drop=2),
        Field(Column("", min_width=10), lambda c: _status(c, run)),
    ]
    notes = []
    if not any(candidate.memory_measured for candidate in candidates):
        del fields[2]
        notes.append(
            "Memory is counted as the file's size; the context comes on top. A sweep's timings, "
            "given as one more record, add measured memory."
        )
    return listing("Candidates", fields, candidates, notes=notes)


def _kl(candidate: Candidate) -> str | None:
    return None if candidate.excluded else at_most(candidate.kl, candidate.kl_floor)


def _kl_interval(candidate: Candidate) -> str | None:
    return None if candidate.excluded else interval(max(candidate.kl_low, 0.0), candidate.kl_high)


def _status(candidate: Candidate, run: Run) -> Cell:
    if candidate.excluded:
        return Cell(excluded(candidate), tone="bad")
    if candidate.name == run.shown("choice")[0]["chosen"]:
        return Cell("chosen", tone="good")
    limits = (
        (candidate.memory, run.options["memory"], "too much memory"),
        (candidate.size, run.options["size"], "too large"),
    )
    for amount, limit, words in limits:
        if limit is not None and amount > limit:
            return Cell(words, tone="dim")
    return Cell("")


def _method(run: Run) -> Facts:
    failed = run.shown("choice")[0]["failed"]
    origin = "asked for" if run.options["margin_given"] else "of the measurement"
    pairs = [
        (
            "rule",
            "the smallest file whose whole 95 % interval of the mean KL divergence is within "
            "the margin, or whose divergence is not above the null control's; where there is none, "
            "the smallest of those that cannot be told from the best, or only within the margin",
        ),
        ("margin", f"{run.options['margin']:g} nats per token ({origin})"),
    ]
    if run.options["memory"] is not None:
        pairs.append(("memory", f"at most {size(run.options['memory'])}"))
    if run.options["size"] is not None:
        pairs.append(("file", f"at most {size(run.options['size'])}"))
    if run.options["fail_if"] is not None:
        pairs.append(("fails if", f"{run.options['fail_if']}: {'it does' if failed else 'no'}"))
    return Facts("How it was chosen", tuple(pairs))


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
    return EXCLUDED[candidate.excluded].format(message=candidate.message)


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
