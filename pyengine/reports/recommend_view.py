"""Show what to use, why, and what would change the answer."""

from __future__ import annotations

from pyengine.recommendation.records import Candidate, RecommendResult
from pyengine.reports import numbers
from pyengine.reports.tables import Block, Cell, Column, Document, Facts, Paragraph, Table, table


def recommend_document(result: RecommendResult) -> Document:
    """Show the answer, both sentences, the candidates and what was asked."""
    blocks: list[Block] = [
        Paragraph(_answer(result), "strong"),
        Paragraph(result.why),
        Paragraph(result.what_would_change),
        _table(result),
        _method(result),
    ]
    return Document(f"Which variant of {result.reference}", tuple(blocks))


def _answer(result: RecommendResult) -> str:
    if result.fail_if is None:
        return _choice(result)
    if result.chosen is None:
        return f"{_choice(result)} So it fails."
    held = "this holds, so it fails" if result.failed else "this does not hold"
    return f"{_choice(result)} {result.fail_if}: {held}."


def _choice(result: RecommendResult) -> str:
    if result.variant is not None:
        fate = "qualifies" if result.qualified else "does not qualify"
        return f"{result.chosen or result.candidates[0].name} {fate}."
    if result.chosen is None:
        return "Nothing fits."
    if result.qualified:
        return f"Use {result.chosen}."
    limited = result.memory_limit is not None or result.size_limit is not None
    return f"Nothing qualifies; the best{' that fits' if limited else ''} is {result.chosen}."


def _table(result: RecommendResult) -> Table:
    measured = any(candidate.memory_measured for candidate in result.candidates)
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
    rows = [_row(candidate, result, memory=measured) for candidate in result.candidates]
    return table("Candidates", columns, rows, notes=notes)


def _row(candidate: Candidate, result: RecommendResult, *, memory: bool) -> list[Cell | str | None]:
    chosen = candidate.name == result.chosen
    measured = candidate.excluded is None
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
        _status(candidate, result),
    ]


def _status(candidate: Candidate, result: RecommendResult) -> Cell:
    if candidate.excluded is not None:
        return Cell(candidate.excluded, tone="bad")
    if candidate.name == result.chosen:
        return Cell("chosen", tone="good")
    limits = (
        (candidate.memory, result.memory_limit, "too much memory"),
        (candidate.size, result.size_limit, "too large"),
    )
    for amount, limit, words in limits:
        if limit is not None and amount > limit:
            return Cell(words, tone="dim")
    return Cell("")


def _method(result: RecommendResult) -> Facts:
    origin = "asked for" if result.margin_given else "of the measurement"
    pairs = [
        (
            "rule",
            "the smallest file whose whole 95 % interval of the mean KL divergence is within "
            "the margin, or whose divergence is not above the null control's; where there is none, "
            "the smallest of those that cannot be told from the best, or only within the margin",
        ),
        ("margin", f"{result.margin:g} nats per token ({origin})"),
    ]
    if result.memory_limit is not None:
        pairs.append(("memory", f"at most {numbers.size(result.memory_limit)}"))
    if result.size_limit is not None:
        pairs.append(("file", f"at most {numbers.size(result.size_limit)}"))
    if result.fail_if is not None:
        pairs.append(("fails if", f"{result.fail_if}: {'it does' if result.failed else 'no'}"))
    return Facts("How it was chosen", tuple(pairs))
