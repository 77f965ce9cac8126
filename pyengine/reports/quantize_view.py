"""`pyengine quantize` as a document: the files with their sizes, and what fell back."""

from pathlib import Path
from typing import Any

from pyengine.reports.made_with import importance_facts
from pyengine.reports.numbers import count, fixed, size
from pyengine.reports.tables import Block, Cell, Column, Document, Facts, Paragraph, table
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


def _files(run: Run) -> Block:
    columns = (
        Column("Type"),
        Column("Size", "right"),
        Column("Bits per weight", "right"),
        Column("Of source", "right", drop=1),
        Column("Fell back", "right"),
        Column("File"),
    )
    (source,), variants = run.shown("source"), run.shown("quantized")
    rows = [_file_row(variant, source["file_bytes"]) for variant in variants]
    folder = Path(variants[0]["path"]).parent
    return table("Files", columns, rows, notes=[f"In {folder}/."])


def _file_row(variant: dict[str, Any], source_bytes: int) -> tuple[Cell, ...]:
    share = variant["file_bytes"] / source_bytes
    fell = len(variant["fallbacks"])
    return (
        Cell(variant["file_type"], tone="strong"),
        Cell(size(variant["file_bytes"]), variant["file_bytes"]),
        Cell(fixed(variant["bits_per_weight"], 2), variant["bits_per_weight"]),
        Cell(f"{100 * share:.1f} %", share),
        Cell(count(fell), fell, "warn" if fell else "plain"),
        Cell(
            Path(variant["path"]).name + (" (kept)" if variant["reused"] else ""), variant["path"]
        ),
    )


def _fallbacks(run: Run) -> Block:
    rows = [
        (
            variant["file_type"],
            fallback["name"],
            Cell(str(fallback["shape"][0]), fallback["shape"][0]),
            fallback["row_type"],
            fallback["target_type"],
        )
        for variant in run.shown("quantized")
        for fallback in variant["fallbacks"]
    ]
    columns = ("Type", "Tensor", Column("Row length", "right"), "Needs blocks of", "Became")
    notes = ["A row must be whole blocks of its type; llama.cpp takes another type where not."]
    if len(rows) > SHOWN_FALLBACKS:
        notes.append(f"{len(rows) - SHOWN_FALLBACKS} more are in the JSON record.")
    return table("Tensors that fell back", columns, rows[:SHOWN_FALLBACKS], notes=notes)


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
