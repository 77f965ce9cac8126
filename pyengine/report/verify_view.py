"""`pyengine verify` as a document: whether a file is what it says, and what differs."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from pyengine.report.document import Block, Document, Facts, Paragraph
from pyengine.report.listing import listing
from pyengine.report.sentences.notes import note_sentences
from pyengine.report.sentences.verification import reason_sentences, verdict_sentence
from pyengine.report.tables import Table
from pyengine.report.words import facts
from pyengine.run.record import Run
from pyengine.weight_names import weight_kind


def verify_document(run: Run) -> Document:
    """Lay out what was found."""
    (file,), (making,) = run.shown("verified"), run.shown("making")
    blocks: list[Block] = [
        Paragraph(verdict_sentence(run), "strong"),
        *map(Paragraph, reason_sentences(run)),
        *map(Paragraph, note_sentences(run.notes)),
        listing("verified", [_of_type(told) for told in run.shown("type-verified")]),
    ]
    if different := run.shown("tensor-difference"):
        blocks.append(_differences(different))
    if metadata := run.shown("metadata-difference"):
        blocks.append(listing("metadata-differences", map(_written, metadata)))
    said = tuple((key, str(value)) for key, value in making["said"].items())
    title = "What the file says of its making"
    blocks.append(facts("what-it-says", *said, title=title, nothing=None if said else "nothing"))
    blocks.append(_method(run))
    return Document(f"Verifying {file['path']}", tuple(blocks))


def _of_type(told: dict[str, Any]) -> dict[str, Any]:
    return {**told, "share": told["n_bytes_different"] / told["n_bytes"]}


def _written(told: dict[str, Any]) -> dict[str, Any]:
    """Write the values of a key as text."""
    values = {of: told[of] for of in ("file", "source") if told[of] is not None}
    texts = {
        of: f"{value:.7g}" if isinstance(value, float) else str(value)
        for of, value in values.items()
    }
    return {"file": None, "source": None, **texts, "key": told["key"]}


def _differences(different: Sequence[dict[str, Any]]) -> Table:
    """Show a line for the tensors of one name in all layers and one type."""
    alike: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for told in different:
        alike.setdefault((weight_kind(told["name"]), told["type"]), []).append(told)
    rows = [
        {
            "name": name,
            "type": kind,
            "n": len(those),
            "share": sum(one["n_bytes_different"] for one in those)
            / sum(one["n_bytes"] for one in those),
            "error": _mean(those, "error"),
            "rounding": _mean(those, "rounding"),
        }
        for (name, kind), those in alike.items()
    ]
    return listing("tensor-differences", rows)


def _mean(those: Sequence[dict[str, Any]], what: str) -> float | None:
    known = [one[what] for one in those if one[what] is not None]
    return statistics.mean(known) if known else None


def _method(run: Run) -> Facts:
    (file,), (source,) = run.shown("verified"), run.shown("source")
    matrix = next(iter(run.shown("importance")), {})
    return facts(
        "verify-method",
        title="Method",
        file=file,
        source=source,
        made=run.provenance,
        **{name: matrix.get(name) for name in ("path", "sha256", "entries", "used")},
    )
