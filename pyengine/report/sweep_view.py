"""`pyengine sweep` as a document: the table, what may be said of neighbours, and the timings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pyengine.choose.verdicts import (
    Pair,
    divergence,
    has_interval,
    reference_of,
    smaller_and_closer,
    steps,
    variants_of,
)
from pyengine.report.compare_view import (
    arithmetic,
    control_facts,
    corpus_facts,
    difference_cells,
    failed_ids,
    model_rows,
)
from pyengine.report.document import Block, Document, Facts, Paragraph
from pyengine.report.listing import listing
from pyengine.report.measured import Numbers, Part
from pyengine.report.numbers import count, counted, percent, size
from pyengine.report.origin import importance_facts, provenance_facts
from pyengine.report.tables import Cell, Table
from pyengine.report.words import note_sentence, say, warnings
from pyengine.run.record import ModelInfo, Run

WORDS = {"different": "worse", "equivalent": "same", "undecided": "undecided"}


def sweep_document(run: Run, timings: Run | None = None) -> Document:
    """Lay a sweep out; without timings where only its record is there."""
    margin = float(run.options["margin"])
    numbers = Numbers(run, *([timings] if timings else []))
    labels = variant_labels(run)
    found = steps(run, margin)
    blocks: list[Block] = [_answer(numbers, labels, margin)]
    blocks.append(_variants(numbers, labels, found, margin))
    blocks += arithmetic(numbers, labels)
    if found:
        blocks.append(_neighbours(numbers, labels, found, margin))
    notes = [*run.notes, *(timings.notes if timings else ())]
    told = [note_sentence(note) for note in notes]
    if told:
        blocks.append(Paragraph("\n".join(told), "warn"))
    if timings and timings.models:
        blocks.append(_speeds(numbers, timings, labels))
    blocks += [_method(numbers), provenance_facts(run.provenance)]
    return Document(f"Variants of {reference_of(run).id}", tuple(blocks))


def speed_document(timings: Run) -> Document:
    """Lay timings out alone, where the record of their sweep is not at hand."""
    blocks: list[Block] = [Paragraph(say("answers", "speed", n=len(timings.models)), "strong")]
    if timings.models:
        blocks.append(_speeds(Numbers(timings), timings, {}))
    blocks += warnings(timings.notes)
    return Document("Timings of a sweep", (*blocks, provenance_facts(timings.provenance)))


def belong_together(run: Run, timings: Run) -> bool:
    """Tell whether all timings are of files of a sweep."""
    return {model.sha256 for model in timings.models} <= {model.sha256 for model in run.models}


def variant_labels(run: Run) -> dict[str, str]:
    """Return how variants are called beside their source: without its name, where it begins so."""
    source = reference_of(run).id
    ids = [*(model.id for model in run.models), *failed_ids(run)]
    return {
        variant: variant if variant == source else variant.removeprefix(f"{source}-") or variant
        for variant in ids
    }


def from_large_to_small(models: Sequence[ModelInfo]) -> list[str]:
    """Return the reference, then the variants from the largest file to the smallest."""
    ordered = sorted(models[1:], key=lambda model: (-model.file_bytes, model.id))
    return [model.id for model in (models[0], *ordered)]


def _answer(numbers: Numbers, labels: Mapping[str, str], margin: float) -> Paragraph:
    run = numbers.run
    known = {m.id: kl for m in variants_of(run) if (kl := divergence(run, m.id))}
    n = len(variants_of(run)) + len(failed_ids(run))
    tokens = run.population.n_tokens if run.population else 0
    values = {"n": n, "tokens": tokens, "margin": margin}
    if known and not any(has_interval(kl) for kl in known.values()):
        return Paragraph(say("answers", "sweep-no-interval", **values), "strong")
    good = [m for m in variants_of(run) if m.id in known and known[m.id].high <= margin]
    if not good:
        return Paragraph(say("answers", "sweep-none", **values), "strong")
    smallest = min(good, key=lambda model: model.file_bytes)
    cell = Part(numbers, smallest.id).cell({"metric": "kl"})
    assert isinstance(cell, Cell)
    named = {"label": labels[smallest.id], "model": smallest, "kl": cell.text}
    return Paragraph(say("answers", "sweep", **values, **named), "strong")


def _variants(
    numbers: Numbers, labels: Mapping[str, str], found: Mapping[str, Pair], margin: float
) -> Table:
    run = numbers.run
    better = smaller_and_closer(run)
    verdicts = {
        variant: Cell(
            WORDS[pair.verdict], pair.verdict, "plain" if pair.verdict == "different" else "dim"
        )
        for variant, pair in found.items()
    }
    for note in run.notes:
        if note.code in ("variant-failed", "other-vocabulary"):
            words = "failed" if note.code == "variant-failed" else "other vocabulary"
            verdicts[note.model] = Cell(words, note.code, "bad")
    for variant in better:
        words = f"{verdicts[variant].text}, beaten" if variant in verdicts else "beaten"
        verdicts[variant] = Cell(words, "beaten", "warn")
    notes = [
        *_padding_note(numbers),
        *(f"{labels[variant]} is beaten by {labels[by]}." for variant, by in better.items()),
    ]
    ids = [*from_large_to_small(run.models), *failed_ids(run)]
    rows = model_rows(numbers, ids, labels, verdict=verdicts)
    return listing("variants", rows, notes=notes, margin=margin)


def _padding_note(numbers: Numbers) -> list[str]:
    masses = [row.value for row in numbers.run.select("padding_mass", group="")]
    if not masses or max(masses) <= 0:
        return []
    return [say("answers", "padding", mass=max(masses))]


def _neighbours(
    numbers: Numbers, labels: Mapping[str, str], found: Mapping[str, Pair], margin: float
) -> Table:
    rows = []
    for variant, pair in found.items():
        cells, row = difference_cells(numbers, pair), pair.difference
        floor = numbers.floor(row)
        noise = floor is not None and abs(row.value) <= floor
        rows.append(
            {
                "variant": labels[variant],
                "against": labels[pair.second],
                "difference": cells["difference" if noise else "interval"],
                "ratio": cells["ratio"],
                "p_holm": pair.p_holm,
                "told": _sentence(pair, margin),
            }
        )
    return listing("neighbours", rows)


def _sentence(pair: Pair, margin: float) -> str:
    if pair.verdict == "different":
        return "worse"
    if pair.verdict == "equivalent":
        return f"the same within {margin:g} nats"
    told = f"cannot be told apart at {count(pair.difference.n)} tokens"
    if pair.more_documents is None:
        return told
    return f"{told}; about {counted(pair.more_documents, 'more document')} would separate them"


def _speeds(numbers: Numbers, timings: Run, labels: Mapping[str, str]) -> Table:
    timed = [model.id for model in timings.models]
    empty = [row.value for row in timings.select("empty_memory")]
    ordered = [variant for variant in from_large_to_small(numbers.run.models) if variant in timed]
    return listing(
        "speeds",
        model_rows(numbers, ordered, labels),
        cpu=timings.provenance.cpu,
        threads=counted(timings.provenance.threads, "thread"),
        empty=size(int(max(empty, default=0.0))),
        options=timings.options,
    )


def _method(numbers: Numbers) -> Facts:
    run = numbers.run
    reference = reference_of(run)
    pairs = [("source", f"{reference.path}, {reference.file_type}, SHA-256 {reference.sha256}")]
    pairs += [*importance_facts(run), *corpus_facts(run), *control_facts(run)]
    mass = numbers.find("keyword_mass", reference.id, "start=cold")
    if mass is not None and math.isfinite(mass.value):
        pairs.append(("keywords of the source", f"{percent(mass.value)}, any spacing"))
    return Facts("Method", tuple(pairs))
