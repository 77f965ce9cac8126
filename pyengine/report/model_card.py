"""One table for a model card: size, bits per weight, divergence and a verdict in plain words."""

from __future__ import annotations

from pyengine.choose.verdicts import divergence, kl_floor, reference_of, variants_of
from pyengine.report.document import Document, Paragraph
from pyengine.report.measured import Cells, Shown, TableView, Told
from pyengine.report.numbers import count
from pyengine.report.sentences import plain_verdict
from pyengine.report.sweep_view import failed_ids
from pyengine.report.tables import CellLike
from pyengine.run.record import Run

COLUMNS = (
    Shown("size", "size", part="value"),
    Shown("bits_per_weight", "bits per weight", part="value"),
    Shown("kl", "KL divergence"),
    Shown("same_first_choice", "same first choice", part="value"),
    Shown("delta_p_rms", part="value"),
)


def model_card(run: Run) -> Document:
    """Return the table that goes into a model card, and how it was measured in two sentences."""
    cells, margin = Cells(run), float(run.options["margin"])
    types: dict[str, CellLike] = {model.id: model.file_type for model in run.models}
    verdicts: dict[str, CellLike] = {
        model.id: plain_verdict(kl, margin, kl_floor(run, model.id))
        if (kl := divergence(run, model.id))
        else "not measured over text"
        for model in variants_of(run)
    }
    for note in run.notes:
        if note.code == "variant-failed":
            verdicts[note.model] = f"failed: {note.values['message']}"
        if note.code == "other-vocabulary":
            verdicts[note.model] = "another vocabulary than the reference's"
    view = TableView(
        "", (Told("type", types), *COLUMNS, Told("verdict", verdicts)), heads=("file",)
    )
    ids = [*(model.id for model in variants_of(run)), *failed_ids(run)]
    card = cells.model_table(view, ids, {})
    return Document(f"Quantizations of {reference_of(run).id}", (card, Paragraph(_how(run))))


def _how(run: Run) -> str:
    tokens = run.population.n_tokens if run.population else 0
    documents = run.population.n_scored_documents if run.population else 0
    return (
        f"Mean KL divergence from {reference_of(run).id} per token, over {count(tokens)} tokens of "
        f"{count(documents)} documents; ± is the standard error clustered by document. Same first "
        f"choice: share of tokens. Measured with pyengine {run.provenance.pyengine} (llama.cpp "
        f"{run.provenance.llama_cpp})."
    )
