"""Show what to use, why, and what would change the answer."""

from __future__ import annotations

from pyengine.choose.candidates import Candidate
from pyengine.choose.recommend import Limits
from pyengine.report.document import Block, Document, Facts, Paragraph
from pyengine.report.listing import listing
from pyengine.report.numbers import at_most, interval
from pyengine.report.sentences import choice, hand_over
from pyengine.report.tables import Cell, Table, Tone
from pyengine.report.words import facts
from pyengine.run.record import Run


def recommend_document(run: Run) -> Document:
    """Show the answer, both reasons, the candidates and what was asked."""
    candidates = [Candidate.of(content) for content in run.shown("candidate")]
    by_name = {candidate.name: candidate for candidate in candidates}
    (found,), limits = run.shown("choice"), Limits.of(run.options)
    blocks: list[Block] = [
        Paragraph(choice.choice_sentence(run, candidates), "strong"),
        Paragraph(choice.reason_sentence(found["why"], by_name, limits)),
        Paragraph(choice.reason_sentence(found["change"], by_name, limits)),
        *run_facts(run, by_name.get(found["chosen"])),
        _table(run, candidates),
        _method(run),
    ]
    return Document(f"Which variant of {run.models[0].id}", tuple(blocks))


def run_facts(run: Run, chosen: Candidate | None) -> list[Facts]:
    """Return the command lines that run the chosen file."""
    return [] if chosen is None else [facts("Run it", **hand_over.run_values(run, chosen))]


def _table(run: Run, candidates: list[Candidate]) -> Table:
    chosen = run.shown("choice")[0]["chosen"]
    rows = [
        {
            "variant": Cell(c.name, tone="strong" if c.name == chosen else "plain"),
            "size": c.size,
            "memory": c.memory if c.memory_context or c.memory_measured else None,
            "kl": None if c.excluded else at_most(c.kl, c.kl_floor),
            "interval": None if c.excluded else interval(max(c.kl_low, 0.0), c.kl_high),
            "status": _status(c, run),
        }
        for c in candidates
    ]
    known = any(row["memory"] is not None for row in rows)
    return listing("candidates" if known else "candidates-unmeasured", rows)


def _status(candidate: Candidate, run: Run) -> Cell:
    chosen = candidate.name == run.shown("choice")[0]["chosen"]
    words = choice.status_words(run, candidate)
    tone: Tone = "bad" if candidate.excluded else "good" if chosen else "dim" if words else "plain"
    return Cell(words, tone=tone)


def _method(run: Run) -> Facts:
    options = run.options
    named = {name: options.get(name) for name in ("memory", "size", "speed", "fail_if")}
    words = {
        "bounds": choice.bounds_words(Limits.of(options)),
        "origin": choice.limit_words(run),
        "free": choice.free_words(run),
        "forecast": choice.forecast_words(run),
        "fails": choice.failing_words(run),
    }
    margin = 100 * options["margin"]
    return facts("How it was chosen", options=options, margin=margin, **words, **named)
