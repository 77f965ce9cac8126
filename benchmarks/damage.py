"""Keep the damage of a real ladder's files, and draw it for the README.

    python benchmarks/damage.py [RECORD]

RECORD is that of `pyengine compare f16.gguf *-Q*.gguf --precision 0.1 --json`. What its picture of
size and divergence shows is kept in damage.json beside this script, with the file that `recommend`
chooses at its defaults, and docs/damage.svg is drawn of it.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

import pyengine
from pyengine.report.charts import Chart, Point
from pyengine.report.comparison_pictures import comparison_pictures
from pyengine.report.document import Picture
from pyengine.report.plots import draw_svg
from pyengine.run import Run

FIGURES = Path(__file__).with_name("damage.json")
PICTURE = Path(__file__).parent.parent / "docs" / "damage.svg"
INCHES = (5.2, 3.3)  # beside text, 440 pixels wide, its labels are as large as those of a page


def points_of(run: Run) -> list[Point]:
    """Return what a record's picture shows, with a mark where `recommend` chooses."""
    choice = [each for each in pyengine.recommend(run).exhibits if each.kind == "choice"]
    shown = run.model_copy(update={"exhibits": [*run.exhibits, *choice]})
    picture = comparison_pictures(shown)[0]
    assert isinstance(picture, Picture)
    return [
        replace(point, label=f"{point.label}, picked" if point.chosen else point.label)
        for point in picture.chart.points
    ]


def drawn(points: list[Point]) -> str:
    """Draw them."""
    chart = Chart(
        kind="scatter",
        x_label="size [MiB]",
        y_label="KL divergence [nats per token]",
        points=tuple(points),
        log=True,
        inches=INCHES,
    )
    return draw_svg(Picture("damage", "Twelve types of SmolLM2-135M", "", chart))


def main() -> None:
    """Keep a record's points where one is named, and draw those that are kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("record", nargs="?", type=Path)
    asked = parser.parse_args()
    if asked.record:
        points = [asdict(point) for point in points_of(pyengine.load(asked.record))]
        FIGURES.write_text(json.dumps(points, indent=1) + "\n")
    PICTURE.write_text(drawn([Point(**point) for point in json.loads(FIGURES.read_text())]))


if __name__ == "__main__":
    main()
