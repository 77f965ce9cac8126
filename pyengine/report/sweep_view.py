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
from pyengine.report.compare_view import control_facts, corpus_facts
from pyengine.report.document import Block, Document, Facts, Paragraph
from pyengine.report.measured import Cells, Part, Shown, TableView, Told
from pyengine.report.notes import note_sentence, warnings
from pyengine.report.numbers import count, counted, percent, significant, size
from pyengine.report.origin import importance_facts, provenance_facts
from pyengine.report.sentences import ANY_SPACING, NO_INTERVAL
from pyengine.report.tables import Cell, CellLike, Column, Field, Table, listing, number, text
from pyengine.run.record import ModelInfo, Run

WORDS = {"different": "worse", "equivalent": "same", "undecided": "undecided"}
QUALITY = (
    Shown("size", part="value"),
    Shown("bits_per_weight", "Bits", part="value"),
    Shown("kl", "KL", scale=1000.0, unit="10⁻³ nats"),
    Shown("same_first_choice", "Same first", part="value"),
    Shown("keyword_mass_change", "Keywords in any spacing", 2, "start=cold", part="value"),
    Shown("bits_per_byte", drop=1, part="value"),
)
SPEED = (
    Shown("load_seconds", drop=6, part="value"),
    Shown("peak_memory", drop=5, part="value"),
    Shown("prompt_speed", drop=4, part="value"),
    Shown("generation_speed", drop=3, part="value"),
)
SPEEDS = TableView(
    "Speed and memory",
    (
        Shown("load_seconds", part="value"),
        Shown("peak_memory", part="value"),
        Shown("prompt_speed", part="range"),
        Shown("generation_speed", part="range"),
    ),
)


def sweep_document(run: Run, timings: Run | None = None) -> Document:
    """Lay a sweep out; without timings where only its record is there."""
    margin = float(run.options["margin"])
    cells = Cells(run, *([timings] if timings else []))
    labels = variant_labels(run)
    found = steps(run, margin)
    blocks: list[Block] = [_answer(cells, labels, margin)]
    blocks.append(_variants(cells, labels, found, margin, timed=timings is not None))
    if found:
        blocks.append(_neighbours(cells, labels, found, margin))
    notes = [*run.notes, *(timings.notes if timings else ())]
    told = [note_sentence(note) for note in notes]
    if told:
        blocks.append(Paragraph("\n".join(told), "warn"))
    if timings and timings.models:
        blocks.append(_speeds(cells, timings, labels))
    blocks += [_method(cells), provenance_facts(run.provenance)]
    return Document(f"Variants of {reference_of(run).id}", tuple(blocks))


def speed_document(timings: Run) -> Document:
    """Lay timings out alone, where the record of their sweep is not at hand."""
    blocks: list[Block] = [
        Paragraph(
            f"Speeds of {counted(len(timings.models), 'model')}. Give results.json of the same "
            "sweep, too, to see them beside quality.",
            "strong",
        )
    ]
    if timings.models:
        blocks.append(_speeds(Cells(timings), timings, {}))
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


def failed_ids(run: Run) -> list[str]:
    """Return the variants of which nothing was measured: they could not be opened."""
    known = {model.id for model in run.models}
    failed = [note.model for note in run.notes if note.code == "variant-failed"]
    return [variant for variant in failed if variant not in known]


def from_large_to_small(models: Sequence[ModelInfo]) -> list[str]:
    """Return the reference, then the variants from the largest file to the smallest."""
    ordered = sorted(models[1:], key=lambda model: (-model.file_bytes, model.id))
    return [model.id for model in (models[0], *ordered)]


def _answer(cells: Cells, labels: Mapping[str, str], margin: float) -> Paragraph:
    run = cells.run
    known = {m.id: kl for m in variants_of(run) if (kl := divergence(run, m.id))}
    n = len(variants_of(run)) + len(failed_ids(run))
    tokens = run.population.n_tokens if run.population else 0
    head = f"{counted(n, 'variant')} over {counted(tokens, 'token')}."
    if known and not any(has_interval(kl) for kl in known.values()):
        return Paragraph(f"{head} {NO_INTERVAL.capitalize()}, so there is no verdict.", "strong")
    good = [m for m in variants_of(run) if m.id in known and known[m.id].high <= margin]
    if not good:
        return Paragraph(f"{head} None stays within {margin:g} nats of the source.", "strong")
    smallest = min(good, key=lambda model: model.file_bytes)
    cell = cells.cell(known[smallest.id], Shown("kl"))
    assert isinstance(cell, Cell)
    return Paragraph(
        f"{head} The smallest that stays within {margin:g} nats per token of the source, by its "
        f"whole 95 % interval, is {labels[smallest.id]}: {size(smallest.file_bytes)}, KL "
        f"divergence {cell.text} nats.",
        "strong",
    )


