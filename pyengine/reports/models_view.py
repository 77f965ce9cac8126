"""Show the models on this machine."""

from __future__ import annotations

from pyengine.discovery.records import LocalModel, ModelsResult
from pyengine.reports import numbers
from pyengine.reports.tables import Block, Cell, Column, Document, Facts, Paragraph, Table, table

_COLUMNS = (
    Column("reference", min_width=30),
    Column("name", min_width=12, drop=3),
    Column("type"),
    Column("size", align="right", name="n_bytes"),
    Column("architecture", drop=2),
    Column("same bytes", align="right", drop=1),
)


def models_document(result: ModelsResult) -> Document:
    """Show the list of models, their sum, and where was looked."""
    blocks: list[Block] = [Paragraph(_summary(result))]
    if result.models:
        blocks.append(_table(result))
    else:
        pairs = [(store, ", ".join(paths)) for store, paths in result.places.items() if paths]
        blocks.append(Facts("Looked in", tuple(pairs)))
    return Document("Models on this machine", tuple(blocks))


def _summary(result: ModelsResult) -> str:
    if not result.models:
        return "No GGUF file was found. Any command also takes a path or hf:OWNER/REPO:TYPE."
    n = len(result.models)
    noun = "model" if n == 1 else "models"
    text = f"{numbers.count(n)} {noun}, {numbers.size(result.n_bytes)} on disk."
    if result.n_bytes_saved:
        text += f" {numbers.size(result.n_bytes_saved)} are copies of files that are here already."
    return text


def _table(result: ModelsResult) -> Table:
    notes = ["Any command takes the reference in place of a path."]
    notes += [f"{m.reference}: {m.problem}" for m in result.models if m.problem]
    if any(model.same_bytes for model in result.models):
        notes.append("Files with the same number are the same bytes; (link): one file on disk.")
        return table("", _COLUMNS, [_row(model) for model in result.models], notes=notes)
    return table("", _COLUMNS[:-1], [_row(model)[:-1] for model in result.models], notes=notes)


def _row(model: LocalModel) -> list[Cell | str | None]:
    parts = f" in {model.n_parts} parts" if model.n_parts > 1 else ""
    same = None
    if model.same_bytes is not None:
        link = " (link)" if model.same_file else ""
        same = Cell(f"#{model.same_bytes}{link}", model.same_bytes)
    return [
        Cell(model.reference, tone="bad" if model.problem else "plain"),
        model.name,
        "no weights" if model.vocabulary_only else model.file_type,
        Cell(numbers.size(model.n_bytes) + parts, model.n_bytes),
        model.architecture,
        same,
    ]
