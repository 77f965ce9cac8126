"""The figures of recipes on real models: kept once, and shown in the page as they are kept."""

import importlib.util
import json
from pathlib import Path

import pytest
from recipe_samples import sample_recipes
from run_samples import estimate

PROJECT = Path(__file__).parent.parent
SPEC = importlib.util.spec_from_file_location("recipes", PROJECT / "benchmarks" / "recipes.py")
assert SPEC is not None
assert SPEC.loader is not None
figures = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(figures)


def test_the_page_shows_what_is_kept() -> None:
    page = figures.PAGE.read_text(encoding="utf-8")
    kept = json.loads(figures.FIGURES.read_text())
    for model, rows in kept.items():
        assert f"<!-- {model} -->\n{figures.table(rows)}\n<!-- end -->" in page
        assert f"](recipes-{model}.svg)" in page
        assert rows == figures.with_rows(rows, rows[:1])
        svg = (PROJECT / "docs" / f"recipes-{model}.svg").read_text()
        assert all(f"{row['size']}, " in svg for row in rows)


def test_a_record_is_added_in_place_of_an_earlier_one() -> None:
    run = sample_recipes(times=0.6)
    same = [estimate("same_first_choice", model.id, 0.9) for model in run.models[1:]]
    run = run.model_copy(update={"measurements": [*run.measurements, *same]})
    (row,) = figures.rows_of(run)
    assert (row["size"], row["imatrix"], row["predicted"]) == ("Q4_K_M", False, 0.0294)
    assert row["recipe"]["value"] == pytest.approx(0.6 * row["preset"]["value"])
    assert row["ratio"]["value"] == pytest.approx(0.6)
    other = {**row, "imatrix": True, "n_bytes": row["n_bytes"] + 300}
    assert figures.with_rows([{**row, "predicted": 1.0}, other], [row]) == [row, other]
    assert "| Q4_K_M, 105.5 MB, matrix | 0.050, 90.0 % | 0.030, 90.0 % |" in figures.table([other])
    chart = figures.picture("model", [row, other]).chart
    assert chart.categories == ("Q4_K_M, 105.5 MB",)
    assert [series.name for series in chart.series] == [
        *("preset", "recipe"),
        *("preset, importance matrix", "recipe, importance matrix"),
    ]
