"""`pyengine probe` as a document: the answer in words, then tables, then method."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pyengine.report.document import Block, Document, Facts, Paragraph, Section
from pyengine.report.listing import listing
from pyengine.report.measured import Part
from pyengine.report.numbers import (
    count,
    fixed,
    percent,
    probability,
    significant,
    size,
)
from pyengine.report.origin import provenance_facts
from pyengine.report.pieces import visible
from pyengine.report.probed import ProbedModel, fed, probed_models, shown
from pyengine.report.sentences import notes, starts
from pyengine.report.tables import Table, measured
from pyengine.report.words import facts
from pyengine.run.record import Run

BAR_WIDTH = 16
# The paper's metrics, and how each is written.
PAPER: Mapping[str, Callable[[float], str]] = {
    **dict.fromkeys(("pkp", "kap", "stp", "nlp"), probability),
    "coverage": percent,
}


def probe_document(run: Run) -> Document:
    """Lay a probe out: one model in full, or several side by side and then each in full."""
    models = probed_models(run)
    beyond = notes.note_sentences(run.notes, ["beyond-trained-context"])
    told = [Paragraph(sentence, "warn") for sentence in beyond]
    origin = provenance_facts(run.provenance)
    if len(models) == 1:
        opening, *rest = _model_blocks(models[0])
        return Document(f"Cold start of {models[0].info.name}", (opening, *told, *rest, origin))
    sections = tuple(Section(model.label, _model_blocks(model)) for model in models)
    compared = (_side_by_side(models), _differences(models))
    return Document(
        f"Cold starts of {len(models)} models",
        (
            Paragraph(starts.first_choices_sentence(models), "strong"),
            *told,
            *compared,
            *sections,
            origin,
        ),
    )


def _model_blocks(model: ProbedModel) -> tuple[Block, ...]:
    return (
        Paragraph(starts.probe_sentence(model), "strong"),
        _model_facts(model),
        *model_tables(model),
    )


def _model_facts(probed: ProbedModel) -> Facts:
    model, start = probed.info, probed.starts[0]
    ids = ", ".join(map(str, start["ids"]))
    return facts(
        "What was measured",
        model=model,
        pre=starts.pre_tokenizer_words(model),
        pieces=" ".join(map(visible, start["pieces"])),
        ids=ids,
        reason=starts.reason_words(start["reason"]),
    )


def model_tables(model: ProbedModel) -> tuple[Table, ...]:
    """Return the tables of one model."""
    classes = sorted(
        model.names("class_mass", "class"),
        key=lambda name: -(model.value("class_mass", **{"class": name}) or 0.0),
    )
    return (
        _top_tokens(model),
        _starts(model),
        _languages(model),
        _leave_one_out(model),
        listing(
            "probe-classes",
            [Part(model.numbers, model.model, {"class": name}, name=name) for name in classes],
        ),
        _paper(model),
        _items(model),
        listing("probe-ranks", model.parts(list(model.languages))),
        _indentation(model),
    )


def _top_tokens(model: ProbedModel) -> Table:
    """List the most probable tokens with a bar each."""
    start, top = model.starts[0], model.top
    largest = top[0]["probability"] if top else 1.0
    rows = [
        {
            **_token(token),
            "place": place,
            "bar": _bar(token["probability"] / largest if largest else 0.0),
        }
        for place, token in enumerate(top, start=1)
    ]
    padding, control = (model.of_start(f"{name}_mass", start) for name in ("padding", "control"))
    return listing("first-tokens", rows, padding=percent(padding), control=percent(control))


def _token(token: Mapping[str, Any]) -> dict[str, Any]:
    return {"token": shown(token), "id": token["token"], "probability": token["probability"]}


def _starts(model: ProbedModel) -> Table:
    """Show how far the answer depends on where one starts."""
    against = model.starts[0]["name"]
    masses = [model.of_start("form_mass", start, form="bare") for start in model.starts]
    rows = [
        Part(
            model.numbers,
            model.model,
            {"start": s["name"]},
            name=s["name"],
            fed=fed(s),
            top=shown(s["top"][0]) if s["top"] else "",
            p=s["top"][0]["probability"] if s["top"] else None,
            bare=mass,
            js=model.of_start("jensen_shannon", s, against=against),
        )
        for s, mass in zip(model.starts, masses, strict=True)
    ]
    return listing("probe-starts", rows, least=percent(min(masses)), most=percent(max(masses)))


def _languages(model: ProbedModel) -> Table:
    """Show every language's keyword mass beside what it must be held against."""
    draws = max((model.n("random_p", language=name) for name in model.languages), default=0)
    notes = starts.keyword_sentences(model)
    return listing("probe-languages", model.parts(model.by_mass), notes=notes, draws=count(draws))


