"""Show what to use, why, and what would change the answer."""

from __future__ import annotations

from pyengine.choose.candidates import Candidate
from pyengine.choose.recommend import Limits
from pyengine.report.choice_sentences import choice_sentence, excluded_words, reason_sentence
from pyengine.report.document import Block, Document, Facts, Paragraph
from pyengine.report.listing import listing
from pyengine.report.numbers import at_most, interval
from pyengine.report.tables import Cell, Table
from pyengine.report.words import facts
from pyengine.run.record import Run


def recommend_document(run: Run) -> Document:
    """Show the answer, both reasons, the candidates and what was asked."""
    candidates = [Candidate.of(content) for content in run.shown("candidate")]
    by_name = {candidate.name: candidate for candidate in candidates}
    options, (choice,) = run.options, run.shown("choice")
    limits = Limits(kl=options["max_kl"], memory=options["memory"], size=options["size"])
    blocks: list[Block] = [
        Paragraph(choice_sentence(run, candidates), "strong"),
        Paragraph(reason_sentence(choice["why"], by_name, limits)),
        Paragraph(reason_sentence(choice["change"], by_name, limits)),
        _table(run, candidates),
        _method(run),
    ]
    return Document(f"Which variant of {run.models[0].id}", tuple(blocks))


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
        return Cell(excluded_words(candidate), tone="bad")
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
    origin = "asked for" if run.options["max_kl_given"] else "the end of what is hardly changed"
    options = run.options
    named = {name: options[name] for name in ("memory", "size", "fail_if")}
    fails = "it does" if failed else "no"
    margin = 100 * options["margin"]
    words = {"origin": origin, "fails": fails, "margin": margin}
    return facts("How it was chosen", options=options, **words, **named)
