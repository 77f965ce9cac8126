"""How samples fared, and why they failed: of one model, or of several side by side."""

from __future__ import annotations

from collections.abc import Mapping

from pyengine.report.listing import listing
from pyengine.report.numbers import percent
from pyengine.report.sentences.code import words_of
from pyengine.report.tables import CellLike, Table
from pyengine.report.words import FAILURES, OUTCOMES
from pyengine.run.record import ModelInfo, Run


def outcomes_table(run: Run, model: ModelInfo) -> Table:
    """Show how the samples fared."""
    return listing("outcomes", _samples(run, model, "outcome", OUTCOMES))


def failure_tables(run: Run, model: ModelInfo) -> list[Table]:
    """Show why samples failed, where some did."""
    rows = _samples(run, model, "failure", FAILURES)
    return [listing("failures", rows)] if rows else []


def _samples(
    run: Run, model: ModelInfo, dimension: str, words: Mapping[str, str]
) -> list[dict[str, CellLike]]:
    """Return a line for each kind of sample that there is, in the order of its words."""
    found = [row for code in words if (row := run.find("samples", model.id, **{dimension: code}))]
    return [
        {
            dimension: words[row.members[dimension]],
            "n": f"{row.value:.0f}",
            "share": percent(row.value / row.n),
        }
        for row in found
    ]


def failures_beside(run: Run) -> list[Table]:
    """Show of all models why their samples failed, side by side, where some did."""
    rows = []
    for code in FAILURES:
        found = {m.id: run.find("samples", m.id, failure=code) for m in run.models}
        if any(found.values()):
            counts = {name: f"{row.value:.0f}" if row else "0" for name, row in found.items()}
            rows.append({"failure": words_of("failures", code), **counts})
    more = [{"head": model.id, "of": model.id, "align": "right"} for model in run.models]
    return [listing("failures-of-models", rows, more=more)] if rows else []
