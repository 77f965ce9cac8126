"""`pyengine compare` as a document: verdicts in words, then tables, then where it differs."""

from collections.abc import Callable, Sequence

from pyengine.comparison.records import (
    ComparisonResult,
    Divergences,
    GroupRecord,
    NullRecord,
    VariantRecord,
)
from pyengine.reports.compare_details import (
    continuations_table,
    estimate,
    floor_of,
    foreign_tables,
    keywords_table,
    spots_table,
    starts_table,
    unknown_errors,
)
from pyengine.reports.compare_quantiles import quantiles_table
from pyengine.reports.notes import note_paragraphs
from pyengine.reports.numbers import (
    count,
    counted,
    fixed,
    interval,
    percent,
    significant,
)
from pyengine.reports.probe_view import provenance_facts
from pyengine.reports.tables import (
    Block,
    Cell,
    Column,
    Document,
    Facts,
    Paragraph,
    Section,
    Table,
    table,
)

ERRORS = (
    "± is the standard error clustered by document; (±) takes tokens as independent, as "
    "llama-perplexity does, and is too small where tokens of a document resemble each other."
)


def compare_document(result: ComparisonResult) -> Document:
    """Lay a comparison out: the answer, all variants side by side, then each in detail."""
    kindred = [variant for variant in result.variants if variant.overall is not None]
    blocks: list[Block] = [_answer(result), *note_paragraphs(result.notes)]
    if kindred:
        blocks += [
            _overview(kindred, result),
            _predictions(kindred, result.null),
            quantiles_table(kindred, result.null),
        ]
    if result.pairs:
        blocks.append(_pairs(result))
    if kindred:
        blocks += [
            _groups("By language", kindred, lambda v: v.by_language, result),
            _groups("By class of token", kindred, lambda v: v.by_class, result, sentences=True),
            _groups("By confidence of the reference", kindred, lambda v: v.by_confidence, result),
        ]
    for variant in result.variants:
        details = _details(variant, result.null)
        if details:
            blocks.append(Section(variant.label, tuple(details)))
    blocks += [_method(result), provenance_facts(result.provenance)]
    return Document(f"{result.reference.name} and its variants", tuple(blocks))


def _answer(result: ComparisonResult) -> Paragraph:
    sentences = [variant.verdict for variant in result.variants if variant.verdict]
    sentences += [reason + "." for variant in result.variants for reason in variant.refused]
    if not sentences:
        sentences = ["Only starts were measured, so there is no verdict over text."]
    return Paragraph("\n".join(sentences), "strong")


def _overview(kindred: Sequence[VariantRecord], result: ComparisonResult) -> Table:
    columns = (
        Column("Variant"),
        Column("Type", drop=2),
        Column("Bits per weight", "right", name="bits_per_weight", drop=1),
        Column("KL divergence", "right", "nats", name="kl"),
        Column("(±)", "right", name="kl_se_independent", drop=3),
        Column("95 % interval", "right", drop=4),
        Column("Same top", "right", name="same_top"),
        Column("ln PPL ratio", "right", name="log_ppl_ratio", drop=1),
        Column("Δp RMS", "right", name="delta_p_rms", drop=2),
    )
    rows = [_overview_row(variant, result.null) for variant in kindred]
    rows += [_null_row(result.null)] if result.null else []
    first = kindred[0].overall
    notes = [ERRORS, *unknown_errors(rows)]
    if first is not None:
        notes.append(
            f"Perplexity of the reference: {significant(first.ppl_reference, 5)} over "
            f"{count(first.n)} tokens, from exact logits."
        )
    if result.scope is not None and result.scope.plan == "cache":
        notes.append("From a compact copy of the reference: divergences are lower bounds.")
    notes += [
        f"{variant.label}: {variant.overall.kl.n_infinite} tokens have infinite KL divergence and "
        "are left out of the mean."
        for variant in kindred
        if variant.overall is not None and variant.overall.kl.n_infinite
    ]
    return table("Distance from the reference", columns, rows, notes=notes)


