"""`pyengine quantize` as a document: the files with their sizes, and what fell back."""

from collections import Counter
from pathlib import Path

from pyengine.report.document import Block, Document, Facts, Paragraph
from pyengine.report.listing import listing
from pyengine.report.numbers import count
from pyengine.report.origin import importance_facts
from pyengine.report.sentences import files
from pyengine.report.tables import Cell, Table
from pyengine.report.words import facts
from pyengine.run.record import Run


def quantize_document(run: Run) -> Document:
    """Lay out what was written, or would be."""
    blocks: list[Block] = [Paragraph(files.quantize_sentence(run), "strong"), _files(run)]
    if any(variant["fallbacks"] for variant in run.shown("quantized")):
        blocks.append(_fallbacks(run))
    blocks.append(_method(run))
    (source,) = run.shown("source")
    return Document(f"Quantizing {source['path']}", tuple(blocks))


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
    """Show in a line for each file what its tensors that fell back became."""
    rows = []
    for variant in run.shown("quantized"):
        fallen = variant["fallbacks"]
        lengths = sorted({tensor["shape"][0] for tensor in fallen})
        became = Counter(tensor["target_type"] for tensor in fallen).most_common()
        told = {
            "n": len(fallen),
            "lengths": ", ".join(map(str, lengths)),
            "became": ", ".join(f"{n} {target}" for target, n in became),
        }
        rows += [{**variant, **told, "row_type": fallen[0]["row_type"]}] if fallen else []
    return listing("fallbacks", rows)


def _method(run: Run) -> Facts:
    (source,) = run.shown("source")
    made = run.provenance
    versions = (("pyengine", made.pyengine), ("llama.cpp", made.llama_cpp))
    more = (*importance_facts(run), *versions)
    return facts("quantize-method", *more, title="Method", source=source)
