"""What sets the models of an evaluation apart: differences, tasks that change sides, links."""

from __future__ import annotations

from collections.abc import Sequence

from pyengine.reports.evaluate_cells import Write, listed, number, with_interval
from pyengine.reports.evaluate_words import correlation_verdict
from pyengine.reports.numbers import signed, significant
from pyengine.reports.tables import Align, Block, Cell, CellLike, Column, Table, table
from pyengine.run.record import Run

RIGHT: Align = "right"
DIFFERENCES: dict[str, tuple[str, Write]] = {
    "pass_at_1_change": ("pass@1, points", lambda value: signed(100 * value, 1)),
    "parse_share_change": ("parse, points", lambda value: signed(100 * value, 1)),
    "reference_log_probability_change": ("log p, nats", lambda v: signed(v, 3)),
    "reference_bits_per_byte_change": ("bits per byte", lambda value: signed(value, 3)),
    "keyword_first_change": ("keywords first, points", lambda v: signed(100 * v, 1)),
}
DROPPED = {
    "keyword_first_change": 3,
    "parse_share_change": 2,
    "reference_bits_per_byte_change": 1,
}
TOKEN_NAMES = {
    "kl": "KL divergence on code",
    "keyword_mass_shift": "keyword mass change on code",
    "jensen_shannon": "cold-start JS divergence",
    "pkp": "PKP (keyword mass at the cold start)",
}
CODE_NAMES = {
    "pass_at_1": "pass@1",
    "parse_share": "solutions that parse",
    "reference_log_probability": "log-probability of references",
    "keyword_first": "keywords first",
    "edit_similarity": "edit similarity",
}


def differences_table(run: Run) -> Table:
    """Show each variant minus the reference, task by task, with bootstrap intervals."""
    reference, *variants = run.models
    keys = [key for key in DIFFERENCES if run.select(key)]
    columns = [
        Column("Model", min_width=11),
        *(Column(DIFFERENCES[key][0], RIGHT, drop=DROPPED.get(key, 0)) for key in keys),
    ]
    rows: list[Sequence[CellLike]] = [
        (
            model.id,
            *(with_interval(run.find(key, model.id), DIFFERENCES[key][1]) for key in keys),
        )
        for model in variants
    ]
    note = (
        "Over the same tasks and seeds, 95 % intervals by resampling tasks (of shares in which no "
        "task differs: Wilson's); points are percentage points."
    )
    return table(f"Difference to {reference.id}", columns, rows, notes=[note])


def flips_table(run: Run) -> Table:
    """Show which tasks change sides, by name."""
    rows: list[Sequence[CellLike]] = []
    for model in run.models[1:]:
        for flips in run.shown("flips", model.id):
            lost, gained = flips["lost"], flips["gained"]
            rows.append(
                (
                    model.id,
                    Cell(str(len(lost)), len(lost)),
                    Cell(str(len(gained)), len(gained)),
                    number(run.find("mcnemar_p", model.id), significant),
                    listed(lost) or None,
                    listed(gained) or None,
                )
            )
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


def links(run: Run) -> list[Block]:
    """Show the rank correlations of token-level measures with code quality, if there are any."""
    found = run.select("rank_agreement")
    if not found:
        return []
    rows: list[Sequence[CellLike]] = [
        (
            TOKEN_NAMES.get(row.members["token"], row.members["token"]),
            CODE_NAMES.get(row.members["code"], row.members["code"]),
            with_interval(row, lambda value: signed(value, 2)),
            Cell(str(row.n), row.n),
            correlation_verdict(row),
        )
        for row in found
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
        "Keywords on code are the language's, bare or after a space, newline or tab; PKP's are "
        "the paper's, bare.",
    ]
    return [table("Do token-level changes go along with code quality?", columns, rows, notes=notes)]
