"""What sets the models of an evaluation apart: differences, tasks that change sides, links."""

from collections.abc import Mapping, Sequence

from pyengine.codegen.records import EvaluationResult, PairedRecord
from pyengine.reports.evaluate_cells import Write, listed, with_interval
from pyengine.reports.numbers import signed, significant
from pyengine.reports.tables import Align, Block, Cell, CellLike, Column, Table, table

RIGHT: Align = "right"
DIFFERENCES: dict[str, tuple[str, Write]] = {
    "pass_1": ("pass@1, points", lambda value: signed(100 * value, 1)),
    "parse_share": ("parse, points", lambda value: signed(100 * value, 1)),
    "reference_log_probability": ("log p, nats", lambda v: signed(v, 3)),
    "reference_bits_per_byte": ("bits per byte", lambda value: signed(value, 3)),
    "keyword_first": ("keywords first, points", lambda v: signed(100 * v, 1)),
}
DROPPED = {"keyword_first": 3, "parse_share": 2, "reference_bits_per_byte": 1}
TOKEN_NAMES = {
    "code_kl": "KL divergence on code",
    "keyword_mass_change": "keyword mass change on code",
    "cold_start_js": "cold-start JS divergence",
    "pkp": "PKP (keyword mass at the cold start)",
}
CODE_NAMES = {
    "pass_1": "pass@1",
    "parse_share": "solutions that parse",
    "reference_log_probability": "log-probability of references",
    "keyword_first": "keywords first",
    "edit_similarity": "edit similarity",
}


def differences_table(records: Sequence[PairedRecord], names: Mapping[str, str]) -> Table:
    """Show each variant minus the reference, task by task, with bootstrap intervals.

    names: what the models are called, by their paths.
    """
    keys = [key for key in DIFFERENCES if any(key in record.difference for record in records)]
    columns = [
        Column("Model", min_width=11),
        *(Column(DIFFERENCES[key][0], RIGHT, drop=DROPPED.get(key, 0)) for key in keys),
    ]
    rows = [
        [
            names.get(record.model, record.model),
            *(with_interval(record.difference.get(key), DIFFERENCES[key][1]) for key in keys),
        ]
        for record in records
    ]
    note = (
        "Over the same tasks and seeds, 95 % intervals by resampling tasks (of shares in which no "
        "task differs: Wilson's); points are percentage points."
    )
    reference = records[0].reference
    title = f"Difference to {names.get(reference, reference)}"
    return table(title, columns, rows, notes=[note])


def flips_table(records: Sequence[PairedRecord], names: Mapping[str, str]) -> Table:
    """Show which tasks change sides, by name."""
    rows: list[Sequence[CellLike]] = [
        (
            names.get(record.model, record.model),
            Cell(str(len(record.lost)), len(record.lost)),
            Cell(str(len(record.gained)), len(record.gained)),
            Cell(significant(record.mcnemar_p), record.mcnemar_p),
            listed(record.lost) or None,
            listed(record.gained) or None,
        )
        for record in records
    ]
    columns = [
        Column("Model"),
        Column("Lost", RIGHT),
        Column("Gained", RIGHT),
        Column("McNemar p", RIGHT),
        Column("Tasks lost", drop=1, name="lost_names"),
        Column("Tasks gained", drop=2, name="gained_names"),
    ]
    note = "A task counts as solved where at least half of its samples pass; p is exact."
    return table("Tasks that change sides", columns, rows, notes=[note])


def links(result: EvaluationResult) -> list[Block]:
    """Show the rank correlations of token-level measures with code quality, if there are any."""
    if not result.links:
        return []
    rows: list[Sequence[CellLike]] = [
        (
            TOKEN_NAMES.get(item.token_measure, item.token_measure),
            CODE_NAMES.get(item.code_measure, item.code_measure),
            with_interval(item.rho, lambda value: signed(value, 2)),
            Cell(str(item.n_variants), item.n_variants),
            item.verdict,
        )
        for item in result.links
    ]
    columns = [
        Column("Token-level measure"),
        Column("Code measure"),
        Column("Spearman's rho", RIGHT),
        Column("Variants", RIGHT),
        Column("In words"),
    ]
    notes = [
        f"{len(rows)} intervals of 95 % each: about one in twenty misses zero by chance alone. "
        "The reference is left out.",
        "Keywords on code are the language's, bare or after a space; PKP's are the paper's, bare.",
    ]
    return [table("Do token-level changes go along with code quality?", columns, rows, notes=notes)]
