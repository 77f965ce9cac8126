"""Labels of crowded points, and a noise floor that is far away."""

import itertools

import pytest

from pyengine.reports.charts import Point, Scatter
from pyengine.reports.label_places import Box, place_labels
from pyengine.reports.plots import draw_svg
from pyengine.reports.tables import Picture

FRAME = Box(0, 0, 400, 300)


def test_labels_of_crowded_points_do_not_overlap() -> None:
    points = [(150 + 12.0 * (i % 4), 150 + 9.0 * (i // 4)) for i in range(12)]
    marks = [Box(x - 3, y - 3, x + 3, y + 3) for x, y in points]
    boxes = place_labels([(40, 10)] * 12, points, marks, FRAME, gap=5)
    for a, b in itertools.combinations(boxes, 2):
        assert a.overlap(b) == 0
    assert all(box.outside(FRAME) == 0 for box in boxes)


def test_a_lonely_label_stands_to_the_right_unless_the_frame_ends_there() -> None:
    (box,) = place_labels([(40, 10)], [(100, 100)], [], FRAME, gap=5)
    assert box == Box(105, 95, 145, 105)
    (box,) = place_labels([(40, 10)], [(390, 100)], [], FRAME, gap=5)
    assert box == Box(345, 95, 385, 105)


@pytest.mark.parametrize(("floor", "words"), [(1e-9, "below this picture"), (2e-4, "noise floor<")])
def test_a_floor_far_below_stretches_no_axis(floor: float, words: str) -> None:
    points = (Point("a", 1, 0.1), Point("b", 2, 0.001))
    chart = Scatter("size", "KL", points, log_y=True, floor=floor)
    svg = draw_svg(Picture("p", "title", "caption", chart))
    assert words in svg
    assert ("stroke-dasharray: 3.7,1.6" in svg) == (floor > 1e-8)
