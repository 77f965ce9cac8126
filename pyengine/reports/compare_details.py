"""Tables about one variant: keywords, starts, where it differs, and other vocabularies."""

from collections.abc import Sequence

from pyengine.comparison.records import (
    BitsRecord,
    EstimateRecord,
    NullRecord,
    SpotRecord,
    VariantRecord,
)
from pyengine.reports.keyword_forms import ANY_SPACING
from pyengine.reports.numbers import (
    at_most,
    count,
    counted,
    fixed,
    percent,
    significant,
    with_error,
)
from pyengine.reports.pieces import visible
from pyengine.reports.tables import Cell, Column, Table, table

TEXT_BEFORE = 40


def floor_of(null: NullRecord | None, *names: str) -> float | None:
    """Return the noise floor of the first of these measures that the control has."""
    known = [] if null is None else [null.floors[name] for name in names if name in null.floors]
    return known[0] if known else None


def estimate(record: EstimateRecord | None, floor: float | None = None) -> Cell:
    """Write a mean ± its clustered error, or `≤ floor` where it does not rise above it."""
    if record is None:
        return Cell("–")
    if floor is not None and abs(record.value) <= floor:
        return Cell(at_most(abs(record.value), floor), record.value, "dim")
    return Cell(with_error(record.value, record.se_clustered), record.value)


def unknown_errors(rows: Sequence[Sequence[Cell]]) -> list[str]:
    """Explain a standard error that cannot be had, where a cell shows one."""
    shown = any(cell.text.endswith("± ?") for row in rows for cell in row)
    return ["“± ?”: all of it comes from one document."] if shown else []


def keywords_table(variant: VariantRecord, null: NullRecord | None) -> Table | None:
    """Show what happened to each language's keywords in its own documents."""
    if not variant.keywords:
        return None
    columns = (
        Column("Language"),
        Column("Keyword tokens", "right", drop=1),
        Column("Positions", "right", drop=2),
        Column("Mass in the reference", "right", name="mass_reference"),
        Column("Change", "right", name="mass_change"),
        Column("KL among keywords", "right", "nats", name="kl"),
    )
    rows = [
        (
            Cell(k.language),
            Cell(count(k.n_tokens), k.n_tokens),
            Cell(count(k.n), k.n),
            Cell(percent(k.mass_reference.value), k.mass_reference.value),
            points(k.mass_change, floor_of(null, "keyword_mass_change")),
            estimate(k.kl, floor_of(null, "keyword_kl", "kl")),
        )
        for k in variant.keywords
    ]
    notes = [
        "Change in percentage points. The KL divergence is between both distributions cut "
        "down to the keyword tokens and renormalised.",
        f"{ANY_SPACING}; other cases do not count.",
        *unknown_errors(rows),
    ]
    return table(
        "Keywords in any spacing, in their language's documents", columns, rows, notes=notes
    )


def points(change: EstimateRecord, floor: float | None) -> Cell:
    """Write a change of a probability, in percentage points, or `≤ floor`."""
    if floor is not None and abs(change.value) <= floor:
        return Cell(at_most(100 * abs(change.value), 100 * floor), change.value, "dim")
    return Cell(with_error(100 * change.value, 100 * change.se_clustered), change.value)


def starts_table(variant: VariantRecord, null: NullRecord | None) -> Table | None:
    """Show cold and warm starts."""
    if not variant.starts:
        return None
    kl_floor, variation_floor = floor_of(null, "kl"), floor_of(null, "total_variation")
    names = {"cold": "nothing", "keyword": "one keyword", "sequence": "all keywords"}
    columns = (
        Column("After"),
        Column("Language"),
        Column("Contexts", "right", drop=2),
        Column("KL", "right", "nats", name="kl"),
        Column("Total variation", "right", name="total_variation", drop=1),
        Column("Same top", "right", name="same_top"),
        Column("Keywords in any spacing", "right", name="keyword_mass"),
        Column("in reference", "right", name="keyword_mass_reference"),
    )
    rows = [
        (
            Cell(names[s.kind]),
            Cell(s.language),
            Cell(count(s.n_contexts), s.n_contexts),
            Cell(at_most(s.kl, kl_floor), s.kl),
            Cell(at_most(s.total_variation, variation_floor), s.total_variation),
            Cell(percent(s.same_top, 0), s.same_top),
            Cell(percent(s.keyword_mass_variant), s.keyword_mass_variant),
            Cell(percent(s.keyword_mass_reference), s.keyword_mass_reference),
        )
        for s in variant.starts
    ]
    notes = [
        "One keyword: mean over contexts of one keyword each. These are exact values of "
        "single distributions, so they have no standard error.",
        f"{ANY_SPACING}; `probe` shows bare keywords, and all forms, which adds other cases.",
    ]
    return table("Cold and warm starts", columns, rows, notes=notes)


