"""`pyengine probe` as a document: the answer in words, then tables, then method."""

from __future__ import annotations

from collections.abc import Sequence

from pyengine.reports.keyword_forms import ALL_FORMS
from pyengine.reports.made_with import provenance_facts
from pyengine.reports.numbers import (
    count,
    fixed,
    parameters,
    percent,
    probability,
    significant,
    size,
)
from pyengine.reports.pieces import visible
from pyengine.reports.probe_tables import (
    NATS_PER_BIT,
    classes_table,
    indentation_table,
    items_table,
    languages_table,
    leave_one_out_table,
    paper_table,
    ranks_table,
    starts_table,
    top_tokens,
)
from pyengine.reports.probed_model import ProbedModel, fed, probed_models, shown
from pyengine.reports.sentences import note_sentence
from pyengine.reports.tables import (
    Block,
    Cell,
    CellLike,
    Column,
    Document,
    Facts,
    Paragraph,
    Section,
    Table,
    measured,
    table,
)
from pyengine.run.record import Run

DIFFERENT_VOCABULARIES = (
    "The vocabularies differ. Probabilities of words are comparable, most of all with + split, "
    "where a word counts however many tokens it takes; PKP, STP and NLP count single tokens, as "
    "the paper does. Entropy and effective tokens are not set side by side: they count tokens of "
    "different sizes."
)


REASONS = {
    "bos-added": "the tokenizer puts BOS before every text",
    "bos-declared": "the tokenizer declares a BOS token and does not add it by itself",
    "eos-for-bos": "no BOS token: EOS, which separates documents, stands in",
    "newline-for-bos": "no BOS or EOS token: a newline stands in",
    "zero-for-bos": "no BOS, EOS or newline token: token 0 stands in",
    "bos": "the BOS token alone",
    "eos": "the EOS token alone",
    "newline": "one newline",
    "fence": "an opened code block",
    "text": "the text given",
    "fim": "a hole with nothing before or after it",
    "chat": "the assistant's turn after an empty message",
}
AFTER_BOS = "-after-bos"
REFUSED = {
    "vocabulary": "the vocabularies differ: equal ids do not mean equal tokens",
    "start": "the models start from different tokens",
    "rows": "the rows of logits have different lengths",
}


def probe_document(run: Run) -> Document:
    """Lay a probe out: one model in full, or several side by side and then each in full."""
    models = probed_models(run)
    warnings = [
        Paragraph(note_sentence(note), "warn")
        for note in run.notes
        if note.code == "beyond-trained-context"
    ]
    if len(models) == 1:
        only = models[0]
        opening, *rest = _model_blocks(only)
        blocks = (opening, *warnings, *rest, provenance_facts(run.provenance))
        return Document(f"Cold start of {only.info.name}", blocks)
    sections = tuple(Section(model.label, _model_blocks(model)) for model in models)
    return Document(
        f"Cold starts of {len(models)} models",
        (
            first_choices(models),
            *warnings,
            side_by_side(models),
            differences(models),
            *sections,
            provenance_facts(run.provenance),
        ),
    )


def _model_blocks(model: ProbedModel) -> tuple[Block, ...]:
    return (
        answer(model),
        _model_facts(model),
        top_tokens(model),
        starts_table(model),
        languages_table(model),
        leave_one_out_table(model),
        classes_table(model),
        paper_table(model),
        items_table(model),
        ranks_table(model),
        indentation_table(model),
    )


def answer(model: ProbedModel) -> Paragraph:
    """Say what the model wants to write, in one sentence."""
    start = model.starts[0]
    best = ", ".join(f"{shown(t)} ({percent(t['probability'])})" for t in model.top[:3])
    languages = ""
    if model.by_mass and model.mass(model.by_mass[0]) > 0:
        leading = model.by_mass[0]
        languages = (
            f" Of the keyword sets, {model.languages[leading]}'s hold the most probability: "
            f"{percent(model.mass(leading))} in all forms."
        )
    return Paragraph(
        f"Asked nothing, {model.info.name} ({model.info.file_type}) most wants to write {best}; "
        "its choice is as open as one among "
        f"{significant(model.start_value('effective_tokens', start) or 0.0)} equally "
        f"likely tokens ({fixed(_bits(model))} bits).{languages}",
        tone="strong",
    )