def _variants(
    cells: Cells,
    labels: Mapping[str, str],
    found: Mapping[str, Pair],
    margin: float,
    *,
    timed: bool,
) -> Table:
    run = cells.run
    better = smaller_and_closer(run)
    verdicts: dict[str, CellLike] = {
        variant: Cell(
            WORDS[pair.verdict], pair.verdict, "plain" if pair.verdict == "different" else "dim"
        )
        for variant, pair in found.items()
    }
    for note in run.notes:
        if note.code in ("variant-failed", "other-vocabulary"):
            words = "failed" if note.code == "variant-failed" else "other vocabulary"
            verdicts[note.model] = Cell(words, note.code, "bad")
    verdicts |= {variant: Cell("beaten", "beaten", "warn") for variant in better}
    columns = (*QUALITY, Told("Verdict", verdicts), *(SPEED if timed else ()))
    notes = [
        "Source first, then from the largest file to the smallest. Bits: per weight. KL: mean "
        "divergence from the source, ± one standard error over documents.",
        "Same first: share of tokens with the same first choice. Keywords: change of the "
        "probability of all keywords at the cold start, in percentage points. "
        f"{ANY_SPACING}; `probe` shows bare keywords, and all forms, which adds other cases.",
        "Verdict: against the variant of the next smaller KL: worse (Holm-adjusted), same (within "
        f"{margin:g} nats) or undecided; beaten: another is no larger and has a smaller KL.",
        *_floor_note(cells),
        *_padding_note(cells),
        *(f"{labels[variant]} is beaten by {labels[by]}." for variant, by in better.items()),
    ]
    view = TableView("Variants", columns, notes=tuple(notes))
    return cells.model_table(view, [*from_large_to_small(run.models), *failed_ids(run)], labels)


def _floor_note(cells: Cells) -> list[str]:
    floor = cells.floors.of_reference("kl")
    if floor is None:
        return []
    return [
        "The source against itself, computed in another order, gives "
        f"{significant(floor)} nats (mean + 2 standard errors)."
    ]


def _padding_note(cells: Cells) -> list[str]:
    masses = [row.value for row in cells.run.select("padding_mass", group="")]
    if not masses or max(masses) <= 0:
        return []
    return [
        f"Tokens that stand for nothing would hold up to {percent(max(masses))} of the "
        "probability; they are masked."
    ]


def _neighbours(
    cells: Cells, labels: Mapping[str, str], found: Mapping[str, Pair], margin: float
) -> Table:
    fields = (
        text("Variant", lambda step: labels[step[0]]),
        text("Against", lambda step: labels[step[1].second]),
        Field(
            Column("Difference of KL", "right", "nats"), lambda step: _difference(cells, step[1])
        ),
        number("p (Holm)", lambda step: step[1].p_holm, significant),
        text("What may be said", lambda step: _sentence(step[1], margin)),
    )
    notes = ["95 % intervals of the paired difference over the same tokens, by document."]
    return listing("Neighbours in quality", fields, found.items(), notes=notes)


def _difference(cells: Cells, pair: Pair) -> CellLike:
    part: Part = "estimate" if cells.is_noise(pair.difference) else "interval"
    return cells.cell(pair.difference, Shown("kl_difference", part=part))


def _sentence(pair: Pair, margin: float) -> str:
    if pair.verdict == "different":
        return "worse"
    if pair.verdict == "equivalent":
        return f"the same within {margin:g} nats"
    told = f"cannot be told apart at {count(pair.difference.n)} tokens"
    if pair.more_tokens is None:
        return told
    return f"{told}; about {count(pair.more_tokens)} more would separate them"


def _speeds(cells: Cells, timings: Run, labels: Mapping[str, str]) -> Table:
    timed = [model.id for model in timings.models]
    empty = [row.value for row in timings.select("empty_memory")]
    options = timings.options
    notes = (
        f"{timings.provenance.cpu}, {counted(timings.provenance.threads, 'thread')}, one model at "
        f"a time. Median of {options['repeats']} and, in parentheses, the range; a prompt of "
        f"{options['prompt_tokens']} tokens, {options['generated_tokens']} generated.",
        "Load: with the file in the page cache. Memory: the process's largest resident size, "
        f"mapped weights included; {size(int(max(empty, default=0.0)))} of it before a model is "
        "opened.",
    )
    ordered = [variant for variant in from_large_to_small(cells.run.models) if variant in timed]
    return cells.model_table(TableView(SPEEDS.title, SPEEDS.columns, notes=notes), ordered, labels)


def _method(cells: Cells) -> Facts:
    run = cells.run
    reference = reference_of(run)
    pairs = [("source", f"{reference.path}, {reference.file_type}, SHA-256 {reference.sha256}")]
    pairs += [*importance_facts(run), *corpus_facts(run), *control_facts(run)]
    mass = cells.find("keyword_mass", reference.id, "start=cold")
    if mass is not None and math.isfinite(mass.value):
        pairs.append(("keywords of the source", f"{percent(mass.value)}, any spacing"))
    return Facts("Method", tuple(pairs))
