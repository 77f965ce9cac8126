"""One table for a model card: size, bits per weight, divergence and a verdict in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pyengine.comparison.records import ComparisonResult, EstimateRecord
from pyengine.reports.numbers import at_most, count, fixed, percent, significant, size, with_error
from pyengine.reports.tables import Cell, CellLike, Column, Document, Paragraph, measured, table
from pyengine.results import Provenance
from pyengine.sweep.records import SweepResult


@dataclass(frozen=True, slots=True)
class _Line:
    """Hold what the card says of one file; None where the record does not tell."""

    name: str
    file_type: str | None
    file_bytes: int
    bits_per_weight: float | None
    kl: EstimateRecord | None
    same_top: EstimateRecord | None
    delta_p_rms: float | None
    problem: str | None


def model_card(result: ComparisonResult | SweepResult) -> Document:
    """Return the table that goes into a model card, and how it was measured in two sentences."""
    if isinstance(result, SweepResult):
        lines, floor = list(_of_sweep(result)), result.floor
        reference, tokens, documents = result.reference, result.n_tokens, result.n_documents
    else:
        lines = list(_of_comparison(result))
        floor = result.null.floors.get("kl") if result.null else None
        reference = result.reference.name
        tokens = result.scope.n_tokens if result.scope else 0
        documents = result.scope.n_documents if result.scope else 0
    rows = [_row(line, result.margin, floor) for line in lines]
    columns = [
        Column("file", name="variant"),
        Column("type"),
        Column("size", "right", name="bytes"),
        Column("bits per weight", "right"),
        Column("KL divergence", "right", "nats", name="kl"),
        Column("same top", "right"),
        Column("Δp RMS", "right", name="delta_p_rms"),
        Column("verdict"),
    ]
    kept = [i for i in range(len(columns)) if i != 6 or any(row[6] for row in rows)]
    card = table("", [columns[i] for i in kept], [[row[i] for i in kept] for row in rows])
    return Document(
        f"Quantizations of {reference}",
        (card, Paragraph(_how(reference, tokens, documents, result.provenance))),
    )


def _of_comparison(result: ComparisonResult) -> Iterator[_Line]:
    for variant in result.variants:
        overall = variant.overall
        yield _Line(
            variant.label,
            variant.model.file_type,
            variant.model.file_bytes,
            variant.model.bits_per_weight,
            overall.kl.mean if overall else None,
            overall.same_top if overall else None,
            overall.delta_p.rms if overall else None,
            None if overall else "; ".join(variant.refused) or "not measured over text",
        )


def _of_sweep(result: SweepResult) -> Iterator[_Line]:
    for row in result.rows:
        if not row.is_reference:
            yield _Line(
                row.name,
                row.file_type,
                row.file_bytes,
                row.bits_per_weight,
                row.kl,
                row.same_top,
                None,
                f"failed: {row.failure}" if row.failure else None,
            )


def _row(line: _Line, margin: float, floor: float | None) -> list[CellLike]:
    kl = line.kl
    divergence = None
    if kl is not None:
        noise = floor is not None and kl.value <= floor
        text = at_most(kl.value, floor) if noise else with_error(kl.value, kl.se_clustered)
        divergence = Cell(text, kl.value)
    return [
        Cell(line.name, tone="strong"),
        line.file_type,
        Cell(size(line.file_bytes), line.file_bytes),
        measured(line.bits_per_weight, fixed),
        divergence,
        measured(line.same_top.value if line.same_top else None, percent),
        None if line.delta_p_rms is None else Cell(percent(line.delta_p_rms), line.delta_p_rms),
        plain_verdict(kl, margin, floor) if kl else line.problem,
    ]


def plain_verdict(kl: EstimateRecord, margin: float, floor: float | None) -> str:
    """Say in plain words how a mean KL divergence stands to the margin."""
    asked = f"{margin:g} nats"
    if floor is not None and kl.value <= floor:
        return "the same as the reference, within arithmetic noise"
    if kl.high <= margin:
        return f"practically the same: within {asked}"
    if kl.low <= margin:
        return f"undecided: {asked} lies inside the interval"
    times = kl.value / margin if margin > 0 else float("inf")
    return f"changed: {significant(times, 2)} times the margin of {asked}"


def _how(reference: str, tokens: int, documents: int, made: Provenance) -> str:
    return (
        f"Mean KL divergence from {reference} per token, over {count(tokens)} tokens of "
        f"{count(documents)} documents; ± is the standard error clustered by document. Same top: "
        "share of tokens with the same first choice. Measured with pyengine "
        f"{made.pyengine} (llama.cpp {made.llama_cpp})."
    )
