"""Labels of crowded points, and a noise floor that is far away."""

import itertools
import math
import re

import pytest

from pyengine.report.charts import Chart, Point, Series
from pyengine.report.colors import LIGHT
from pyengine.report.document import Picture
from pyengine.report.label_places import Box, Label, place_labels
from pyengine.report.pieces import brief
from pyengine.report.plots import draw_svg

FRAME = Box(0, 0, 400, 300)


def scatter(*points: Point) -> Chart:
    """Points on a logarithmic axis."""
    return Chart(kind="scatter", x_label="size", y_label="KL", points=points, log=True)


def dots(*series: Series, log: bool = True) -> Chart:
    """Marks of series at as many places as they have values."""
    places = ("x", "y")[: len(series[0].values)]
    return Chart(kind="dots", x_label="p", categories=places, series=series, log=log)


def test_labels_of_crowded_points_do_not_overlap() -> None:
    points = [(150 + 12.0 * (i % 4), 150 + 9.0 * (i // 4)) for i in range(12)]
    labels = place_labels([(40, 10)] * 12, points, [], FRAME, mark=6, gap=5)
    boxes = [label.box for label in labels]
    for a, b in itertools.combinations(boxes, 2):
        assert a.overlap(b) == 0
    assert all(box.outside(FRAME) == 0 for box in boxes)


def test_a_lonely_label_stands_to_the_right_unless_the_frame_ends_there() -> None:
    (label,) = place_labels([(40, 10)], [(100, 100)], [], FRAME, mark=6, gap=5)
    assert label == Label(Box(105, 95, 145, 105), led=False)
    (label,) = place_labels([(40, 10)], [(390, 100)], [], FRAME, mark=6, gap=5)
    assert label == Label(Box(345, 95, 385, 105), led=False)


def test_a_label_that_could_be_anothers_has_a_line_to_its_point() -> None:
    points = [(100.0 + 7 * (i % 3), 100.0 + 7 * (i // 3)) for i in range(9)]
    labels = place_labels([(40, 10)] * 9, points, [], FRAME, mark=6, gap=5)
    for own, label in enumerate(labels):
        near = label.box.distance(*points[own])
        alone = all(label.box.distance(*p) > near for i, p in enumerate(points) if i != own)
        assert alone or label.led


def test_a_label_keeps_clear_of_intervals_where_it_can() -> None:
    bar = Box(120, 50, 123, 150)
    (label,) = place_labels([(40, 10)], [(100, 100)], [bar], FRAME, mark=6, gap=5)
    assert label.box.overlap(bar) == 0
    assert label.box.right == 95


@pytest.mark.parametrize("floor", [1e-9, 2e-4])
def test_a_floor_far_below_stretches_no_axis(floor: float) -> None:
    def drawn(*points: Point) -> str:
        return draw_svg(Picture("p", "title", "caption", scatter(*points)))

    last = Point("b", 2, 0.001)
    plain = drawn(Point("a", 1, 0.1), last)
    told = drawn(Point("a", 1, 0.1, floor=floor), last)
    assert (plain == told) == (floor < 1e-8)
    assert ("arithmetic alone" in told) == (LIGHT.series2 in told) == (floor > 1e-8)


def test_no_divergence_at_all_has_a_place_on_a_logarithmic_axis() -> None:
    points = (Point("same", 1, 0.0, 0.0, 0.0), Point("b", 2, 0.001, 0.0, 0.002))
    svg = draw_svg(Picture("p", "t", "c", scatter(*points)))
    assert ">same: 0<" in svg
    assert ">b<" in svg
    alone = scatter(points[0])
    assert ">same<" in draw_svg(Picture("p", "t", "c", alone))
    unknown = scatter(Point("n", 1, math.nan), *points)
    assert ">n<" not in draw_svg(Picture("p", "t", "c", unknown))


@pytest.mark.parametrize(
    ("low", "high", "written"),
    [(1e-6, 1, {"0.1", "0.001"}), (0.012, 0.14, {"0.02", "0.05", "0.1"}), (0.31, 0.39, {"0.36"})],
)
def test_a_short_logarithmic_axis_has_numbers(low: float, high: float, written: set[str]) -> None:
    series = (Series("s", (low, high)),)
    svg = draw_svg(Picture("p", "t", "c", dots(*series)))
    texts = set(re.findall(r">([^<>]+)</text>", svg)) - {"x", "y", "p"}
    assert written <= texts
    assert len(texts) < 12


def test_changes_below_zero_are_drawn_with_their_intervals() -> None:
    series = (Series("s", (-0.2, 0.0), (-0.3, -0.1), (-0.1, 0.1)),)
    chart = dots(*series, log=False)
    svg = draw_svg(Picture("p", "t", "c", chart))
    strokes = re.findall(r"stroke: #0072b2; stroke-width: 1.2", svg)
    marks = re.findall(r"<use [^>]*fill: #0072b2", svg)
    assert (len(strokes), len(marks)) == (2, 2)


def test_names_are_brief_and_all_are_in_the_legend() -> None:
    name = "Meta-Llama-3.1-8B-Instruct-GGUF-Q4_K_M"
    assert brief(name) == "Meta-Llama-3.1…GGUF-Q4_K_M"[:14] + "…" + name[-13:]
    assert brief("two\nlines\x1b") == "two lines<U+001B>"
    series = (Series("_hidden", (0.1,)), Series(name, (0.2,)))
    svg = draw_svg(Picture("p", "t", "c", dots(*series)))
    assert "> _hidden<" in svg
    assert f">{brief(name)}<" in svg
