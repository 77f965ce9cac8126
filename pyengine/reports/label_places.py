"""Find places for the labels of points, so that few hide one another."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


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


def place_labels(
    sizes: Sequence[tuple[float, float]],
    points: Sequence[tuple[float, float]],
    obstacles: Sequence[Box],
    frame: Box,
    *,
    gap: float,
) -> list[Box]:
    """Place a label of each size beside its point, one after the other.

    Each takes, of the places around its point, the one that covers least of the labels placed
    before it and of the obstacles, and of equally good ones the nearest.
    """
    placed: list[Box] = []
    for size, point in zip(sizes, points, strict=True):
        taken = [*placed, *obstacles]
        placed.append(
            min(
                _around(point, size, gap),
                key=lambda box: sum(box.overlap(o) for o in taken) + 10 * box.outside(frame),
            )
        )
    return placed


def _around(point: tuple[float, float], size: tuple[float, float], gap: float) -> Iterator[Box]:
    """Yield places around a point, the nearest first."""
    (x, y), (width, height) = point, size
    for far in (1.0, 2.5, 4.0, 6.0):
        reach = far * gap
        for left, bottom in (
            (x + reach, y - height / 2),
            (x - reach - width, y - height / 2),
            (x + reach, y + reach),
            (x - reach - width, y + reach),
            (x + reach, y - reach - height),
            (x - reach - width, y - reach - height),
            (x - width / 2, y + reach),
            (x - width / 2, y - reach - height),
        ):
            yield Box(left, bottom, left + width, bottom + height)
