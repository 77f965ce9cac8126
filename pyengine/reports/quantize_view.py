"""`pyengine quantize` as a document: the files with their sizes, and what fell back."""

from pathlib import Path

from pyengine.reports.numbers import count, fixed, size
from pyengine.reports.tables import Block, Cell, Column, Document, Facts, Paragraph, table
from pyengine.sweep.quantization import QuantizeResult, VariantRecord

SHOWN_FALLBACKS = 40


def quantize_document(result: QuantizeResult) -> Document:
    """Lay out what was written, or would be."""
    blocks: list[Block] = [_answer(result), _files(result)]
    if any(variant.fallbacks for variant in result.variants):
        blocks.append(_fallbacks(result))
    blocks.append(_method(result))
    return Document(f"Quantizing {result.source}", tuple(blocks))


def _answer(result: QuantizeResult) -> Paragraph:
    new = [variant for variant in result.variants if not variant.reused]
    total = size(sum(variant.file_bytes for variant in new))
    kept = len(result.variants) - len(new)
    if result.dry_run:
        text = f"{len(new)} files would take {total}. Nothing was written."
    else:
        text = f"{len(new)} files were written, {total}."
        text += f" {kept} were there already and were kept." if kept else ""
    return Paragraph(text, "strong")


def _files(result: QuantizeResult) -> Block:
    columns = (
        Column("Type"),
        Column("Size", "right"),
        Column("Bits per weight", "right"),
        Column("Of source", "right", drop=1),
        Column("Fell back", "right"),
        Column("File"),
    )
    rows = [_file_row(variant, result) for variant in result.variants]
    folder = Path(result.variants[0].path).parent
    return table("Files", columns, rows, notes=[f"In {folder}/."])


def _file_row(variant: VariantRecord, result: QuantizeResult) -> tuple[Cell, ...]:
    share = variant.file_bytes / result.source_bytes
    fell = len(variant.fallbacks)
    return (
        Cell(variant.file_type, tone="strong"),
        Cell(size(variant.file_bytes), variant.file_bytes),
        Cell(fixed(variant.bits_per_weight, 2), variant.bits_per_weight),
        Cell(f"{100 * share:.1f} %", share),
        Cell(count(fell), fell, "warn" if fell else "plain"),
        Cell(Path(variant.path).name + (" (kept)" if variant.reused else ""), variant.path),
    )


def _fallbacks(result: QuantizeResult) -> Block:
    rows = [
        (
            variant.file_type,
            fallback.name,
            Cell(str(fallback.shape[0]), fallback.shape[0]),
            fallback.row_type,
            fallback.target_type,
        )
        for variant in result.variants
        for fallback in variant.fallbacks
    ]
    columns = ("Type", "Tensor", Column("Row length", "right"), "Needs blocks of", "Became")
    notes = ["A row must be whole blocks of its type; llama.cpp takes another type where not."]
    if len(rows) > SHOWN_FALLBACKS:
        notes.append(f"{len(rows) - SHOWN_FALLBACKS} more are in the JSON record.")
    return table("Tensors that fell back", columns, rows[:SHOWN_FALLBACKS], notes=notes)


def _method(result: QuantizeResult) -> Facts:
    importance = f"{result.importance_used} of {result.importance_entries} entries are used"
    return Facts(
        "Method",
        (
            ("source", f"{result.source}, {size(result.source_bytes)}"),
            ("source SHA-256", result.source_sha256),
            *([("importance matrix", importance)] if result.importance_entries else []),
            ("pyengine", result.provenance.pyengine),
            ("llama.cpp", result.provenance.llama_cpp),
        ),
    )
