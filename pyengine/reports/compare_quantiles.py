"""How KL divergence and Δp are spread over tokens, at the levels that llama-perplexity prints."""

from collections.abc import Sequence

from pyengine.comparison.records import Divergences, NullRecord, VariantRecord
from pyengine.reports.compare_details import floor_of, points
from pyengine.reports.numbers import at_most, significant
from pyengine.reports.tables import Cell, Column, Table, table

# Levels as the record spells them; KL has no quartiles there.
SHOWN = (
    *("1", "0.999", "0.99", "0.95", "0.9", "0.75", "0.5"),
    *("0.25", "0.1", "0.05", "0.01", "0.001", "0"),
)
NAMES = {"1": "maximum", "0.5": "median", "0": "minimum"}


def quantiles_table(kindred: Sequence[VariantRecord], null: NullRecord | None) -> Table:
    """Show the quantiles of KL and Δp, a pair of columns for each variant."""
    pairs = [(v.label, v.overall) for v in kindred if v.overall is not None]
    columns = [Column("Quantile")]
    for label, _ in pairs:
        columns.append(Column(f"KL {label}", "right", "nats"))
        columns.append(Column(f"Δp {label}", "right", "pp", drop=1))
    rows = []
    for level in SHOWN:
        name = NAMES.get(level, f"{100 * float(level):g} %")
        cells = (cell for _, overall in pairs for cell in _at(level, overall, null))
        rows.append([Cell(name), *cells])
    notes = [
        "Δp: probability of the token that followed in the variant, less that in the reference, "
        f"in percentage points. Mean: {', '.join(_mean(*pair, null) for pair in pairs)}."
    ]
    if any(cell.text.startswith("≤") for row in rows for cell in row):
        notes.append("≤: no more than the largest of the null control at any of its tokens.")
    return table("Distribution over tokens", columns, rows, notes=notes)


def _mean(label: str, overall: Divergences, null: NullRecord | None) -> str:
    return f"{label} {points(overall.delta_p.mean, floor_of(null, 'delta_p')).text}"


def _at(level: str, overall: Divergences, null: NullRecord | None) -> tuple[Cell, Cell]:
    largest = {} if null is None else null.largest
    kl, change = overall.kl.quantiles.get(level), overall.delta_p.quantiles.get(level)
    return (
        Cell("–") if kl is None else Cell(at_most(kl, largest.get("kl")), kl),
        Cell("–") if change is None else Cell(_in_points(change, largest.get("delta_p")), change),
    )


def _in_points(change: float, floor: float | None) -> str:
    if floor is not None and abs(change) <= floor:
        return at_most(100 * abs(change), 100 * floor)
    return significant(100 * change)
