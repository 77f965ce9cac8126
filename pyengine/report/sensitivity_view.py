"""`pyengine sensitivity` as a document: what each group of tensors loses, and other types would."""

from __future__ import annotations

from typing import Any

from pyengine.report.document import Block, Document, Facts, Paragraph
from pyengine.report.listing import listing
from pyengine.report.numbers import interval, nats
from pyengine.report.sentences.notes import note_sentences
from pyengine.report.sentences.sensitivity import Group, per_million, sensitivity_sentences
from pyengine.report.tables import Cell, Table, Tone
from pyengine.report.words import facts
from pyengine.run.record import Run

# Types that are shown in a narrow terminal, too.
COMMON = ("q4_0", "q4_K", "q5_0", "q6_K", "q8_0")


def sensitivity_document(run: Run) -> Document:
    """Lay out what was measured and predicted."""
    groups = run.shown("tensor-group")
    leaves = leaves_of(run)
    answer, *others = sensitivity_sentences(run, leaves)
    blocks: list[Block] = [
        Paragraph(answer, "strong"),
        *map(Paragraph, others),
        *map(Paragraph, note_sentences(run.notes)),
        _measured(groups, leaves),
        _predicted(leaves),
        _method(run),
    ]
    return Document(f"Sensitivity of {run.models[0].name}", tuple(blocks))


def leaves_of(run: Run) -> list[Group]:
    """Return the groups that are not divided further."""
    return [group for group in run.shown("tensor-group") if group["leaf"]]


def layers_of(group: Group) -> str | None:
    """Write the layers of a group; None outside them."""
    first, last = group["first_layer"], group["last_layer"]
    return None if first is None else str(first) if first == last else f"{first}–{last}"


def _measured(groups: list[Group], leaves: list[Group]) -> Table:
    total = sum(group["kl"] for group in leaves)
    rows: list[dict[str, Any]] = []
    for group in groups:
        tone: Tone = "strong" if group["leaf"] else "dim"
        rows.append(
            {
                "kind": Cell(group["kind"], tone=tone),
                "layers": layers_of(group),
                "weights": group["n_weights"],
                "type": " ".join(group["measured_types"]),
                "kl": Cell(nats(group["kl"]), group["kl"], tone),
                "interval": Cell(interval(group["low"], group["high"])),
                "share": group["kl"] / total if group["leaf"] and total > 0 else None,
                "per": per_million(group),
            }
        )
    return listing("sensitivity", rows)


def _predicted(leaves: list[Group]) -> Table:
    """Show what the types that are not the source's own would lose of each group."""
    lost = [
        {choice["type"]: choice["kl"] for choice in group["choices"] if choice["weight_error"]}
        for group in leaves
    ]
    sizes = {
        choice["type"]: choice["n_bytes"] / group["n_weights"]
        for group in leaves
        for choice in group["choices"]
    }
    types = sorted({name for found in lost for name in found}, key=lambda name: sizes[name])
    columns = [
        {"head": name, "of": name, "write": "nats", "drop": 0 if name in COMMON else 1}
        for name in types
    ]
    rows = [
        {
            "kind": Cell(group["kind"], tone="strong"),
            "layers": layers_of(group),
            **dict.fromkeys(types),
            **found,
        }
        for group, found in zip(leaves, lost, strict=True)
    ]
    return listing("sensitivity-types", rows, more=columns)


def _method(run: Run) -> Facts:
    return facts(
        "sensitivity-method",
        title="Method",
        at=run.options["at"],
        model=run.models[0],
        p=run.population,
        made=run.provenance,
        imatrix=run.options["imatrix"],
        sha256=run.options["imatrix_sha256"],
    )