def _bits(model: ProbedModel) -> float:
    return (model.start_value("entropy", model.starts[0]) or 0.0) / NATS_PER_BIT


def first_choices(models: Sequence[ProbedModel]) -> Paragraph:
    """Say in one sentence what each of several models most wants to write."""
    best = [
        f"{m.label} {shown(m.top[0])} ({percent(m.top[0]['probability'])})" for m in models if m.top
    ]
    return Paragraph(f"Asked nothing, they most want to write: {'; '.join(best)}.", tone="strong")


def _model_facts(probed: ProbedModel) -> Facts:
    model, start = probed.info, probed.starts[0]
    ids = ", ".join(map(str, start["ids"]))
    return Facts(
        "What was measured",
        (
            ("file", model.path),
            (
                "model",
                f"{model.architecture}, {parameters(model.n_params)} parameters, "
                f"{model.file_type}, {fixed(model.bits_per_weight)} bits per weight, "
                f"{size(model.file_bytes)}",
            ),
            (
                "tokenizer",
                f"{model.tokenizer} {model.pre_tokenizer or '(no pre-tokenizer)'}, "
                f"{count(model.n_vocab)} tokens",
            ),
            (
                "fed",
                f"{' '.join(map(visible, start['pieces']))} (id {ids}): "
                f"{reason_words(start['reason'])}",
            ),
            ("sha256", model.sha256),
        ),
    )


def reason_words(reason: str) -> str:
    """Say why a start has its tokens."""
    words = REASONS[reason.removesuffix(AFTER_BOS)]
    return f"{words} after BOS" if reason.endswith(AFTER_BOS) else words


def side_by_side(models: Sequence[ProbedModel]) -> Table:
    """Put the models beside each other, metric by metric.

    Between different vocabularies only what is defined over strings is set side by side.
    """
    alike = len({m.info.vocabulary_sha256 for m in models}) == 1
    rows: list[tuple[CellLike, ...]] = [
        ("file type", *(m.info.file_type for m in models)),
        ("size", *(Cell(size(m.info.file_bytes), m.info.file_bytes) for m in models)),
        ("fed (ids)", *(fed(m.starts[0]) for m in models)),
        ("top token", *(_top_text(m) if m.top else None for m in models)),
        *(_openness(models) if alike else ()),
    ]
    for metric in ("pkp", "stp", "nlp"):
        values = (m.value(metric, collection="paper") for m in models)
        rows.append((metric.upper(), *(measured(value, probability) for value in values)))
    for language, title in models[0].languages.items():
        rows.append((f"{title}, all forms", *(measured(m.mass(language), percent) for m in models)))
        if not alike:
            whole = (m.value("keyword_string_mass", language=language) for m in models)
            rows.append((f"{title}, + split", *(measured(value, percent) for value in whole)))
    return table(
        "Side by side",
        ["", *(Column(model.label, "right") for model in models)],
        rows,
        notes=(f"{ALL_FORMS}.", *(() if alike else (DIFFERENT_VOCABULARIES,))),
    )


def _openness(models: Sequence[ProbedModel]) -> tuple[tuple[CellLike, ...], ...]:
    tokens = [m.start_value("effective_tokens", m.starts[0]) for m in models]
    return (
        ("entropy [bit]", *(measured(_bits(m), fixed) for m in models)),
        ("effective tokens", *(measured(value, significant) for value in tokens)),
    )


def differences(models: Sequence[ProbedModel]) -> Table:
    """Show how far each model's first start is from the first model's, token by token."""
    first, *others = models
    run = first.run
    refused = {n.model: REFUSED[n.values["why"]] for n in run.notes if n.code == "not-compared"}
    rows: list[tuple[CellLike, ...]] = []
    for other in others:
        found = {
            row.metric: row.value / NATS_PER_BIT
            for row in run.select(model=other.info.id, reference=first.info.id)
        }
        cells = (measured(found.get(m), probability) for m in ("jensen_shannon", "kl"))
        rows.append((other.label, *cells, refused.get(other.info.id, "")))
    columns: list[Column | str] = [
        "model",
        Column("JS", "right", "bit"),
        Column("KL", "right", "bit"),
        "not measured",
    ]
    return table(f"Against {first.label}, token by token", columns, rows)


def _top_text(model: ProbedModel) -> str:
    return f"{shown(model.top[0])} {percent(model.top[0]['probability'])}"
