"""`pyengine quantize` as a document: the files with their sizes, why these, and what fell back."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pyengine.report.document import Block, Document, Facts, Paragraph
from pyengine.report.listing import listing
from pyengine.report.origin import importance_facts
from pyengine.report.sentences import files, notes
from pyengine.report.tables import Cell, Table
from pyengine.report.words import facts
from pyengine.run.record import Run
from pyengine.weight_names import weight_kind

FELL_BACK = {"head": "Fell back to", "of": "fell_back"}
BEFORE = (
    {"head": "Bytes", "of": "file_bytes", "write": "count", "drop": 2},
    {"head": "Needs imatrix", "of": "needs"},
    FELL_BACK,
)
WRITTEN = (FELL_BACK, {"head": "File", "of": "file"})


def quantize_document(run: Run) -> Document:
    """Lay out what was written, or would be."""
    blocks: list[Block] = [Paragraph(files.quantize_sentence(run), "strong")]
    blocks += [Paragraph(told) for told in files.size_sentences(run)]
    blocks += [Paragraph(told) for told in notes.note_sentences(run.notes)]
    blocks.append(_files(run))
    if run.shown("rule"):
        blocks.append(_rules(run))
    blocks.append(_method(run))
    (source,) = run.shown("source")
    return Document(f"Quantizing {source['path']}", tuple(blocks))


def _files(run: Run) -> Table:
    """Show each file; where it is, once it is there."""
    (source,), variants = run.shown("source"), run.shown("quantized")
    dry_run = run.options["dry_run"]
    rows = [
        {
            **variant,
            "share": variant["file_bytes"] / source["file_bytes"],
            "needs": _needs(variant),
            "fell_back": _fell_back(variant),
            "file": Path(variant["path"]).name + (" (kept)" if variant["reused"] else ""),
        }
        for variant in variants
    ]
    told = files.file_notes(run, Path(variants[0]["path"]).parent)
    return listing("quantized", rows, more=BEFORE if dry_run else WRITTEN, notes=told)


def _needs(variant: Mapping[str, Any]) -> Cell:
    """Say whether a type needs an importance matrix, so that it stands out where there is none."""
    if not variant["n_needing_importance"]:
        return Cell("no", 0)
    return Cell("yes", 1, "warn" if variant["lacks_importance"] else "plain")


def _fell_back(variant: Mapping[str, Any]) -> Cell | None:
    became = Counter(tensor["target_type"] for tensor in variant["fallbacks"]).most_common()
    if not became:
        return None
    return Cell(", ".join(f"{n} {kind}" for kind, n in became), tone="warn")


def _rules(run: Run) -> Table:
    """Show in a line for each rule what it decides."""
    rows = [
        {**rule, "n": len(rule["tensors"]), "which": _kinds(rule["tensors"])}
        for rule in run.shown("rule")
    ]
    return listing("rules", rows)


def _kinds(names: Sequence[str]) -> str:
    """Name tensors by their kinds, each once whatever its layers: "30 attn_q, output"."""
    kinds = Counter(map(weight_kind, names))
    return ", ".join(kind if n == 1 else f"{n} {kind}" for kind, n in kinds.most_common())


def _method(run: Run) -> Facts:
    (source,) = run.shown("source")
    made = run.provenance
    versions = (("pyengine", made.pyengine), ("llama.cpp", made.llama_cpp))
    more = (*importance_facts(run), *versions)
    return facts("quantize-method", *more, title="Method", source=source)