def _leave_one_out(model: ProbedModel) -> Table:
    """Show how much of each language's mass is one word."""
    left: dict[str, Any] = {
        one["language"]: one["words"] for one in model.run.shown("leave-one-out", model.model)
    }
    rows = []
    for name in model.by_mass:
        none: dict[str, Any] = {}
        best, second = [*left[name], none, none][:2]
        rows.append(
            {
                "language": model.languages[name],
                "best": best.get("word"),
                "share": best.get("share"),
                "second": second.get("word"),
                "second_share": second.get("share"),
                "without": best.get("mass_without"),
            }
        )
    return listing("one-word", rows)


def _paper(model: ProbedModel) -> Table:
    """Show the paper's metrics under the paper's definitions."""
    rows = []
    for metric, write in PAPER.items():
        of = {"collection": "paper"} | ({"form": "bare"} if metric == "coverage" else {})
        rows.append(
            {
                "metric": metric if metric == "coverage" else metric.upper(),
                "value": measured(model.value(metric, **of), write),
                "what": starts.paper_words(metric, model.n(metric, **of)),
            }
        )
    return listing("paper-metrics", rows)


def _items(model: ProbedModel) -> Table:
    """Show how few tokens carry a group's mass."""
    (needed,) = model.run.shown("items-needed", model.model)
    shares = [percent(share, 0) for share in needed["shares"]]
    groups = {"keywords": "keywords", "tokens with punctuation": "special_tokens"}
    rows = [
        {"group": title, **dict(zip(shares, needed[name], strict=True))}
        for title, name in groups.items()
    ]
    more = [{"head": share, "of": share, "write": "whole"} for share in shares]
    return listing("items-needed", rows, more=more)


def _indentation(model: ProbedModel) -> Table:
    """Show the most probable white-space tokens."""
    (tokens,) = (
        one["tokens"]
        for one in model.run.shown("set-tokens", model.model)
        if one["set"] == "indentation"
    )
    return listing("probe-indentation", map(_token, tokens[:6]))


def _top_token(token: Mapping[str, Any]) -> str:
    return f"{shown(token)} {percent(token['probability'])}"


def _bar(share: float) -> str:
    if not math.isfinite(share):
        return ""
    eighths = round(share * BAR_WIDTH * 8)
    full, rest = divmod(eighths, 8)
    return "█" * full + ("▏▎▍▌▋▊▉"[rest - 1] if rest else "")


def _side_by_side(models: Sequence[ProbedModel]) -> Table:
    """Put the models beside each other, metric by metric.

    Between different vocabularies only what is defined over strings is set side by side.
    """
    alike = starts.same_vocabulary(models)

    def of(metric: str, write: Callable[[float], str], **members: str) -> list[Any]:
        return [measured(m.value(metric, **members), write) for m in models]

    lines: list[tuple[str, list[Any]]] = [
        ("file type", [m.info.file_type for m in models]),
        ("size", [size(m.info.file_bytes) for m in models]),
        ("fed (ids)", [fed(m.starts[0]) for m in models]),
        ("top token", [_top_token(m.top[0]) if m.top else None for m in models]),
    ]
    if alike:
        effective = [m.of_start("effective_tokens", m.starts[0]) for m in models]
        entropies = [m.of_start("entropy", m.starts[0]) for m in models]
        lines.append(("entropy [nats]", list(map(fixed, entropies))))
        lines.append(("effective tokens", list(map(significant, effective))))
    for metric in ("pkp", "stp", "nlp"):
        lines.append((metric.upper(), of(metric, probability, collection="paper")))
    for name, title in models[0].languages.items():
        masses = of("form_mass", percent, language=name, form="any")
        lines.append((f"{title}, all forms", masses))
        if not alike:
            split = of("keyword_string_mass", percent, language=name)
            lines.append((f"{title}, + split", split))
    rows: list[dict[Any, Any]] = [
        {"name": title, **dict(enumerate(cells))} for title, cells in lines
    ]
    more = [{"label": m.label, "of": i, "align": "right"} for i, m in enumerate(models)]
    return listing("probe-side-by-side", rows, more=more, notes=starts.vocabulary_sentences(models))


def _differences(models: Sequence[ProbedModel]) -> Table:
    """Show how far each model's first start is from the first model's, token by token."""
    first, *others = models
    run = first.run

    js, kl = (
        {row.model: row.value for row in run.select(metric, reference=first.model)}
        for metric in ("jensen_shannon", "kl")
    )
    rows = [
        {
            "model": m.label,
            "js": js.get(m.model),
            "kl": kl.get(m.model),
            "refused": starts.not_compared_words(run, m.model),
        }
        for m in others
    ]
    return listing("probe-against", rows, first=first.label)