def spots_table(variant: VariantRecord) -> Table | None:
    """Show the positions of largest divergence."""
    if not variant.spots:
        return None
    columns = (
        Column("KL", "right", "nats", name="kl"),
        Column("Where", drop=2),
        Column("Text before"),
        Column("Then", name="target"),
        Column("Reference wants", name="reference_top"),
        Column("Variant wants", name="variant_top"),
    )
    rows = [_spot_row(spot) for spot in variant.spots]
    return table("Where it differs most", columns, rows)


def _spot_row(spot: SpotRecord) -> tuple[Cell, ...]:
    place = "" if spot.byte_offset is None else f":{spot.byte_offset}"
    return (
        Cell(significant(spot.kl), spot.kl),
        Cell(f"{spot.document}{place} ({spot.token_class})"),
        Cell(visible(spot.before[-TEXT_BEFORE:])),
        Cell(visible(spot.target)),
        Cell(_wants(spot.reference_top[0].text, spot.reference_top[0].probability)),
        Cell(_wants(spot.variant_top[0].text, spot.variant_top[0].probability)),
    )


def _wants(text: str, probability: float) -> str:
    return f"{visible(text)} {percent(probability, 0)}"


def continuations_table(variant: VariantRecord) -> Table | None:
    """Show where greedy continuations part."""
    if not variant.continuations:
        return None
    columns = (
        Column("Document"),
        Column("Given", "right", "tokens", drop=2),
        Column("Same for", "right", "tokens", name="same_for"),
        Column("Agreed text", drop=1),
        Column("Reference"),
        Column("Variant"),
    )
    rows = []
    for c in variant.continuations:
        never = c.first_divergence is None
        same = c.n_generated if c.first_divergence is None else c.first_divergence
        rows.append(
            (
                Cell(c.document),
                Cell(count(c.n_prompt), c.n_prompt),
                Cell(f"all {same}" if never else count(same), same),
                Cell(visible(c.agreed[-TEXT_BEFORE:])),
                Cell("–" if never else visible(c.reference_next)),
                Cell("–" if never else visible(c.variant_next)),
            )
        )
    return table("First divergence of greedy continuations", columns, rows)


def foreign_tables(variant: VariantRecord) -> list[Table]:
    """Show what can be compared across vocabularies."""
    tables = []
    if variant.bits_per_byte is not None:
        tables.append(_bits_table(variant.bits_per_byte))
    if variant.strings:
        columns = (
            Column("Language"),
            Column("Keywords", "right"),
            Column("Sum in reference", "right", name="total_reference"),
            Column("Sum in variant", "right", name="total_variant"),
            Column("Mean ln ratio", "right", name="mean_log_ratio"),
        )
        rows = [
            (
                Cell(s.language),
                Cell(count(s.n_keywords), s.n_keywords),
                Cell(percent(s.total_reference), s.total_reference),
                Cell(percent(s.total_variant), s.total_variant),
                Cell(fixed(s.mean_log_ratio), s.mean_log_ratio),
            )
            for s in variant.strings
        ]
        notes = [
            "P(a text begins with the keyword), by the chain rule over each model's own "
            "tokens, from its natural start; summed over keywords."
        ]
        tables.append(table("Keywords as strings", columns, rows, notes=notes))
    return tables


def _bits_table(bits: BitsRecord) -> Table:
    columns = (Column("Model"), Column("Bits per byte", "right"))
    rows = [
        ("reference", _bits_cell(bits.reference)),
        ("variant", _bits_cell(bits.variant)),
        ("difference", _bits_cell(bits.difference)),
    ]
    notes = [
        f"Over the same {count(bits.n_bytes)} bytes of "
        f"{counted(bits.reference.n_clusters, 'document')}; ± by document."
    ]
    return table("Bits per byte", columns, rows, notes=notes)


def _bits_cell(record: EstimateRecord) -> Cell:
    return Cell(with_error(record.value, record.se_clustered), record.value)
