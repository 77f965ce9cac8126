"""The reference against itself: what differs no more than that is no difference."""

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from comparison_samples import WINDOWS, Quantize
from scipy.special import softmax

from pyengine.comparison import CompareOptions, ComparisonResult, MemoryOptions, compare
from pyengine.comparison.averages import null_record
from pyengine.comparison.measure import Collected
from pyengine.comparison.passes import Block
from pyengine.corpus import Corpus
from pyengine.engine.options import SessionOptions
from pyengine.reports.compare_view import compare_document
from pyengine.reports.terminal import render_terminal
from pyengine.statistics import pair_statistics

Plan = Literal["live", "block", "cache"]
KEYWORDS = np.array([3, 17, 40], np.int32)
NONE = np.empty(0, np.int32)
OPTIONS = SessionOptions(n_ctx=8, n_ubatch=8, threads=1)


def collect(n_rows: int = 30) -> tuple[Collected, np.ndarray, np.ndarray]:
    """Rows of a control, the last ten from a language whose keywords are not known."""
    generator = np.random.default_rng(5)
    rows = generator.normal(size=(n_rows, 50)).astype(np.float32)
    again = rows + generator.normal(scale=1e-3, size=rows.shape).astype(np.float32)
    collected = Collected()
    for part, ids in ((slice(0, n_rows - 10), KEYWORDS), (slice(n_rows - 10, n_rows), NONE)):
        targets = np.zeros(len(rows[part]), np.int32)
        records = pair_statistics(rows[part], again[part], targets)
        block = Block(0, 0, 0, rows[part], again[part], records)
        collected.take(block, ids, targets, threads=1)
    return collected, rows, again


def test_keyword_masses_have_a_floor_of_their_own() -> None:
    collected, rows, again = collect()
    null = null_record(collected.columns(), OPTIONS, OPTIONS)
    p, q = (softmax(r.astype(np.float64), axis=1)[:20][:, KEYWORDS] for r in (rows, again))
    change = q.sum(1) - p.sum(1)
    p, q = p / p.sum(1, keepdims=True), q / q.sum(1, keepdims=True)
    kl = (p * np.log(p / q)).sum(1)
    for name, values in (("keyword_mass_change", change), ("keyword_kl", kl)):
        floor = abs(values.mean()) + 2 * values.std(ddof=1) / np.sqrt(20)
        assert null.floors[name] == pytest.approx(floor, rel=1e-5)
        assert null.largest[name] == pytest.approx(np.abs(values).max(), rel=1e-5)


def test_without_keywords_nothing_is_said_of_them() -> None:
    collected, _, _ = collect()
    nothing = [np.full(30, np.nan)]
    collected.mass_p = collected.mass_q = collected.keyword_kl = nothing
    null = null_record(collected.columns(), OPTIONS, OPTIONS)
    assert "kl" in null.floors
    assert not {"keyword_mass_change", "keyword_kl"} & {*null.floors, *null.largest}


@pytest.mark.parametrize("plan", ["live", "block", "cache"])
def test_every_plan_measures_them(
    tiny: Path, quantized: Quantize, corpus: Corpus, plan: Plan
) -> None:
    python = Corpus(tuple(d for d in corpus.documents if d.language == "python"), "test")
    options = CompareOptions(
        windows=WINDOWS, threads=1, starts=False, greedy=0, memory=MemoryOptions(plan=plan)
    )
    null = compare(tiny, [quantized("Q8_0")], corpus=python, options=options).null
    assert null is not None
    assert {"keyword_mass_change", "keyword_kl"} <= null.floors.keys()


def test_keyword_changes_below_the_floor_are_not_shown(result: ComparisonResult) -> None:
    assert result.null is not None
    for name, shown in (("keyword_mass_change", "≤ 50"), ("keyword_kl", "≤ 0.50")):
        null = result.null.model_copy(update={"floors": {**result.null.floors, name: 0.5}})
        document = compare_document(result.model_copy(update={"null": null}))
        text = render_terminal(document, width=400, color=False)
        tables = text.split("\nKeywords in any spacing, in their language's documents")[1:]
        assert tables
        assert all(shown in table.split("\n\n")[0] for table in tables)
