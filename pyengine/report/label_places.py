"""Find places for the labels of points, so that few hide one another."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels, y upwards."""

    left: float
    bottom: float
    right: float
    top: float

    def overlap(self, other: "Box") -> float:
        """Return the area that both cover."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(width, 0.0) * max(height, 0.0)

    def outside(self, other: "Box") -> float:
        """Return the area that does not lie in the other."""
        area = (self.right - self.left) * (self.top - self.bottom)
        return area - self.overlap(other)

    def distance(self, x: float, y: float) -> float:
        """Return how far a point is from the nearest side; 0 within."""
        across = max(self.left - x, x - self.right, 0.0)
        up = max(self.bottom - y, y - self.top, 0.0)
        return math.hypot(across, up)

    def centred(self, x: float, y: float) -> "Box":
        """Return this box moved so that its middle is there."""
        width, height = (self.right - self.left) / 2, (self.top - self.bottom) / 2
        return Box(x - width, y - height, x + width, y + height)


@dataclass(frozen=True)
class Label:
    """Where a label stands, and whether a line must lead from it to its point."""

    box: Box
    led: bool


# What a place costs, in squared pixels of covered label: a line may lie under a label if need be.
_LABEL, _LINE, _OUTSIDE, _LED = 4.0, 1.0, 10.0, 40.0


def place_labels(
    sizes: Sequence[tuple[float, float]],
    points: Sequence[tuple[float, float]],
    lines: Sequence[Box],
    frame: Box,
    *,
    mark: float,
    gap: float,
) -> list[Label]:
    """Place a label of each size beside its point, one after the other.

    Each takes the place around its point that covers least of marks, of labels placed before and
    of lines, and is not nearer to another point than to its own. Where that cannot be had, or the
    label is far away, a line leads to the point.

    Args:
        sizes, points: of each label its width and height, and its point, in pixels.
        lines: boxes around what is drawn besides: intervals, the Pareto line.
        frame: labels stay inside.
        mark: width of a point's mark.
        gap: room between a mark and its label.
    """
    marks = [Box(0, 0, mark, mark).centred(x, y) for x, y in points]
    sheet = _Sheet(points, marks, list(lines), frame, gap)
    for own, size in enumerate(sizes):
        sheet.place(own, size)
    return sheet.labels


@dataclass
class _Sheet:
    """What is on the picture so far, in pixels."""

    points: Sequence[tuple[float, float]]
    marks: list[Box]
    lines: list[Box]
    frame: Box
    gap: float
    labels: list[Label] = field(default_factory=list)

    def place(self, own: int, size: tuple[float, float]) -> None:
        """Add the label of a point where it costs least."""
        places = _around(self.points[own], size, self.gap)
        reach, box = min(places, key=lambda place: self.cost(own, *place))
        led = self.is_led(own, reach, box)
        self.labels.append(Label(box, led))
        self.lines += _leader(self.points[own], box) if led else []

    def cost(self, own: int, reach: float, box: Box) -> float:
        """Return how bad a place is for a label."""
        texts = [label.box for label in self.labels]
        led = self.is_led(own, reach, box)
        leader = _leader(self.points[own], box) if led else []
        return (
            _LABEL * sum(box.overlap(other) for other in (*self.marks, *texts))
            + _LABEL * sum(step.overlap(text) for step in leader for text in texts)
            + _LINE * sum(box.overlap(line) for line in self.lines)
            + _OUTSIDE * box.outside(self.frame)
            + _LED * led
            + reach
        )

    def is_led(self, own: int, reach: float, box: Box) -> bool:
        """Tell whether a label needs a line: it is far, or about as near to another point."""
        near = box.distance(*self.points[own])
        return reach > 2 * self.gap or any(
            box.distance(*point) < 1.3 * near
            for other, point in enumerate(self.points)
            if other != own
        )


def _leader(point: tuple[float, float], box: Box) -> list[Box]:
    """Return boxes along the line from a point to its label."""
    middle = ((box.left + box.right) / 2, (box.bottom + box.top) / 2)
    return [step for step in along(point, middle, width=2.0) if step.overlap(box) == 0]


def along(start: tuple[float, float], end: tuple[float, float], *, width: float) -> list[Box]:
    """Return boxes along a line, the end left out."""
    (x, y), (to_x, to_y) = start, end
    steps = max(1, int(max(abs(to_x - x), abs(to_y - y)) / (2 * width)))
    square = Box(0, 0, width, width)
    return [
        square.centred(x + (to_x - x) * i / steps, y + (to_y - y) * i / steps) for i in range(steps)
    ]


def _around(
    point: tuple[float, float], size: tuple[float, float], gap: float
) -> Iterator[tuple[float, Box]]:
    """Yield how far each place around a point is, and the place; the nearest first."""
    (x, y), (width, height) = point, size
    label = Box(0, 0, width, height)
    for far in (1.0, 2.0, 3.5, 5.0, 7.0, 9.0):
        reach = far * gap
        across, up = width / 2 + reach, height / 2 + reach
        for left, high in (
            *((across, 0.0), (-across, 0.0)),
            *((across, up), (-across, up), (across, -up), (-across, -up)),
            *((0.0, up), (0.0, -up)),
            *((across / 2, up), (-across / 2, up), (across / 2, -up), (-across / 2, -up)),
        ):
            yield reach, label.centred(x + left, y + high)
