"""`pyengine compare` as a document: verdicts in words, then tables, then where it differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pyengine.choose.verdicts import pairs, standing_out, variants_of
from pyengine.reports.compare_tables import (
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
from pyengine.reports.made_with import provenance_facts
from pyengine.reports.measured import CONTROL, Cells, Shown, TableView, Told
from pyengine.reports.numbers import count, counted, percent, significant
from pyengine.reports.pieces import visible
from pyengine.reports.sentences import (
    axis_sentence,
    note_sentence,
    pair_sentence,
    scored_sentence,
    standing_out_sentence,
    verdict_sentences,
)
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
    table,
)
from pyengine.run.measurement import members_of
from pyengine.run.record import Run

TEXT_BEFORE = 40
# Notes that stand where the answer does.
ANSWERING = (
    *("other-vocabulary", "variant-failed", "beyond-trained-context", "fitted-to-positions"),
    "documents-left-out",
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
        notes.append("≤: no more than the largest of the null control at any of its tokens.")
    return table(made.title, made.columns, made.rows, notes=notes)


def _pairs(cells: Cells, margin: float) -> Table:
    columns = (
        *(Column("First"), Column("Second")),
        Shown("kl_difference").column,
        Column("95 % interval", "right", drop=1),
        Column("p (Holm)", "right", name="p_holm", drop=2),
        Column("Verdict"),
    )
    found = pairs(cells.run, margin)
    rows = [
        (
            pair.first,
            pair.second,
            cells.cell(pair.difference, Shown("kl_difference")),
            cells.cell(pair.difference, Shown("kl_difference", part="interval")),
            Cell(significant(pair.p_holm, 2), pair.p_holm),
            Cell(pair.verdict, tone="strong" if pair.verdict == "different" else "plain"),
        )
        for pair in found
    ]
    notes = [pair_sentence(pair, margin) for pair in found if pair.verdict != "different"]
    notes.append(
        f"Equivalent: the whole interval lies within ±{margin:g} nats. p-values are corrected for "
        "the number of pairs."
    )
    return table("Variants against each other, on the same tokens", columns, rows, notes=notes)


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
    return standing_out_sentence(variant, *standing_out(mean, parts, cells.floors.get("kl")))


def _details(cells: Cells, variant: str) -> Iterator[Block]:
    run = cells.run
    for view in (KEYWORDS, STARTS):
        made = cells.member_table(view, [variant])
        if made is not None:
            yield made
    for kind, write in (("position", _positions), ("continuation", _continuations)):
        contents = run.shown(kind, variant)
        if contents:
            yield write(contents)
    for view in (BITS, STRINGS):
        made = cells.member_table(view, [variant])
        if made is not None:
            yield made


def _positions(contents: Sequence[dict[str, Any]]) -> Table:
    columns = (
        Column("KL", "right", "nats", name="kl"),
        Column("Where", drop=2),
        Column("Text before"),
        Column("Then", name="target"),
        Column("Reference wants", name="reference_top"),
        Column("Variant wants", name="variant_top"),
    )
    rows: list[list[CellLike]] = []
    for spot in contents:
        offset = spot["byte_offset"]
        place = "" if offset is None else f":{offset}"
        rows.append(
            [
                Cell(significant(spot["kl"]), spot["kl"]),
                f"{spot['document']}{place} ({spot['class']})",
                visible(spot["before"][-TEXT_BEFORE:]),
                visible(spot["target"]),
                *(_wants(spot[top][0]) for top in ("reference_top", "variant_top")),
            ]
        )
    return table("Where it differs most", columns, rows)


def _wants(choice: dict[str, Any]) -> str:
    return f"{visible(choice['text'])} {percent(choice['probability'], 0)}"


def _continuations(contents: Sequence[dict[str, Any]]) -> Table:
    columns = (
        Column("Document"),
        Column("Given", "right", "tokens", drop=2),
        Column("Same for", "right", "tokens", name="same_for"),
        Column("Agreed text", drop=1),
        Column("Reference"),
        Column("Variant"),
    )
    rows: list[list[CellLike]] = []
    for c in contents:
        never = c["first_divergence"] is None
        same = c["n_generated"] if never else c["first_divergence"]
        rows.append(
            [
                c["document"],
                Cell(count(c["n_prompt"]), c["n_prompt"]),
                Cell(f"all {same}" if never else count(same), same),
                visible(c["agreed"][-TEXT_BEFORE:]),
                None if never else visible(c["reference_next"]),
                None if never else visible(c["variant_next"]),
            ]
        )
    return table("First divergence of greedy continuations", columns, rows)


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
    kl = next((r for r in run.select("kl", group="") if r.model == r.reference), None)
    if kl is None:
        return []
    told = f"the reference twice over {counted(kl.n, 'token')}"
    for content in run.shown("control"):
        usual, again = content["usual"], content["again"]
        told += (
            f": micro-batches of {usual['n_ubatch']} and {again['n_ubatch']} tokens, "
            f"{usual['threads']} and {again['threads']} threads"
        )
    largest = [r.value for r in run.select("kl", group="quantile=1") if r.model == r.reference]
    told += "; the floor is |mean| + 2 standard errors"
    if largest:
        told += f"; largest KL at a token {significant(largest[0])}"
    return [("null control", told)]
