"""`pyengine quantize` as a document: the files with their sizes, and what fell back."""

from pathlib import Path
from typing import Any

from pyengine.report.document import Block, Document, Facts, Paragraph
from pyengine.report.numbers import count, fixed, size
from pyengine.report.origin import importance_facts
from pyengine.report.tables import Cell, Column, Field, Table, listing, number, text
from pyengine.run.record import Run

SHOWN_FALLBACKS = 40


def quantize_document(run: Run) -> Document:
    """Lay out what was written, or would be."""
    blocks: list[Block] = [_answer(run), _files(run)]
    if any(variant["fallbacks"] for variant in run.shown("quantized")):
        blocks.append(_fallbacks(run))
    blocks.append(_method(run))
    (source,) = run.shown("source")
    return Document(f"Quantizing {source['path']}", tuple(blocks))


def _answer(run: Run) -> Paragraph:
    new = [variant for variant in run.shown("quantized") if not variant["reused"]]
    total = size(sum(variant["file_bytes"] for variant in new))
    kept = len(run.shown("quantized")) - len(new)
    if run.options["dry_run"]:
        text = f"{len(new)} files would take {total}. Nothing was written."
    else:
        text = f"{len(new)} files were written, {total}."
        text += f" {kept} were there already and were kept." if kept else ""
    return Paragraph(text, "strong")


def _files(run: Run) -> Table:
    (source,), variants = run.shown("source"), run.shown("quantized")

    def fell_back(variant: dict[str, Any]) -> Cell:
        n = len(variant["fallbacks"])
        return Cell(count(n), n, "warn" if n else "plain")

    fields = (
        text("Type", lambda v: v["file_type"], tone="strong"),
        number("Size", lambda v: v["file_bytes"], size),
        number("Bits per weight", lambda v: v["bits_per_weight"], fixed),
        number(
            "Of source",
            lambda v: v["file_bytes"] / source["file_bytes"],
            lambda share: f"{100 * share:.1f} %",
            drop=1,
        ),
        Field(Column("Fell back", "right"), fell_back),
        text("File", lambda v: Path(v["path"]).name + (" (kept)" if v["reused"] else "")),
    )
    folder = Path(variants[0]["path"]).parent
    return listing("Files", fields, variants, notes=[f"In {folder}/."])


FALLBACKS = (
    text("Type", lambda fell: fell["file_type"]),
    text("Tensor", lambda fell: fell["name"]),
    number("Row length", lambda fell: fell["shape"][0], str),
    text("Needs blocks of", lambda fell: fell["row_type"]),
    text("Became", lambda fell: fell["target_type"]),
)


def _fallbacks(run: Run) -> Table:
    fallen = [
        {**fallback, "file_type": variant["file_type"]}
        for variant in run.shown("quantized")
        for fallback in variant["fallbacks"]
    ]
    notes = ["A row must be whole blocks of its type; llama.cpp takes another type where not."]
    if len(fallen) > SHOWN_FALLBACKS:
        notes.append(f"{len(fallen) - SHOWN_FALLBACKS} more are in the JSON record.")
    return listing("Tensors that fell back", FALLBACKS, fallen[:SHOWN_FALLBACKS], notes=notes)


def _method(run: Run) -> Facts:
    (source,) = run.shown("source")
    return Facts(
        "Method",
        (
            ("source", f"{source['path']}, {size(source['file_bytes'])}"),
            ("source SHA-256", source["sha256"]),
            *importance_facts(run),
            ("pyengine", run.provenance.pyengine),
            ("llama.cpp", run.provenance.llama_cpp),
        ),
    )
