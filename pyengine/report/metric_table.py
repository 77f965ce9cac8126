"""The table of metrics in the documentation, written from the one place that defines them.

Run as `python -m pyengine.report.metric_table docs/records.md` after a metric changed.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pyengine.files import write_atomic
from pyengine.run.metrics import METRICS

HEADING = "## Metrics\n"
_HEAD = (
    "| id | title | unit | better | what is computed | source |\n"
    "| :-- | :-- | :-- | :-- | :-- | :-- |\n"
)


def metric_table() -> str:
    """Return the table of all metrics in Markdown."""
    rows = ((f"`{m.id}`", m.title, m.unit, m.better, m.formula, m.source) for m in METRICS.values())
    return _HEAD + "".join(f"| {' | '.join(map(_cell, row))} |\n" for row in rows)


def with_table(page: str) -> str:
    """Return a page of documentation whose last section, "Metrics", ends with the table."""
    before, heading, last = page.partition(HEADING)
    if not heading:
        raise ValueError(f"the page has no line {HEADING.strip()!r}")
    words = last.partition("\n| id |")[0].rstrip("\n")
    return f"{before}{heading}{words}\n\n{metric_table()}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    path = Path(sys.argv[1])
    write_atomic(path, with_table(path.read_text(encoding="utf-8")))
