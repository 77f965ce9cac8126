"""`pyengine compare` as a document: verdicts in words, then tables, then where it differs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pyengine.choose.verdicts import pairs, standing_out, variants_of
from pyengine.report.compare_tables import (
    BITS,
    BY_CLASS,
    BY_CONFIDENCE,
    BY_LANGUAGE,
    DISTANCES,
    KEYWORDS,
    OTHERS,
    QUANTILES,
    STARTS,
    STRINGS,
)
from pyengine.report.document import Block, Document, Facts, Paragraph, Section
from pyengine.report.measured import CONTROL, Cells, Shown, TableView, Told
from pyengine.report.notes import note_sentence
from pyengine.report.numbers import count, counted, percent, significant
from pyengine.report.origin import provenance_facts
from pyengine.report.pieces import visible
from pyengine.report.sentences import (
    axis_sentence,
    pair_sentence,
    scored_sentence,
    standing_out_sentence,
    verdict_sentences,
)
from pyengine.report.tables import (
    Cell,
    CellLike,
    Column,
    Field,
    Table,
    listing,
    number,
    table,
    text,
)
from pyengine.run.measurement import members_of
from pyengine.run.record import Run

TEXT_BEFORE = 40
# Notes that stand where the answer does.
ANSWERING = (
    *("other-vocabulary", "variant-failed", "beyond-trained-context", "fitted-to-positions"),
    "documents-left-out",
)


def _place(spot: dict[str, Any]) -> str:
    offset = spot["byte_offset"]
    return f"{spot['document']}{'' if offset is None else f':{offset}'} ({spot['class']})"


def _wants(top: str) -> Callable[[dict[str, Any]], str]:
    def first(spot: dict[str, Any]) -> str:
        choice = spot[top][0]
        return f"{visible(choice['text'])} {percent(choice['probability'], 0)}"

    return first


def _same_for(c: dict[str, Any]) -> str:
    never = c["first_divergence"] is None
    return f"all {c['n_generated']}" if never else count(c["first_divergence"])


def _next(model: str) -> Callable[[dict[str, Any]], str | None]:
    return lambda c: None if c["first_divergence"] is None else visible(c[f"{model}_next"])


POSITIONS = (
    number("KL", lambda spot: spot["kl"], significant, unit="nats"),
    text("Where", _place, drop=2),
    text("Text before", lambda spot: visible(spot["before"][-TEXT_BEFORE:])),
    text("Then", lambda spot: visible(spot["target"])),
    text("Reference wants", _wants("reference_top")),
    text("Variant wants", _wants("variant_top")),
)
CONTINUATIONS = (
    text("Document", lambda c: c["document"]),
    number("Given", lambda c: c["n_prompt"], count, unit="tokens", drop=2),
    Field(Column("Same for", "right", "tokens"), _same_for),
    text("Agreed text", lambda c: visible(c["agreed"][-TEXT_BEFORE:]), drop=1),
    text("Reference", _next("reference")),
    text("Variant", _next("variant")),
)


def compare_document(run: Run) -> Document:
    """Lay a comparison out: the answer, all variants side by side, then each in detail."""
    margin = float(run.options["margin"])
    cells = Cells(run)
    labels = {model.id: model.id for model in run.models}
    ids = [model.id for model in variants_of(run) if cells.find("kl", model.id)]
    blocks: list[Block] = [_answer(run, margin)]
    if ids:
        blocks += _side_by_side(cells, ids, labels)
        blocks += [_pairs(cells, margin)] if len(ids) > 1 else []
        blocks += _groups(cells, ids, labels)
    for model in variants_of(run):
        details = list(_details(cells, model.id))
        if details:
            blocks.append(Section(model.id, tuple(details)))
    blocks += [_method(run), provenance_facts(run.provenance)]
    return Document(f"{run.models[0].id} and its variants", tuple(blocks))


def _answer(run: Run, margin: float) -> Paragraph:
    sentences = verdict_sentences(run, margin)
    sentences += [note_sentence(note) for note in run.notes if note.code in ANSWERING]
    if not sentences:
        sentences = ["Only starts were measured, so there is no verdict over text."]
    return Paragraph("\n".join(sentences), "strong")


def _side_by_side(cells: Cells, ids: Sequence[str], labels: Mapping[str, str]) -> Iterator[Table]:
    run = cells.run
    types: dict[str, CellLike] = {model.id: model.file_type for model in run.models}
    types[CONTROL] = Cell("the reference itself", tone="dim")
    control = [CONTROL] if cells.find("kl", CONTROL) else []
    notes = [note_sentence(note) for note in run.notes if note.code == "infinite-divergence"]
    ppl = cells.find("ppl", run.models[0].id)
    if ppl is not None:
        notes.append(
            f"Perplexity of the reference: {significant(ppl.value, 5)} over {count(ppl.n)} "
            "tokens, from exact logits."
        )
    first = TableView(
        DISTANCES.title,
        (Told("Type", types, drop=2), *DISTANCES.columns),
        notes=(*DISTANCES.notes, *notes),
    )
    yield cells.model_table(first, [*ids, *control], labels)
    yield cells.model_table(OTHERS, ids, labels)
    yield _quantiles(cells, ids, labels)


def _quantiles(cells: Cells, ids: Sequence[str], labels: Mapping[str, str]) -> Table:
    means = ", ".join(
        f"{variant} {cell.text}"
        for variant in ids
        if isinstance(cell := cells.cell(cells.find("delta_p", variant), Shown("delta_p")), Cell)
    )
    made = cells.member_table(QUANTILES, ids, labels)
    assert made is not None
    notes = [
        "Δp: probability of the token that followed in the variant, less that in the reference, "
        f"in percentage points. Mean: {means}."
    ]
    if any(cell.text.startswith("≤") for row in made.rows for cell in row):
        notes.append("≤: no more than the same quantile of the file beside itself.")
    return table(made.title, made.columns, made.rows, notes=notes)


def _pairs(cells: Cells, margin: float) -> Table:
    estimate, interval = Shown("kl_difference"), Shown("kl_difference", part="interval")
    fields = (
        text("First", lambda pair: pair.first),
        text("Second", lambda pair: pair.second),
        Field(estimate.column, lambda pair: cells.cell(pair.difference, estimate)),
        Field(
            Column("95 % interval", "right", drop=1),
            lambda pair: cells.cell(pair.difference, interval),
        ),
        number("p (Holm)", lambda pair: pair.p_holm, lambda p: significant(p, 2), drop=2),
        Field(
            Column("Verdict"),
            lambda pair: Cell(
                pair.verdict, tone="strong" if pair.verdict == "different" else "plain"
            ),
        ),
    )
    found = pairs(cells.run, margin)
    notes = [pair_sentence(pair, margin) for pair in found if pair.verdict != "different"]
    notes.append(
        f"Equivalent: the whole interval lies within ±{margin:g} nats. p-values are corrected for "
        "the number of pairs."
    )
    return listing("Variants against each other, on the same tokens", fields, found, notes=notes)


def _groups(cells: Cells, ids: Sequence[str], labels: Mapping[str, str]) -> Iterator[Table]:
    for view in (BY_LANGUAGE, BY_CLASS, BY_CONFIDENCE):
        made = cells.member_table(view, ids, labels)
        if made is None:
            continue
        notes = [_standing_out(cells, view, variant) for variant in ids] if view is BY_CLASS else []
        notes = [*made.notes, *(note for note in notes if note)]
        yield table(made.title, made.columns, made.rows, notes=notes)


def _standing_out(cells: Cells, view: TableView, variant: str) -> str:
    mean = cells.find("kl", variant)
    assert mean is not None
    parts = [
        (members_of(group)[view.rows[0]], part)
        for group in cells.members(view, [variant])
        if (part := cells.find("kl", variant, group))
    ]
    return standing_out_sentence(variant, *standing_out(mean, parts, cells.floors.of(mean)))


def _details(cells: Cells, variant: str) -> Iterator[Block]:
    run = cells.run
    for view in (KEYWORDS, STARTS):
        made = cells.member_table(view, [variant])
        if made is not None:
            yield made
    for kind, title, fields in (
        ("position", "Where it differs most", POSITIONS),
        ("continuation", "First divergence of greedy continuations", CONTINUATIONS),
    ):
        contents = run.shown(kind, variant)
        if contents:
            yield listing(title, fields, contents)
    for view in (BITS, STRINGS):
        made = cells.member_table(view, [variant])
        if made is not None:
            yield made


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
    ended = [note_sentence(note) for note in run.notes if note.code == "stopped-early"]
    return [
        (
            "corpus",
            f"{p.origin}: {counted(p.n_documents, 'document')}, {p.n_bytes:,} bytes, SHA-256 "
            f"{p.sha256}",
        ),
        ("scored", scored_sentence(p)),
        *(("ended", sentence) for sentence in ended),
    ]


def control_facts(run: Run) -> list[tuple[str, str]]:
    """Say what the null control was."""
    reference = run.models[0].id
    rows = run.select("kl", model=reference, reference=reference)
    if not rows:
        return []
    kl = rows[0]
    told = f"every model twice over {counted(kl.n, 'token')}"
    for content in run.shown("control")[:1]:
        told += f": first with {_order(content['usual'])}, then with {_order(content['again'])}"
    largest = [row.value for row in rows if row.group == "quantile=1"]
    told += "; the floor is |mean| + 2 standard errors"
    if largest:
        told += f"; largest KL of the reference at a token {significant(largest[0])}"
    return [("null control", told)]


def _order(settings: Mapping[str, object]) -> str:
    """Name the settings that decide in which order sums are computed."""
    words = {"flash_attention": "flash attention {}", "n_ubatch": "micro-batches of {} tokens"}
    told = [text.format(settings[name]) for name, text in words.items() if name in settings]
    return " and ".join(told)
