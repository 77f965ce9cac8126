"""Show what to use, why, and what would change the answer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict

from pyengine.choose.candidates import Candidate
from pyengine.choose.recommend import Limits, Reason, below_floor
from pyengine.report.document import Block, Document, Facts, Paragraph
from pyengine.report.listing import listing
from pyengine.report.numbers import at_most, interval, size
from pyengine.report.tables import Cell, Table
from pyengine.report.words import facts, say
from pyengine.run.record import Run


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
    rows = [
        {
            "variant": Cell(c.name, tone="strong" if c.name == chosen else "plain"),
            "size": c.size,
            "memory": c.memory if c.memory_measured else None,
            "kl": None if c.excluded else at_most(c.kl, c.kl_floor),
            "interval": None if c.excluded else interval(max(c.kl_low, 0.0), c.kl_high),
            "status": _status(c, run),
        }
        for c in candidates
    ]
    timed = any(candidate.memory_measured for candidate in candidates)
    return listing("candidates" if timed else "candidates-unmeasured", rows)


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
    options = run.options
    named = {name: options[name] for name in ("memory", "size", "fail_if")}
    fails = "it does" if failed else "no"
    return facts("How it was chosen", options=options, origin=origin, fails=fails, **named)


def reason_sentence(reason: Reason, candidates: Mapping[str, Candidate], limits: Limits) -> str:
    """Say one reason; `candidates` by their names."""
    code, values = reason["code"], {**reason, "limit": limits.margin, "limits": _limits(limits)}
    if "candidate" in reason:
        values |= _told(candidates[reason["candidate"]], limits)
    if code == "best" and reason["n_tied"]:
        values["n_alike"] = reason["n_tied"] + 1
    if "ruled_out" in reason and reason["ruled_out"] is None:
        code = f"{code}/never"
    if "closest" in reason:
        closest = candidates[reason["closest"]]
        values |= {"closest_named": _named(closest), "closest_kl": interval_words(closest)}
        code = f"{code}/same" if closest.name == reason["candidate"] else code
    return say("choices", code, **values)


def _told(c: Candidate, limits: Limits) -> dict[str, object]:
    """Return what a sentence may say of a candidate."""
    needs = []
    if limits.memory is not None and c.memory > limits.memory:
        needs.append(f"{size(c.memory)} of memory")
    if limits.size is not None and c.size > limits.size:
        needs.append(f"{size(c.size)} of disk")
    words = interval_words(c)
    return {
        **asdict(c),
        "named": _named(c),
        "kl_words": words,
        "over": f"{words} over {c.n_tokens:,} tokens",
        "why_not": excluded(c) if c.excluded else "",
        "needs": needs,
    }


def excluded(candidate: Candidate) -> str:
    """Say why a candidate cannot be chosen."""
    return say("excluded", candidate.excluded, message=candidate.message)


def _named(candidate: Candidate) -> str:
    return f"{candidate.name} ({size(candidate.size)})"


def _limits(limits: Limits) -> str:
    named = ((limits.memory, "memory"), (limits.size, "disk"))
    return " and ".join(f"{size(n)} of {what}" for n, what in named if n is not None)


def interval_words(candidate: Candidate) -> str:
    """Say how large a candidate's divergence is, and how sure that is."""
    if candidate.kl == candidate.kl_high == 0:
        code = "zero"
    elif below_floor(candidate):
        code = "noise"
    else:
        code = "known" if math.isfinite(candidate.kl_high) else "unknown"
    return say("divergences", code, low=max(candidate.kl_low, 0.0), **asdict(candidate))
