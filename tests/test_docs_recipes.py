"""The figures of recipes on real models: kept once, and shown in the page as they are kept."""

import importlib.util
import json
import re
import shlex
from pathlib import Path

import command_line
import pytest
import tiny_models
from codegen_samples import TASK_FILE
from recipe_samples import sample_recipes, sensitivity_of_file
from run_samples import estimate

from pyengine.code.sandbox import Sandbox
from pyengine.run import to_json

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


def test_own_tasks_are_held_against_the_preset(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines for one's own work, one after the other."""
    _ = sandbox
    page = figures.PAGE.read_text(encoding="utf-8")
    section = page[page.index("## For your own work") :]
    first, second, third = re.findall(r"^    pyengine (.*)$", section, flags=re.MULTILINE)[:3]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = tiny_models.write_spread(tmp_path / "model-f16.gguf")
    (tmp_path / "src").mkdir()
    for n in range(4):
        (tmp_path / "src" / f"{n}.py").write_text(f"def f{n}(x):\n    return x + {n}\n" * 3)
    (tmp_path / "tasks.toml").write_text(TASK_FILE)
    known = sensitivity_of_file(source, tmp_path / "src", {})
    (tmp_path / "known.json").write_text(to_json(known))
    made = command_line.run(*shlex.split(first), "--sensitivity", "known.json", "--threads", "1")
    assert made.code == 0, made.err
    assert "by recipe" in made.out
    assert command_line.run(*shlex.split(second)).code == 0
    quick = ["--max-tokens", "4", "--threads", "1", "--jobs", "1", "--no-likelihoods", "--json"]
    told = command_line.run(*shlex.split(third), *quick)
    assert told.code == 0, told.err
    run = json.loads(told.out)
    assert [model["file_type"] for model in run["models"]] == ["Q4_K_M", "Q4_K_M recipe"]
    assert {"tasks_lost", "tasks_gained", "mcnemar_p"} <= set(run["measurements"]["metric"])
