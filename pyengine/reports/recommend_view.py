"""Show what to use, why, and what would change the answer."""

from __future__ import annotations

from pyengine.choose.candidates import Candidate
from pyengine.choose.choose import Limits
from pyengine.reports import numbers
from pyengine.reports.recommend_words import excluded, reason_sentence
from pyengine.reports.tables import Block, Cell, Column, Document, Facts, Paragraph, Table, table
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
    measured = any(candidate.memory_measured for candidate in candidates)
    columns = [
        Column("variant"),
        Column("size", "right", name="bytes"),
        *([Column("memory", "right", name="memory_bytes", drop=1)] if measured else []),
        Column("KL divergence", "right", "nats", name="kl"),
        Column("95 % interval", "right", drop=2),
        Column("", name="status", min_width=10),
    ]
    notes = []
    if not measured:
        notes.append(
            "Memory is counted as the file's size; the context comes on top. A sweep's timings, "
            "given as one more record, add measured memory."
        )
    rows = [_row(candidate, run, memory=measured) for candidate in candidates]
    return table("Candidates", columns, rows, notes=notes)


def _row(candidate: Candidate, run: Run, *, memory: bool) -> list[Cell | str | None]:
    chosen = candidate.name == run.shown("choice")[0]["chosen"]
    measured = not candidate.excluded
    needs = None
    if candidate.memory_measured:
        needs = Cell(numbers.size(candidate.memory), candidate.memory)
    floor = candidate.kl_floor
    return [
        Cell(candidate.name, tone="strong" if chosen else "plain"),
        Cell(numbers.size(candidate.size), candidate.size),
        *([needs] if memory else []),
        Cell(numbers.at_most(candidate.kl, floor), candidate.kl) if measured else None,
        numbers.interval(max(candidate.kl_low, 0.0), candidate.kl_high) if measured else None,
        _status(candidate, run),
    ]


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
        pairs.append(("memory", f"at most {numbers.size(run.options['memory'])}"))
    if run.options["size"] is not None:
        pairs.append(("file", f"at most {numbers.size(run.options['size'])}"))
    if run.options["fail_if"] is not None:
        pairs.append(("fails if", f"{run.options['fail_if']}: {'it does' if failed else 'no'}"))
    return Facts("How it was chosen", tuple(pairs))