def _overview_row(variant: VariantRecord, null: NullRecord | None) -> tuple[Cell, ...]:
    overall = _overall(variant)
    kl = overall.kl.mean
    return (
        Cell(variant.label, tone="strong"),
        Cell(variant.model.file_type),
        Cell(fixed(variant.model.bits_per_weight), variant.model.bits_per_weight),
        estimate(kl, floor_of(null, "kl")),
        Cell(significant(kl.se_independent, 2), kl.se_independent),
        Cell(interval(max(kl.low, 0.0), kl.high)),
        Cell(percent(overall.same_top.value, 2), overall.same_top.value),
        estimate(overall.log_ppl_ratio, floor_of(null, "log_ppl_ratio")),
        Cell(
            _share_at_most(overall.delta_p.rms, floor_of(null, "delta_p")),
            overall.delta_p.rms,
        ),
    )


def _null_row(null: NullRecord) -> tuple[Cell, ...]:
    def dim(text: str, value: float | None = None) -> Cell:
        return Cell(text, value, "dim")

    return (
        dim("null control"),
        dim("the reference itself"),
        dim("–"),
        dim(_floor(null.floors["kl"]), null.floors["kl"]),
        dim("–"),
        dim("–"),
        dim(percent(null.same_top, 2), null.same_top),
        dim(_floor(null.floors["log_ppl_ratio"]), null.floors["log_ppl_ratio"]),
        dim(_share_floor(null.floors["delta_p"]), null.floors["delta_p"]),
    )


def _share_floor(value: float) -> str:
    return f"≤ {percent(value)}" if value else _floor(0.0)


def _floor(value: float) -> str:
    return f"≤ {significant(value, 2)}" if value else "0, every bit equal"


def _share_at_most(value: float, floor: float | None) -> str:
    small = floor is not None and value <= floor
    return f"≤ {percent(floor or 0.0)}" if small else percent(value)


def _overall(variant: VariantRecord) -> Divergences:
    assert variant.overall is not None
    return variant.overall


def _predictions(kindred: Sequence[VariantRecord], null: NullRecord | None) -> Table:
    columns = (
        Column("Variant"),
        Column("Reverse KL", "right", name="kl_reverse"),
        Column("Jensen–Shannon", "right", name="jensen_shannon"),
        Column("Total variation", "right", name="total_variation", drop=1),
        Column("Hellinger", "right", name="hellinger", drop=1),
        Column("Top 5", "right", name="overlap_5", drop=2),
        Column("Top 10", "right", name="overlap_10"),
        Column("Top 50", "right", name="overlap_50", drop=3),
        Column("Kendall τ", "right", name="rank_correlation"),
        Column("Entropy change", "right", "nats", name="entropy_change", drop=1),
        Column("ln rank change", "right", name="rank_change", drop=4),
        Column("Padding mass", "right", name="padding_mass", drop=5),
    )
    rows = []
    for variant in kindred:
        o = _overall(variant)
        tau, rank = o.rank_correlation, o.rank_change
        rows.append(
            (
                Cell(variant.label, tone="strong"),
                estimate(o.kl_reverse, floor_of(null, "kl_reverse")),
                estimate(o.jensen_shannon, floor_of(null, "jensen_shannon")),
                estimate(o.total_variation, floor_of(null, "total_variation")),
                estimate(o.hellinger, floor_of(null, "hellinger")),
                *(
                    Cell(percent(o.overlap[k].value, 1), o.overlap[k].value)
                    for k in ("5", "10", "50")
                ),
                Cell(fixed(tau.value, 3), tau.value) if tau else Cell("–"),
                estimate(o.entropy_change, floor_of(null, "entropy_change")),
                estimate(rank, floor_of(null, "rank_change")),
                Cell(significant(o.padding_mass_variant, 2), o.padding_mass_variant),
            )
        )
    notes = [
        "Nats; total variation, Hellinger distance and overlaps lie between 0 and 1.",
        "Top k: share of the reference's k most probable tokens that are among the variant's. "
        "τ: Kendall's tau-b over the reference's 50 most probable tokens.",
    ]
    return table("Other distances", columns, rows, notes=notes)


