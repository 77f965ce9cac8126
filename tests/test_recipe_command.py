"""`pyengine quantize --recipe` through its entry point, with a sensitivity that is given."""

from __future__ import annotations

import json
from pathlib import Path

import command_line
import pytest
import tiny_models
from full_disk import largest_file
from recipe_samples import plans_here, sensitivity_of_file
from run_samples import info

from pyengine.models.making import read_making
from pyengine.models.model_files import find_model_files
from pyengine.picking import by_recipe, recipe_files, recipes
from pyengine.picking.to_make import FileToMake
from pyengine.run import Run, load, to_json
from pyengine.text.documents import load_corpus
from pyengine.text.halves import halves

# At q4_0, as they were measured when all else was q8_0, by layer where a kind is in both.
LOSSES = {"token_embd": 0.061, "output": 0.024, "attn_v": 0.030, "attn_output": 0.021}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source, documents, and the sensitivity of the one over half of the others."""
    folder = tmp_path_factory.mktemp("recipe")
    source = tiny_models.write_spread(folder / "tiny-f32.gguf")
    texts = folder / "texts"
    texts.mkdir()
    for n in range(4):
        (texts / f"{n}.py").write_text(f"def f{n}(x):\n    return x + {n} * {n * 7}\n" * 3)
    (folder / "sensitivity.json").write_text(to_json(sensitivity_of_file(source, texts, LOSSES)))
    return folder


def words(folder: Path, *more: str) -> list[str]:
    given = ["quantize", str(folder / "tiny-f32.gguf"), "--recipe", "--threads", "1"]
    given += ["--corpus", str(folder / "texts"), "--output-dir", str(folder / "out")]
    return [*given, "--sensitivity", str(folder / "sensitivity.json"), *more]


def test_a_file_is_planned_made_and_told(folder: Path) -> None:
    page = folder / "page.html"
    more = ["--to", "5.5bpw", "--dry-run", "--html", str(page)]
    planned = command_line.run(*words(folder, *more))
    assert planned.code == 0, planned.err
    assert "Nothing was written" in planned.out
    assert "The recipe for 5.5bpw" in page.read_text()
    assert not (folder / "out").exists()
    made = command_line.run(*words(folder, "--to", "Q4_1", "--json"))
    assert made.code == 0, made.err
    run = Run.model_validate(json.loads(made.out))
    (recipe,) = run.shown("recipe")
    assert recipe["kept"] == "recipe"
    path = Path(recipe["path"])
    assert path.stat().st_size == recipe["file_bytes"] <= recipe["preset_bytes"]
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "tiny-recipe-Q4_1.gguf",
        "tiny-recipe-Q4_1.tensor-types.txt",
    ]
    said = read_making(path)
    texts = halves(load_corpus([folder / "texts"]), seed=20260102)
    assert said["pyengine.corpus_sha256"] == texts.choosing.sha256
    assert len(str(said["pyengine.recipe_sha256"])) == 64
    assert run.population is not None
    assert run.population.sha256 == texts.held_out.sha256
    assert [model.file_type for model in run.models[1:]] == ["Q4_1 recipe", "Q4_1"]
    (known,) = find_model_files([path], folder).found
    assert known.file_type == "Q4_1 recipe"
    assert "Q4_1 recipe" in command_line.run("models", folder / "out").out
    (folder / "run.json").write_text(made.out)
    shown = command_line.run("report", folder / "run.json")
    assert shown.code == 0, shown.err
    told = " ".join(shown.out.split())
    assert "times the damage of Q4_1" in told
    assert max(len(line) for line in shown.out.splitlines()) <= 80
    assert load(folder / "run.json").options["dry_run"] is False


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        ([], "a recipe needs a size (--to)"),
        (["--to", "F16"], "F16 is no size for a recipe; use a size such as 5GB"),
        (["--to", "1kB"], "no type is as small as 1kB"),
        (["--to", "Q4_0", "--pure"], "--pure does not go with --recipe"),
        (["--to", "Q4_0", "--tensor-type", "a=q8_0"], "--tensor-type does not go with --recipe"),
        (["--to", "Q4_0", "--requantize"], "--requantize does not go with --recipe"),
        (["--to", "Q4_0", "--seed", "3"], "was measured on other documents than the half of"),
        (["--to", "Q4_0", "--corpus", "x"], "x: no such file"),
    ],
)
def test_bad_usage_is_one_sentence(folder: Path, extra: list[str], complaint: str) -> None:
    if extra[-1:] == ["3"]:
        extra = [*extra[:-1], _other_seed(folder)]
    found = command_line.run(*words(folder, *extra))
    assert (found.code, found.out) == (2, "")
    assert complaint in found.err
    assert found.err.count("\n") == 1


def _other_seed(folder: Path) -> str:
    """A seed that draws other halves."""
    corpus = load_corpus([folder / "texts"])
    usual = halves(corpus, seed=20260102).choosing
    return next(str(n) for n in range(100) if halves(corpus, seed=n).choosing != usual)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"command": "compare"}, "a record of `compare` holds no groups of tensors"),
        ({"options": {"imatrix_sha256": "a" * 64}}, "with another importance matrix"),
        ({"models": [info("other", 1)]}, "the sensitivity is of another model, other.gguf"),
        ({"population": None}, "was measured on other documents"),
    ],
)
def test_a_sensitivity_of_something_else_is_refused(
    folder: Path, tmp_path: Path, changed: dict[str, object], complaint: str
) -> None:
    run = load(folder / "sensitivity.json").model_copy(update=changed)
    other = tmp_path / "other.json"
    other.write_text(to_json(run))
    found = command_line.run(*words(folder, "--to", "Q4_0", "--sensitivity", str(other)))
    assert (found.code, found.out) == (2, "")
    assert complaint in found.err


@pytest.mark.parametrize(
    "words_of_it",
    [["--sensitivity", "x.json"], ["--corpus", "x"], ["--seed", "3"], ["--precision", "0"]],
)
def test_what_belongs_to_a_recipe_is_refused_without(folder: Path, words_of_it: list[str]) -> None:
    source = str(folder / "tiny-f32.gguf")
    found = command_line.run("quantize", source, "--to", "Q8_0", "--dry-run", *words_of_it)
    assert found.code == 2
    assert f"{words_of_it[0]} does nothing without --recipe" in found.err


@pytest.fixture
def _planned_here(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (by_recipe, recipes):
        monkeypatch.setattr(module, "plan_quantization", plans_here)


@pytest.mark.usefixtures("_planned_here")
@pytest.mark.parametrize(("limit", "name"), [(50_000, "tiny-recipe-Q4_1.gguf"), (150_000, "rows")])
def test_a_full_disk_leaves_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, name: str
) -> None:
    """At a file that is made, and at the rows of the comparison."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))  # nothing was measured before
    with largest_file(limit):
        found = command_line.run(
            *words(folder, "--to", "Q4_1", "--output-dir", str(tmp_path / "out"))
        )
    assert (found.code, found.out) == (2, "")
    assert found.err.count("\n") == 1
    assert name in found.err
    assert [path.name for path in tmp_path.rglob("*")] == ["tmp"]


@pytest.mark.usefixtures("_planned_here")
@pytest.mark.parametrize("where", ["compare_with", "write_rules"])
def test_ctrl_c_leaves_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """While files are compared, and when the better one is put in place."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    of = FileToMake if where == "write_rules" else recipe_files
    monkeypatch.setattr(of, where, interrupt)
    mine = tmp_path / "tiny-Q4_1.tensor-types.txt"
    mine.write_text("mine")
    found = command_line.run(*words(folder, "--to", "Q4_1", "--output-dir", str(tmp_path)))
    assert (found.code, found.out) == (130, "")
    assert "What was measured is kept: the same command goes on" in found.err
    assert found.err.endswith("pyengine: interrupted\n")
    assert [path.name for path in tmp_path.rglob("*")] == [mine.name]
