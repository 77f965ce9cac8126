"""`pyengine quantize` as a document: the files with their sizes, and what fell back."""

from pathlib import Path

from pyengine.report.document import Block, Document, Facts, Paragraph
from pyengine.report.listing import listing
from pyengine.report.numbers import count
from pyengine.report.origin import importance_facts
from pyengine.report.tables import Cell, Table
from pyengine.report.words import facts, say
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
    total = sum(variant["file_bytes"] for variant in new)
    kept = len(run.shown("quantized")) - len(new)
    code = "quantize-dry" if run.options["dry_run"] else "quantize"
    return Paragraph(say("answers", code, n=len(new), total=total, kept=kept or None), "strong")


def _files(run: Run) -> Table:
    (source,), variants = run.shown("source"), run.shown("quantized")
    rows = []
    for variant in variants:
        n = len(variant["fallbacks"])
        rows.append(
            {
                **variant,
                "share": variant["file_bytes"] / source["file_bytes"],
                "fell_back": Cell(count(n), n, "warn" if n else "plain"),
                "file": Path(variant["path"]).name + (" (kept)" if variant["reused"] else ""),
            }
        )
    return listing("quantized", rows, folder=Path(variants[0]["path"]).parent)


def _fallbacks(run: Run) -> Table:
    fallen = [
        {**fallback, "file_type": variant["file_type"], "length": fallback["shape"][0]}
        for variant in run.shown("quantized")
        for fallback in variant["fallbacks"]
    ]
    more = len(fallen) - SHOWN_FALLBACKS
    notes = [f"{more} more are in the JSON record."] if more > 0 else []
    return listing("fallbacks", fallen[:SHOWN_FALLBACKS], notes=notes)


def _method(run: Run) -> Facts:
    (source,) = run.shown("source")
    made = run.provenance
    versions = (("pyengine", made.pyengine), ("llama.cpp", made.llama_cpp))
    more = (*importance_facts(run), *versions)
    return facts("quantize-method", *more, title="Method", source=source)
