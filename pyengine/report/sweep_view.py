"""`pyengine sweep` as a document: the table, what may be said of neighbours, and the timings."""

from __future__ import annotations

import math
from collections.abc import Mapping

from pyengine.choose.verdicts import Pair, by_size, reference_of, smaller_and_closer, steps
from pyengine.report.compare_view import (
    arithmetic,
    control_facts,
    corpus_facts,
    memory,
    model_rows,
)
from pyengine.report.document import Block, Document, Facts, Paragraph
from pyengine.report.listing import listing
from pyengine.report.measured import Numbers, measured_cell
from pyengine.report.numbers import counted, size
from pyengine.report.origin import importance_facts, provenance_facts
from pyengine.report.sentences import comparison, notes
from pyengine.report.tables import Cell, Table, Tone
from pyengine.report.words import facts
from pyengine.run.record import Run


def sweep_document(run: Run, timings: Run | None = None) -> Document:
    """Lay a sweep out; without timings where only its record is there."""
    margin = float(run.options["margin"])
    numbers = Numbers(run, *([timings] if timings else []))
    labels = variant_labels(run)
    found = steps(run, margin)
    answer = [comparison.sweep_sentence(run, labels), *comparison.joint_sentences(run)]
    blocks: list[Block] = [Paragraph("\n".join(answer), "strong"), _variants(numbers, labels)]
    blocks += [*arithmetic(numbers, labels), *memory(run)]
    if found:
        blocks.append(_steps(run, labels, found, margin))
    told = notes.note_sentences([*run.notes, *(timings.notes if timings else ())])
    if told:
        blocks.append(Paragraph("\n".join(told), "warn"))
    if timings and timings.models:
        blocks.append(_speeds(numbers, timings, labels))
    blocks += [_method(numbers), provenance_facts(run.provenance)]
    return Document(f"Variants of {reference_of(run).id}", tuple(blocks))


def speed_document(timings: Run) -> Document:
    """Lay timings out alone, where the record of their sweep is not at hand."""
    blocks: list[Block] = [Paragraph(comparison.speed_sentence(timings), "strong")]
    if timings.models:
        blocks.append(_speeds(Numbers(timings), timings, {}))
    blocks += [Paragraph(sentence, "warn") for sentence in notes.note_sentences(timings.notes)]
    return Document("Timings of a sweep", (*blocks, provenance_facts(timings.provenance)))


def belong_together(run: Run, timings: Run) -> bool:
    """Tell whether all timings are of files of a sweep."""
    return {model.sha256 for model in timings.models} <= {model.sha256 for model in run.models}


def variant_labels(run: Run) -> dict[str, str]:
    """Return how variants are called beside their source: without its name, where it begins so."""
    source = reference_of(run).id
    ids = [*(model.id for model in run.models), *comparison.failed_ids(run)]
    return {
        variant: variant if variant == source else variant.removeprefix(f"{source}-") or variant
        for variant in ids
    }


def _variants(numbers: Numbers, labels: Mapping[str, str]) -> Table:
    run = numbers.run
    ids, beaten = [*by_size(run), *comparison.failed_ids(run)], smaller_and_closer(run)
    tones: dict[str, Tone] = dict.fromkeys(beaten, "warn")
    for note in run.notes:
        if note.code in ("variant-failed", "other-vocabulary"):
            tones[note.model] = "bad"
    words = {name: comparison.standing_words(run, name) for name in ids}
    damages = {name: Cell(words[name], tone=tones.get(name, "plain")) for name in ids}
    below = [
        *comparison.source_bits_sentences(run),
        *comparison.padding_sentences(run),
        *comparison.beaten_sentences(run, labels),
    ]
    rows = model_rows(numbers, [reference_of(run).id, *ids], labels, damage=damages)
    return listing("variants", rows, notes=below)


def _steps(run: Run, labels: Mapping[str, str], found: Mapping[str, Pair], margin: float) -> Table:
    rows = [
        {
            "variant": labels[variant],
            "against": labels[pair.second],
            "ratio": measured_cell(pair.ratio, {"part": "range"}),
            "p_holm": pair.p_holm,
            "told": comparison.step_words(pair, margin),
        }
        for variant, pair in found.items()
    ]
    return listing("steps", rows, notes=[comparison.pairs_sentence(run, margin)])


def _speeds(numbers: Numbers, timings: Run, labels: Mapping[str, str]) -> Table:
    timed = [model.id for model in timings.models]
    empty = [row.value for row in timings.select("empty_memory")]
    run = numbers.run
    ordered = [name for name in (run.models[0].id, *by_size(run)) if name in timed]
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
    keywords = facts("keywords", mass=mass.value if mass and math.isfinite(mass.value) else None)
    return Facts("Method", (*pairs, *keywords.pairs))
