"""Keep what recipes reached on real models, and show it in docs/recipes.md, as tables and pictures.

    python benchmarks/recipes.py [RECORD…] [--model NAME]

Records are those of `pyengine quantize --recipe --to … --json`, with and without an importance
matrix. Each size in them is added to recipes.json beside this script, under the name of the model,
in place of an earlier one of that size. Then the model's table in docs/recipes.md, between
`<!-- NAME -->` and `<!-- end -->`, and its picture docs/recipes-NAME.svg are made anew.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pyengine
from pyengine.choose.verdicts import divergence, times_the_damage
from pyengine.report.charts import Chart, Series
from pyengine.report.document import Picture
from pyengine.report.plots import draw_svg
from pyengine.run import Run

Row: TypeAlias = dict[str, Any]
FIGURES = Path(__file__).with_name("recipes.json")
PAGE = Path(__file__).parent.parent / "docs" / "recipes.md"
ENDS = ("value", "low", "high")


def rows_of(run: Run) -> list[Row]:
    """Return a row for each size of a record: levels and ratio with their intervals, in nats."""
    found = []
    for recipe in run.shown("recipe"):
        names = {"preset": recipe["preset_model"], "recipe": recipe["recipe_model"]}
        ratio = times_the_damage(run, names["recipe"], names["preset"])
        row = {
            "size": recipe["asked"],
            "n_bytes": recipe["max_bytes"] or recipe["file_bytes"],
            "imatrix": run.options["imatrix"] is not None,
            "predicted": recipe["kl"],
            "ratio": _ends(ratio),
        }
        for kind, name in names.items():
            same = run.find("same_first_choice", name)
            assert same is not None, "the record compares both files"
            row[kind] = {**_ends(divergence(run, name)), "same": same.value}
        found.append(row)
    return found


def _ends(measurement: object) -> dict[str, float]:
    return {end: getattr(measurement, end) for end in ENDS}


def with_rows(known: Sequence[Row], new: Sequence[Row]) -> list[Row]:
    """Put rows in place of earlier ones of their sizes; the smallest first, then with a matrix."""
    rows = {(row["imatrix"], row["size"]): row for row in (*known, *new)}
    return sorted(rows.values(), key=lambda row: (row["imatrix"], row["n_bytes"]))


def table(rows: Sequence[Row]) -> str:
    """Write rows in Markdown."""
    lines = ["| size of | preset | recipe | recipe over preset (95 %) | predicted |"]
    lines.append("| :-- | --: | --: | --: | --: |")
    for row in rows:
        size = f"{row['size']}, {row['n_bytes'] / 1e6:.1f} MB" + ", matrix" * row["imatrix"]
        both = (row["preset"], row["recipe"])
        levels = [f"{one['value']:.3f}, {100 * one['same']:.1f} %" for one in both]
        ratio = "{value:.3f} ({low:.3f} to {high:.3f})".format(**row["ratio"])
        cells = [size, *levels, ratio, f"{row['predicted']:.3f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def picture(model: str, rows: Sequence[Row]) -> Picture:
    """Draw the divergence of preset and recipe at each size, with and without a matrix."""
    n_bytes = {row["size"]: row["n_bytes"] for row in reversed(rows)}
    sizes = sorted(n_bytes, key=lambda size: n_bytes[size])
    series = []
    for imatrix in (False, True):
        of_size = {row["size"]: row for row in rows if row["imatrix"] == imatrix}
        for kind in ("preset", "recipe") if of_size else ():
            shown = [of_size.get(size, {}).get(kind) for size in sizes]
            values, lows, highs = (tuple(one and one[end] for one in shown) for end in ENDS)
            name = f"{kind}, importance matrix" if imatrix else kind
            series.append(Series(name, values, lows, highs))
    chart = Chart(
        kind="dots",
        x_label="KL divergence [nats per token]",
        categories=tuple(f"{size}, {n_bytes[size] / 1e6:.1f} MB" for size in sizes),
        series=tuple(series),
        log=True,
    )
    return Picture(f"recipes-{model}", model, "", chart)


def main() -> None:
    """Add records to the figures, and write tables and pictures of the models that they are of."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("records", nargs="*", type=Path)
    parser.add_argument("--model", help="name of the model that records are of")
    asked = parser.parse_args()
    figures: dict[str, list[Row]] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    if asked.records:
        if not asked.model:
            parser.error("records need --model NAME")
        new = [row for path in asked.records for row in rows_of(pyengine.load(path))]
        figures[asked.model] = with_rows(figures.get(asked.model, []), new)
        FIGURES.write_text(json.dumps(figures, indent=1) + "\n")
    page = PAGE.read_text(encoding="utf-8")
    for model, rows in figures.items():
        told = f"<!-- {model} -->\n{table(rows)}\n<!-- end -->"
        page, n = re.subn(rf"<!-- {re.escape(model)} -->.*?<!-- end -->", told, page, flags=re.S)
        print(f"{model}: {len(rows)} sizes" + ("" if n else f"; no place in {PAGE.name}"))
        PAGE.with_name(f"recipes-{model}.svg").write_text(draw_svg(picture(model, rows)))
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