def _pairs(result: ComparisonResult) -> Table:
    columns = (
        Column("First"),
        Column("Second"),
        Column("KL difference", "right", "nats", name="kl_difference"),
        Column("95 % interval", "right", drop=1),
        Column("p (Holm)", "right", name="p_holm", drop=2),
        Column("Verdict"),
    )
    rows = [
        (
            Cell(pair.first),
            Cell(pair.second),
            estimate(pair.difference, floor_of(result.null, "kl")),
            Cell(interval(pair.difference.low, pair.difference.high)),
            Cell(significant(pair.p_holm, 2), pair.p_holm),
            Cell(pair.verdict, tone="strong" if pair.verdict == "different" else "plain"),
        )
        for pair in result.pairs
    ]
    notes = [pair.words for pair in result.pairs if pair.verdict != "different"]
    notes.append(
        f"Equivalent: the whole interval lies within ±{result.margin:g} nats. "
        "p-values are corrected for the number of pairs."
    )
    return table("Variants against each other, on the same tokens", columns, rows, notes=notes)


def _groups(
    title: str,
    kindred: Sequence[VariantRecord],
    pick: Callable[[VariantRecord], list[GroupRecord]],
    result: ComparisonResult,
    *,
    sentences: bool = False,
) -> Table:
    floor = floor_of(result.null, "kl")
    columns = [Column("Part"), Column("Tokens", "right", drop=1)]
    for variant in kindred:
        columns.append(Column(f"KL {variant.label}", "right", "nats"))
        columns.append(Column(f"Same top {variant.label}", "right", drop=2))
    rows = []
    for i, first in enumerate(pick(kindred[0])):
        cells: list[Cell] = [Cell(first.name), Cell(count(first.n), first.n)]
        for variant in kindred:
            part = pick(variant)[i]
            cells.append(estimate(part.kl, floor))
            cells.append(Cell(percent(part.same_top.value, 1), part.same_top.value))
        rows.append(cells)
    notes = unknown_errors(rows)
    if sentences:
        said = [_standing_out(variant, pick(variant), floor) for variant in kindred]
        notes += [sentence for sentence in said if sentence]
    return table(title, columns, rows, notes=notes)


def _standing_out(variant: VariantRecord, parts: Sequence[GroupRecord], floor: float | None) -> str:
    """Say which parts a variant changes less or more than the average token."""
    mean = _overall(variant).kl.mean.value
    if floor is not None and mean <= floor:
        return ""
    known = [(part.name, part.kl) for part in parts if part.kl is not None]
    less = ", ".join(name for name, kl in known if kl.high < mean)
    more = ", ".join(name for name, kl in known if kl.low > mean)
    if not less and not more:
        return ""
    return (
        f"{variant.label} changes less than the average token: {less or 'none'}; more: "
        f"{more or 'none'} (by the whole 95 % interval, one at a time)."
    )


def _details(variant: VariantRecord, null: NullRecord | None) -> list[Block]:
    tables = (
        keywords_table(variant, null),
        starts_table(variant, null),
        spots_table(variant),
        continuations_table(variant),
    )
    return [*(block for block in tables if block is not None), *foreign_tables(variant)]


def _method(result: ComparisonResult) -> Facts:
    reference = result.reference
    pairs = [("reference", f"{reference.path}, {reference.file_type}, SHA-256 {reference.sha256}")]
    for variant in result.variants:
        axis = variant.axis
        pairs.append((variant.label, f"{axis.kind}: {axis.meaning} ({axis.reason})"))
    if result.corpus is not None:
        c = result.corpus
        pairs.append(
            (
                "corpus",
                f"{c.origin}: {counted(c.n_documents, 'document')}, {c.n_bytes:,} bytes, "
                f"SHA-256 {c.sha256}",
            )
        )
    if result.scope is not None:
        s = result.scope
        windows, documents = counted(s.n_windows, "window"), counted(s.n_documents, "document")
        scored = f"{counted(s.n_tokens, 'token')} in {windows} of {documents}"
        pairs += [
            ("scored", f"{scored}. {s.words}"),
            ("ended", s.stopped),
            ("memory", f"{s.plan} ({s.plan_reason})"),
        ]
    if result.null is not None:
        n = result.null
        pairs.append(
            (
                "null control",
                f"the reference twice over {counted(n.n, 'token')}: batches of {n.n_ubatch[0]} "
                f"and {n.n_ubatch[1]} tokens, {n.threads[0]} and {n.threads[1]} threads; "
                f"the floor is |mean| + 2 standard errors; largest KL at a token "
                f"{significant(n.largest['kl'])}",
            )
        )
    return Facts("Method", tuple(pairs))
