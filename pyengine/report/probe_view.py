"""`pyengine probe` as a document: the answer in words, then tables, then method."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyengine.report.document import Block, Document, Facts, Paragraph, Section
from pyengine.report.notes import warnings
from pyengine.report.numbers import (
    count,
    fixed,
    parameters,
    percent,
    probability,
    significant,
    size,
)
from pyengine.report.origin import provenance_facts
from pyengine.report.pieces import visible
from pyengine.report.probe_tables import (
    NATS_PER_BIT,
    ProbedModel,
    fed,
    model_tables,
    probed_models,
    shown,
)
from pyengine.report.sentences import ALL_FORMS
from pyengine.report.tables import Column, Field, Table, listing, number, table, text
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


def reason_words(reason: str) -> str:
    """Say why a start has its tokens."""
    words = REASONS[reason.removesuffix(AFTER_BOS)]
    return f"{words} after BOS" if reason.endswith(AFTER_BOS) else words


def probe_document(run: Run) -> Document:
    """Lay a probe out: one model in full, or several side by side and then each in full."""
    models = probed_models(run)
    told = warnings(note for note in run.notes if note.code == "beyond-trained-context")
    origin = provenance_facts(run.provenance)
    if len(models) == 1:
        opening, *rest = _model_blocks(models[0])
        return Document(f"Cold start of {models[0].info.name}", (opening, *told, *rest, origin))
    sections = tuple(Section(model.label, _model_blocks(model)) for model in models)
    compared = (_side_by_side(models), _differences(models))
    return Document(
        f"Cold starts of {len(models)} models",
        (_first_choices(models), *told, *compared, *sections, origin),
    )


def _model_blocks(model: ProbedModel) -> tuple[Block, ...]:
    return (
        _answer(model),
        _model_facts(model),
        *model_tables(model),
    )


def _answer(model: ProbedModel) -> Paragraph:
    """Say what the model wants to write, in one sentence."""
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
        f"{significant(model.of_start('effective_tokens', model.starts[0]))} equally "
        f"likely tokens ({fixed(model.bits)} bits).{languages}",
        tone="strong",
    )


def _first_choices(models: Sequence[ProbedModel]) -> Paragraph:
    """Say in one sentence what each of several models most wants to write."""
    best = [f"{model.label} {_top_text(model, '{} ({})')}" for model in models if model.top]
    return Paragraph(f"Asked nothing, they most want to write: {'; '.join(best)}.", tone="strong")


def _top_text(model: ProbedModel, form: str) -> str:
    return form.format(shown(model.top[0]), percent(model.top[0]["probability"]))


def _model_facts(probed: ProbedModel) -> Facts:
    model, start = probed.info, probed.starts[0]
    ids = ", ".join(map(str, start["ids"]))
    pairs = (
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
    )
    return Facts("What was measured", pairs)


def _side_by_side(models: Sequence[ProbedModel]) -> Table:
    """Put the models beside each other, metric by metric.

    Between different vocabularies only what is defined over strings is set side by side.
    """
    alike = len({m.info.vocabulary_sha256 for m in models}) == 1
    lines: list[Field] = [
        text("file type", lambda m: m.info.file_type),
        number("size", lambda m: m.info.file_bytes, size),
        text("fed (ids)", lambda m: fed(m.starts[0])),
        text("top token", lambda m: _top_text(m, "{} {}") if m.top else None),
    ]
    if alike:
        lines.append(number("entropy [bit]", lambda m: m.bits, fixed))
        opens = number(
            "effective tokens", lambda m: m.of_start("effective_tokens", m.starts[0]), significant
        )
        lines.append(opens)
    for metric in ("pkp", "stp", "nlp"):
        lines.append(_of(metric, metric.upper(), probability, collection="paper"))
    for language, title in models[0].languages.items():
        of = {"language": language}
        lines.append(_of("form_mass", f"{title}, all forms", percent, **of, form="any"))
        if not alike:
            lines.append(_of("keyword_string_mass", f"{title}, + split", percent, **of))
    rows = [[line.column.header, *map(line.cell, models)] for line in lines]
    columns = [Column(""), *(Column(model.label, "right") for model in models)]
    notes = (f"{ALL_FORMS}.", *(() if alike else (DIFFERENT_VOCABULARIES,)))
    return table("Side by side", columns, rows, notes=notes)


def _of(metric: str, header: str, write: Callable[[float], str], **members: str) -> Field:
    return number(header, lambda model: model.value(metric, **members), write)


def _differences(models: Sequence[ProbedModel]) -> Table:
    """Show how far each model's first start is from the first model's, token by token."""
    first, *others = models
    run = first.run
    refused = {n.model: REFUSED[n.values["why"]] for n in run.notes if n.code == "not-compared"}

    def bits(metric: str) -> Callable[[ProbedModel], float | None]:
        found = {row.model: row for row in run.select(metric, reference=first.info.id)}
        return lambda m: found[m.info.id].value / NATS_PER_BIT if m.info.id in found else None

    fields = (
        text("model", lambda m: m.label),
        number("JS", bits("jensen_shannon"), probability, unit="bit"),
        number("KL", bits("kl"), probability, unit="bit"),
        text("not measured", lambda m: refused.get(m.info.id, "")),
    )
    return listing(f"Against {first.label}, token by token", fields, others)
