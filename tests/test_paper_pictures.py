"""The pictures of `paper`: drawn where both sides have numbers, from the numbers of the record."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from paper_samples import ladder_run, paper_run, tables

import pyengine
from pyengine.measure.paper.lines import Line
from pyengine.report.document import Paragraph, Picture
from pyengine.report.paper_pictures import paper_pictures
from pyengine.report.plots import draw_svg
from pyengine.report.tables import Table
from pyengine.report.views import page_of
from pyengine.run import Run

PROJECT = Path(__file__).parent.parent
DOCS = PROJECT / "docs"
TYPES = ("F16", "Q8_0", "Q2_K")


def pictures(run: Run) -> dict[str, Picture]:
    return {one.name: one for one in paper_pictures(run)}


def test_masses_stand_beside_the_papers() -> None:
    chart = pictures(ladder_run("Q8_0", "Q2_K"))["masses"].chart
    here, paper = chart.series
    assert chart.categories == tuple(f"{m} {t}" for m in ("PKP", "STP") for t in TYPES)
    assert here.values == pytest.approx((0.04, 0.02, 0.01, 0.08, 0.04, 0.02))
    assert here.lows == here.values
    assert here.highs[:3] == pytest.approx((0.4, 0.2, 0.1))
    assert paper.values == (None, 0.1, 0.1, None, 0.1, 0.1)  # it has no row of full precision


def test_divergences_stand_beside_those_of_q8_0_start_by_start() -> None:
    chart = pictures(ladder_run("Q2_K", "Q8_0"))["divergences"].chart
    assert chart.categories == ("natural", "chat")
    found = {series.name: series.values for series in chart.series}
    assert list(found) == ["Q8_0", "Q2_K"]
    assert found["Q2_K"] == pytest.approx((0.0015, 0.015))
    assert found["Q8_0"] == pytest.approx((0.00225, 0.0225))


def test_a_start_that_a_file_lacks_has_no_mark() -> None:
    chart = pictures(ladder_run("Q8_0", "Q2_K", lacking=True))["divergences"].chart
    assert chart.series[1].values[1] is None


def test_files_of_one_type_are_named_apart() -> None:
    chart = pictures(ladder_run("Q8_0", "Q2_K", "other-Q2_K"))["masses"].chart
    assert chart.categories[-1] == "STP model-other-Q2_K"


def test_coverage_stands_beside_the_papers() -> None:
    said = [("go", "96.0", "92.0"), ("cpp", "73.1", "73.1"), ("", "85.2", "85.0")]
    made = Line(table="D.1", quantity="whole_words_percent", model="a")
    lines = [replace(made, about=name, paper=p, here=h) for name, p, h in said]
    other = [replace(line, model="b", here="10.0") for line in lines]
    run = paper_run().model_copy(update={"exhibits": tables(*lines, *other)})
    (found,) = paper_pictures(run)
    assert found.chart.categories == ("Go", "C++")
    values = {series.name: series.values for series in found.chart.series}
    assert values == {"here": (92.0, 73.1), "the paper": (96.0, 73.1)}


@pytest.mark.parametrize(
    ("run", "names"),
    [
        (ladder_run("Q8_0", "Q2_K"), ["masses", "divergences"]),
        (ladder_run("Q8_0"), ["masses"]),  # nothing but the floor
        (ladder_run("Q6_K", "Q2_K"), ["masses"]),  # no floor
        (ladder_run(), []),  # the paper has no row of F16, and nothing stands beside it
        (paper_run().model_copy(update={"exhibits": []}), []),
    ],
)
def test_what_has_no_numbers_has_no_picture(run: Run, names: list[str]) -> None:
    assert list(pictures(run)) == names


def test_other_pairs_than_quantizations_are_left_out() -> None:
    run = ladder_run("Q8_0", "Q2_K")
    distilled = [
        one.model_copy(update={"content": {"pair": "distilled"}})
        if (one.kind, one.model) == ("paper-pair", "model-Q2_K")
        else one
        for one in run.exhibits
    ]
    assert "divergences" not in pictures(run.model_copy(update={"exhibits": distilled}))


def test_the_page_shows_them_after_the_answer() -> None:
    page = page_of([ladder_run("Q8_0", "Q2_K")])
    kinds = [Paragraph, Paragraph, Picture, Picture, Table]
    assert [type(block) for block in page.blocks[:5]] == kinds


def test_the_documentation_shows_what_is_kept() -> None:
    """Its pictures are drawn from the record, and what it reads from them is in there."""
    page = (DOCS / "paper.md").read_text(encoding="utf-8")
    run = pyengine.load(PROJECT / "benchmarks" / "paper.json")
    drawn = pictures(run)
    assert list(drawn) == ["masses", "divergences"]
    for name, picture in drawn.items():
        assert f"](paper-{name}.svg)" in page
        kept = (DOCS / f"paper-{name}.svg").read_text(encoding="utf-8")
        assert texts_in(kept) == texts_in(draw_svg(picture))
    here, paper = drawn["masses"].chart.series
    pkp, natural = slice(0, len(run.models)), [v for v in here.values if v is not None]
    ranges = list(zip(here.lows, here.highs, paper.values, strict=True))
    times = sorted(high / low for low, high, _ in ranges[pkp] if high and low)
    inside = [low <= p <= high for low, high, p in ranges if low and high and p]
    assert f"{times[0]:.0f} to {times[-1]:,.0f} times" in page
    assert f"a factor of {max(natural[pkp]) / min(natural[pkp]):.1f} at most" in page
    assert (sum(inside), len(inside)) == (5, 6)
    floor, *others = ([v for v in s.values if v] for s in drawn["divergences"].chart.series)
    assert f"{floor[0]:.3f} nats, {floor[0] / max(floor[1:]):.0f} times" in page
    assert all(a < b < c for a, b, c in zip(floor, *others, strict=True))


def texts_in(svg: str) -> list[str]:
    return re.findall(r">([^<>]+)</text>", svg)
