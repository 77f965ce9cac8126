"""`pyengine compare` as a document: verdicts in words, then tables, then where it differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pyengine.choose.verdicts import pairs, reference_of, variants_of
from pyengine.report.document import Block, Document, Facts, Paragraph, Section
from pyengine.report.listing import by_group, listing
from pyengine.report.measured import Numbers, Part, measured_cell
from pyengine.report.numbers import count, percent
from pyengine.report.origin import provenance_facts
from pyengine.report.pieces import place_words, visible
from pyengine.report.sentences import comparison, notes, scored
from pyengine.report.tables import Cell, Table
from pyengine.report.words import facts
from pyengine.run.record import Run

TEXT_BEFORE = 40


def compare_document(run: Run) -> Document:
    """Lay a comparison out: the answer, all variants side by side, then each in detail."""
    margin = float(run.options["margin"])
    numbers = Numbers(run)
    ids = [model.id for model in variants_of(run) if numbers.find("kl", model.id)]
    blocks: list[Block] = [
        Paragraph("\n".join(comparison.compare_sentences(run, margin)), "strong")
    ]
    if ids:
        blocks += _side_by_side(numbers, ids)
        blocks += [_pairs(numbers, margin)] if len(ids) > 1 else []
        blocks += memory(run)
        blocks += _groups(numbers, ids)
    for model in variants_of(run):
        details = tuple(_details(numbers, model.id))
        if details:
            blocks.append(Section(model.id, details))
    blocks += [_method(run), provenance_facts(run.provenance)]
    return Document(f"{run.models[0].id} and its variants", tuple(blocks))


def model_card(run: Run) -> Document:
    """Return the table that goes into a model card, and how it was measured in two sentences."""
    ids = [*(model.id for model in variants_of(run)), *comparison.failed_ids(run)]
    verdicts = {variant: comparison.damage_words(run, variant) for variant in ids}
    rows = model_rows(Numbers(run), ids, verdict=verdicts)
    title = f"Quantizations of {reference_of(run).id}"
    return Document(title, (listing("model-card", rows), Paragraph(comparison.card_sentence(run))))


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


def _side_by_side(numbers: Numbers, ids: Sequence[str]) -> Iterator[Table]:
    run = numbers.run
    told = [*notes.infinite_sentences(run), *comparison.perplexity_sentences(run)]
    yield listing("distances", model_rows(numbers, ids), notes=told)
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
    means = [
        f"{variant} {cell.text}"
        for variant in ids
        if isinstance(cell := Part(numbers, variant).cell({"metric": "delta_p"}), Cell)
    ]
    made = by_group("quantiles", numbers, ids, _own_names(ids))
    if made is not None:
        texts = [cell.text for row in made.rows for cell in row]
        yield replace(made, notes=tuple(comparison.quantile_sentences(numbers.run, means, texts)))


def _pairs(numbers: Numbers, margin: float) -> Table:
    rows = [
        {
            "first": pair.first,
            "second": pair.second,
            "ratio": measured_cell(pair.ratio, {"part": "range"}),
            "p_holm": pair.p_holm,
            "verdict": Cell(comparison.pair_words(pair), tone="strong" if pair.apart else "plain"),
        }
        for pair in (pair.from_the_farther() for pair in pairs(numbers.run, margin))
    ]
    return listing("pairs", rows, notes=[comparison.pairs_sentence(numbers.run, margin)])


def memory(run: Run) -> list[Table]:
    """Return what every model takes with its settings, where that was forecast."""
    memory, cache = (
        {row.model: row for row in run.select(metric, dimension="context")}
        for metric in ("memory_forecast", "cache_forecast")
    )
    first = run.models[0].id
    if first not in memory:
        return []
    rows = [
        {
            "name": model,
            "memory": row.value,
            "cache": cache[model].value,
            "saved": None if model == first else memory[first].value - row.value,
        }
        for model, row in memory.items()
    ]
    context = int(memory[first].members["context"])
    return [listing("memory", rows, context=context, reference=first)]


def _groups(numbers: Numbers, ids: Sequence[str]) -> Iterator[Table]:
    for dimension in ("position", "language", "class", "confidence"):
        named = ids if dimension in ("language", "class") else ()
        told = comparison.standing_out_sentences(numbers.run, named, dimension)
        made = by_group(f"by-{dimension}", numbers, ids, _own_names(ids))
        if made is not None:
            yield replace(made, notes=(*made.notes, *told))


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
    return {
        "kl": spot["kl"],
        "place": f"{place_words(spot)} ({spot['class']})",
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
    named = f"{reference.path}{reference.variant}"
    pairs = [("reference", f"{named}, {reference.file_type}, SHA-256 {reference.sha256}")]
    for exhibit in run.exhibits:
        if exhibit.kind == "axis":
            pairs.append((exhibit.model, comparison.axis_sentence(exhibit.content)))
    return Facts("Method", (*pairs, *corpus_facts(run), *control_facts(run)))


def corpus_facts(run: Run) -> list[tuple[str, str]]:
    """Say which documents were scored, how, and what ended it."""
    p = run.population
    if p is None:
        return []
    words = {"scored": scored.scored_sentence(p), "scale": comparison.scale_sentence()}
    words |= {"looks": scored.looks_sentence(p), "levels": scored.levels_sentence(p)}
    told = facts("corpus", p=p, ended=" ".join(notes.ended_sentences(run)), **words)
    return list(told.pairs)


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
