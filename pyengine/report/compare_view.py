"""`pyengine compare` as a document: verdicts in words, then tables, then where it differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pyengine.choose.verdicts import (
    Pair,
    divergence,
    kl_floor,
    pairs,
    reference_of,
    standing_out,
    variants_of,
)
from pyengine.report.document import Block, Document, Facts, Paragraph, Section
from pyengine.report.listing import by_group, listing
from pyengine.report.measured import Numbers, Part, measured_cell
from pyengine.report.numbers import count, percent
from pyengine.report.origin import provenance_facts
from pyengine.report.pieces import visible
from pyengine.report.sentences import (
    axis_sentence,
    pair_sentence,
    plain_verdict,
    scored_sentence,
    standing_out_sentence,
    verdict_sentences,
)
from pyengine.report.tables import Cell, Table
from pyengine.report.words import facts, note_sentence, say
from pyengine.run.measurement import members_of
from pyengine.run.record import Run

TEXT_BEFORE = 40
# Notes that stand where the answer does.
ANSWERING = (
    *("other-vocabulary", "variant-failed", "beyond-trained-context", "fitted-to-positions"),
    *("documents-left-out", "fewer-tokens"),
)


def compare_document(run: Run) -> Document:
    """Lay a comparison out: the answer, all variants side by side, then each in detail."""
    margin = float(run.options["margin"])
    numbers = Numbers(run)
    ids = [model.id for model in variants_of(run) if numbers.find("kl", model.id)]
    blocks: list[Block] = [_answer(run, margin)]
    if ids:
        blocks += _side_by_side(numbers, ids)
        blocks += [_pairs(numbers, margin)] if len(ids) > 1 else []
        blocks += _groups(numbers, ids)
    for model in variants_of(run):
        details = tuple(_details(numbers, model.id))
        if details:
            blocks.append(Section(model.id, details))
    blocks += [_method(run), provenance_facts(run.provenance)]
    return Document(f"{run.models[0].id} and its variants", tuple(blocks))


def model_card(run: Run) -> Document:
    """Return the table that goes into a model card, and how it was measured in two sentences."""
    numbers, margin = Numbers(run), float(run.options["margin"])
    verdicts = {
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
    ids = [*(model.id for model in variants_of(run)), *failed_ids(run)]
    rows = model_rows(numbers, ids, verdict=verdicts)
    source, tokens, documents = reference_of(run).id, 0, 0
    if run.population is not None:
        tokens, documents = run.population.n_tokens, run.population.n_scored_documents
    how = say(
        "answers",
        "model-card",
        source=source,
        tokens=tokens,
        documents=documents,
        made=run.provenance,
    )
    return Document(f"Quantizations of {source}", (listing("model-card", rows), Paragraph(how)))


def failed_ids(run: Run) -> list[str]:
    """Return the variants of which nothing was measured: they could not be opened."""
    known = {model.id for model in run.models}
    failed = [note.model for note in run.notes if note.code == "variant-failed"]
    return [variant for variant in failed if variant not in known]


def model_rows(
    numbers: Numbers,
    ids: Sequence[str],
    labels: Mapping[str, str] | None = None,
    **told: Mapping[str, Cell | str],
) -> list[Part]:
    """Return a row for each model: its name, its type, and what else is told of it."""
    types: dict[str, Cell | str] = {model.id: model.file_type for model in numbers.run.models}
    return [
        Part(
            numbers,
            model,
            None,
            name=Cell((labels or {}).get(model, model), model, "strong"),
            type=types.get(model),
            **{name: cells.get(model) for name, cells in told.items()},
        )
        for model in ids
    ]


def _answer(run: Run, margin: float) -> Paragraph:
    sentences = verdict_sentences(run, margin)
    sentences += [note_sentence(note) for note in run.notes if note.code in ANSWERING]
    if not sentences:
        sentences = ["Only starts were measured, so there is no verdict over text."]
    return Paragraph("\n".join(sentences), "strong")


def _side_by_side(numbers: Numbers, ids: Sequence[str]) -> Iterator[Table]:
    run = numbers.run
    notes = [note_sentence(note) for note in run.notes if note.code == "infinite-divergence"]
    ppl = numbers.find("ppl", run.models[0].id)
    if ppl is not None:
        notes.append(say("answers", "perplexity", ppl=ppl))
    yield listing("distances", model_rows(numbers, ids), notes=notes)
    yield from arithmetic(numbers)
    yield listing("other-distances", model_rows(numbers, ids))
    yield from _quantiles(numbers, ids)


def arithmetic(numbers: Numbers, labels: Mapping[str, str] | None = None) -> Iterator[Table]:
    """Yield the table of every model beside itself, computed in another order."""
    ids = [model.id for model in numbers.run.models if ("kl", model.id, "") in numbers.itself]
    if ids:
        n = numbers.itself["kl", ids[0], ""].n
        yield listing("arithmetic", model_rows(numbers, ids, labels), n=n)


def _quantiles(numbers: Numbers, ids: Sequence[str]) -> Iterator[Table]:
    means = ", ".join(
        f"{variant} {cell.text}"
        for variant in ids
        if isinstance(cell := Part(numbers, variant).cell({"metric": "delta_p"}), Cell)
    )
    notes = [say("answers", "delta-p", means=means)]
    made = by_group("quantiles", numbers, ids, _own_names(ids))
    if made is None:
        return
    if any(cell.text.startswith("≤") for row in made.rows for cell in row):
        notes.append("≤: no more than the same quantile of the file beside itself.")
    yield replace(made, notes=tuple(notes))


def difference_cells(numbers: Numbers, pair: Pair) -> dict[str, Any]:
    """Return how two divergences differ: the difference, its interval, and their ratio."""
    column, row = {"metric": "kl_difference"}, pair.difference
    return {
        "difference": measured_cell(row, column, numbers.floor(row)),
        "interval": measured_cell(row, {**column, "part": "interval"}),
        "ratio": measured_cell(pair.ratio, {"part": "range"}),
    }


def _pairs(numbers: Numbers, margin: float) -> Table:
    found = pairs(numbers.run, margin)
    rows = [
        {
            **difference_cells(numbers, pair),
            "first": pair.first,
            "second": pair.second,
            "p_holm": pair.p_holm,
            "verdict": Cell(
                pair.verdict, tone="strong" if pair.verdict == "different" else "plain"
            ),
        }
        for pair in found
    ]
    notes = [pair_sentence(pair, margin) for pair in found if pair.verdict != "different"]
    notes.append(say("answers", "equivalent", margin=margin))
    return listing("pairs", rows, notes=notes)


def _groups(numbers: Numbers, ids: Sequence[str]) -> Iterator[Table]:
    for dimension in ("language", "class", "confidence"):
        told = [_standing_out(numbers, variant) for variant in ids] if dimension == "class" else []
        notes = [note for note in told if note]
        made = by_group(f"by-{dimension}", numbers, ids, _own_names(ids))
        if made is not None:
            yield replace(made, notes=(*made.notes, *notes))


def _standing_out(numbers: Numbers, variant: str) -> str:
    mean = numbers.find("kl", variant)
    assert mean is not None
    parts = [
        (members_of(group)["class"], part)
        for group in numbers.groups(["kl", "same_first_choice"], [variant], ["class"])
        if (part := numbers.find("kl", variant, group))
    ]
    return standing_out_sentence(variant, *standing_out(mean, parts, numbers.floor(mean)))


def _details(numbers: Numbers, variant: str) -> Iterator[Block]:
    run = numbers.run
    positions = run.shown("position", variant)
    continuations = run.shown("continuation", variant)
    made = (
        by_group("keywords", numbers, [variant]),
        by_group("starts", numbers, [variant]),
        listing("positions", map(_position, positions)) if positions else None,
        listing("continuations", map(_continuation, continuations)) if continuations else None,
        by_group("bits-per-byte", numbers, [variant]),
        by_group("keyword-strings", numbers, [variant]),
    )
    yield from (table for table in made if table is not None)


def _position(spot: Mapping[str, Any]) -> dict[str, Any]:
    offset = spot["byte_offset"]
    return {
        "kl": spot["kl"],
        "place": f"{spot['document']}{'' if offset is None else f':{offset}'} ({spot['class']})",
        "before": visible(spot["before"][-TEXT_BEFORE:]),
        "target": visible(spot["target"]),
        "reference": _wanted(spot["reference_top"][0]),
        "variant": _wanted(spot["variant_top"][0]),
    }


def _wanted(choice: Mapping[str, Any]) -> str:
    return f"{visible(choice['text'])} {percent(choice['probability'], 0)}"


def _continuation(c: Mapping[str, Any]) -> dict[str, Any]:
    first = c["first_divergence"]
    return {
        "document": c["document"],
        "n_prompt": c["n_prompt"],
        "same": f"all {c['n_generated']}" if first is None else count(first),
        "agreed": visible(c["agreed"][-TEXT_BEFORE:]),
        "reference": None if first is None else visible(c["reference_next"]),
        "variant": None if first is None else visible(c["variant_next"]),
    }


def _own_names(ids: Sequence[str]) -> dict[str, str]:
    return {model: model for model in ids}


def _method(run: Run) -> Facts:
    reference = run.models[0]
    pairs = [("reference", f"{reference.path}, {reference.file_type}, SHA-256 {reference.sha256}")]
    for exhibit in run.exhibits:
        if exhibit.kind == "axis":
            pairs.append((exhibit.model, axis_sentence(exhibit.content)))
    return Facts("Method", (*pairs, *corpus_facts(run), *control_facts(run)))


def corpus_facts(run: Run) -> list[tuple[str, str]]:
    """Say which documents were scored, how, and what ended it."""
    p = run.population
    if p is None:
        return []
    ended = [("ended", note_sentence(note)) for note in run.notes if note.code == "stopped-early"]
    return [*facts("corpus", p=p, scored=scored_sentence(p)).pairs, *ended]


def control_facts(run: Run) -> list[tuple[str, str]]:
    """Say how every model was computed twice."""
    reference = run.models[0].id
    rows = run.select("kl", model=reference, reference=reference)
    if not rows:
        return []
    computed: dict[str, Any] = next(iter(run.shown("control", reference)), {})
    largest = next((row.value for row in rows if row.group == "quantile=1"), None)
    again = [
        f"{name.replace('_', ' ')} {value}" for name, value in computed.get("again", {}).items()
    ]
    told = facts("control", kl=rows[0], largest=largest, other=again, **computed)
    return list(told.pairs)
