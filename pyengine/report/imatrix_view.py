"""`pyengine imatrix` as a document: what the matrix covers, what not and why, and of what text."""

from __future__ import annotations

from typing import Any

from pyengine.report.document import Block, Document, Facts, Paragraph
from pyengine.report.listing import listing
from pyengine.report.numbers import count
from pyengine.report.sentences import importance
from pyengine.report.sentences.notes import note_sentences
from pyengine.report.tables import Cell, Table
from pyengine.report.words import facts
from pyengine.run.record import Run
from pyengine.weight_names import weight_kind

Weights = list[dict[str, Any]]


def imatrix_document(run: Run) -> Document:
    """Lay out what was made."""
    (covered,), (left,) = run.shown("covered"), run.shown("not-covered")
    blocks: list[Block] = [
        Paragraph(importance.imatrix_sentence(run), "strong"),
        *map(Paragraph, note_sentences(run.notes)),
        _covered(covered["weights"]),
    ]
    if left["weights"]:
        blocks.append(_left(left["weights"]))
    blocks.append(_method(run))
    (model,) = run.models
    return Document(f"Importance matrix of {model.name}", tuple(blocks))


def _covered(weights: Weights) -> Table:
    """Show a line for each kind of weight: of one name in all layers, and as many columns."""
    rows = []
    for alike in _alike(weights, "columns"):
        counts = [tokens for weight in alike for tokens in weight["counts"]]
        n_experts = len(alike[0]["counts"])
        several = n_experts > 1
        rows.append(
            {
                **alike[0],
                "name": weight_kind(alike[0]["name"]),
                "n": len(alike),
                "tokens": importance.range_words(min(counts), max(counts)),
                "experts": n_experts if several else None,
                "never": _warned(sum(w["never"] for w in alike)) if several else None,
                "seldom": _warned(sum(w["seldom"] for w in alike)) if several else None,
            }
        )
    return listing("imatrix-covered", rows)


def _left(weights: Weights) -> Table:
    """Show a line for each kind of weight that is not covered, and why."""
    rows = [
        {
            "name": weight_kind(alike[0]["name"]),
            "n": len(alike),
            "reason": importance.reason_words(alike[0]["reason"]),
        }
        for alike in _alike(weights, "reason")
    ]
    return listing("imatrix-left", rows)


def _alike(weights: Weights, what: str) -> list[Weights]:
    """Put weights of one name in all layers together that are alike in something."""
    found: dict[tuple[Any, ...], Weights] = {}
    for weight in weights:
        n_experts = len(weight.get("counts", ()))
        found.setdefault((weight_kind(weight["name"]), weight[what], n_experts), []).append(weight)
    return list(found.values())


def _warned(n: int) -> Cell:
    return Cell(count(n), n, "warn" if n else "plain")


def _method(run: Run) -> Facts:
    (file,), (model,) = run.shown("imatrix"), run.models
    return facts(
        "imatrix-method",
        title="Method",
        file=file,
        model=model,
        p=run.population,
        made=run.provenance,
        merged=[matrix["path"] for matrix in file["merged"]] or None,
    )
