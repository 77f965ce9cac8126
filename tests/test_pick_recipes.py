"""`pick --recipe` through its entry point, with a sensitivity that is given."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import command_line
import pytest
import tiny_models
from full_disk import largest_file
from recipe_samples import plans_here, sensitivity_of_file
from run_samples import made_timings

from pyengine.errors import InputError
from pyengine.measure.speed import SpeedOptions
from pyengine.models.gguf import read_tensor_table
from pyengine.picking import made_types, recipes, search
from pyengine.picking.made_types import MadeTypes, RecipesAsked
from pyengine.picking.order import Offer
from pyengine.picking.search import Search
from pyengine.picking.type_speeds import Range, SpeedAsked, TypeSpeeds
from pyengine.run import Note, Run, load, to_json
from pyengine.text.documents import load_corpus
from pyengine.text.halves import halves

# What the types of layers lose matters most in this model, by their errors.
LOSSES = {"token_embd": 0.061, "output": 0.024, "attn_v": 0.030, "attn_output": 0.021}
TYPES = ["Q8_0", "Q5_0", "Q4_1", "Q4_0"]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offer four types, plan in this process, and time nothing."""
    for module in (made_types, recipes):
        monkeypatch.setattr(module, "plan_quantization", plans_here)
    monkeypatch.setattr(made_types, "expand_types", lambda *_, **__: TYPES)
    monkeypatch.setattr(search, "time_models", lambda *_: made_timings([]))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source, documents, and the sensitivity of the one over half of the others."""
    home = tmp_path_factory.mktemp("home")
    source = tiny_models.write_spread(home / "tiny-f32.gguf")
    (home / "texts").mkdir()
    for n in range(12):
        text = f"def f{n}(x):\n    return x + {n} * {n * 7}\n" * 3
        (home / "texts" / f"{n}.py").write_text(text)
    sensitivity = sensitivity_of_file(source, home / "texts", LOSSES)
    (home / "sensitivity.json").write_text(to_json(sensitivity))
    return home


def pick(home: Path, *more: str) -> command_line.Outcome:
    words = ["--corpus", str(home / "texts"), "--threads", "1", "--output-dir", str(home / "out")]
    words += ["--recipe", "--sensitivity", str(home / "sensitivity.json"), *more]
    return command_line.run("pick", home / "tiny-f32.gguf", *words)


def test_the_smallest_file_within_a_limit_is_a_recipe(home: Path) -> None:
    found = pick(home, "--max-kl", "0.05", "--json")
    assert found.code == 0, found.err
    run = Run.model_validate(json.loads(found.out))
    offers = {offer["name"]: offer for offer in run.shown("offer")}
    assert [name for name in offers if "recipe" in name] == [
        f"tiny-recipe-{name}" for name in TYPES if f"tiny-recipe-{name}" in offers
    ]
    (choice,) = run.shown("choice")
    chosen = offers[choice["chosen"]]
    assert chosen["file_type"] == run.model(chosen["name"]).file_type
    assert chosen["file_type"].endswith(" recipe")
    assert 0 < chosen["predicted"] < 0.05
    path = home / "out" / chosen["name"]
    kept = [path.with_suffix(suffix) for suffix in (".gguf", ".tensor-types.txt")]
    assert sorted((home / "out").iterdir()) == kept  # what else was made is removed
    texts = halves(load_corpus([home / "texts"]), seed=20260102)
    (told,) = run.shown("sensitivity")
    assert told["corpus_sha256"] == texts.choosing.sha256
    assert run.population is not None
    assert run.population.sha256 == texts.held_out.sha256
    measured = {model.id for model in run.models if "recipe" in model.id}
    assert {recipe["recipe_model"] for recipe in run.shown("recipe")} == measured
    (home / "pick.json").write_text(found.out)
    for words in ([], ["--markdown"]):
        shown = command_line.run("report", home / "pick.json", *words)
        assert shown.code == 0, shown.err
        told_of = " ".join(shown.out.split())
        assert f"{chosen['name']}, " in told_of
        assert "The recipe for Q" in told_of
        assert f"Its rules, for llama-quantize --tensor-type-file: {home / 'out'}" in told_of
        assert "the half of the documents with which no file was compared" in told_of


def made(
    home: Path, folder: Path, speed: SpeedAsked | None = None, **most: int
) -> tuple[MadeTypes, Offer]:
    """What can be made of the source, and the source itself."""
    source = home / "tiny-f32.gguf"
    size = source.stat().st_size
    itself = Offer(
        name="tiny-f32",
        reference=str(source),
        file_type="F32",
        size=size,
        n_params=1,
        bits_per_weight=32,
        memory=size + 1000,
    )
    found = MadeTypes.of(source, folder, None, lambda *_: None)
    choosing = halves(load_corpus([home / "texts"]), seed=20260102).choosing
    given = load(home / "sensitivity.json")
    asked = RecipesAsked(choosing=choosing, sensitivity=given, seed=20260102)
    asked = replace(asked, speed=speed, size=most.get("size"), memory=most.get("memory"))
    found.add_recipes(asked, itself)
    return found, itself


@pytest.mark.parametrize("most", [{"size": 215_000}, {"size": 300_000, "memory": 216_000}])
def test_what_may_be_taken_is_filled(home: Path, tmp_path: Path, most: dict[str, int]) -> None:
    found, source = made(home, tmp_path, None, **most)
    offers = {offer.name: offer for offer in found.offers(source)}
    of_size = offers["tiny-recipe-0.215MB"]
    assert 0.98 * 215_000 < of_size.size <= 215_000
    assert of_size.memory == of_size.size + 1000
    by_recipe = [offer for offer in offers.values() if offer.by_recipe]
    assert max(by_recipe, key=lambda offer: offer.size) == of_size
    assert min(by_recipe, key=lambda offer: offer.predicted or 1) == of_size


def test_recipes_are_predicted_to_be_as_fast_as_was_asked(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = SpeedOptions()
    needed = {t.name: math.prod(t.shape) for t in read_tensor_table(home / "tiny-f32.gguf")}
    seconds = {"q4_0": 0.010, "q4_1": 0.012, "q5_0": 0.030, "q5_1": 0.025, "q8_0": 0.016}
    seconds |= {"f16": 0.020, "f32": 0.040}
    n_weights = sum(needed.values())
    speeds = TypeSpeeds(
        asked=70,
        how=how,
        base=Range(0.020, 0.019, 0.021),
        types={name: Range(s, 0.98 * s, 1.02 * s) for name, s in seconds.items()},
        weights=dict.fromkeys(seconds, n_weights),
        needed=needed,
    )

    def measured(*_: object, **__: object) -> tuple[TypeSpeeds, list[Note]]:
        return speeds, []

    monkeypatch.setattr(made_types, "measure_type_speeds", measured)
    usual, _ = made(home, tmp_path)
    found, source = made(home, tmp_path, SpeedAsked(least=70, how=how))
    assert {offer.name for offer in found.offers(source) if offer.by_recipe} == set(found.recipes)
    assert all(name.endswith("-70tps") for name in found.recipes)
    # Others are larger without being faster, and what is lost beside them is less.
    assert 0 < len(found.recipes) < len(usual.recipes)
    told = [pair.recipe for pair in found.recipes.values()]
    assert all(one.speed is not None and one.speed.value > 70 * (1 - 1e-9) for one in told)
    assert not {"q5_0", "q5_1", "f32"} & {choice.type for one in told for _, choice in one.chosen}
    (content,) = [e.content for e in found.exhibits([]) if e.kind == "type-speeds"]
    assert content["value"] == 50
    (recipe,) = [e.content for e in found.exhibits(list(found.recipes)[:1]) if e.kind == "recipe"]
    assert recipe["asked_speed"] == 70 < recipe["speed"]["value"]


def test_a_recipe_is_made_with_its_rules_and_removed_with_them(home: Path, tmp_path: Path) -> None:
    found, source = made(home, tmp_path / "out")
    offers = [offer for offer in found.offers(source) if offer.by_recipe]
    for offer in offers[:2]:
        assert found.fetch(offer) == found.fetch(offer) == Path(offer.reference)
    places = [Path(offer.reference) for offer in offers[:2]]
    rules = [place.with_suffix(".tensor-types.txt") for place in places]
    assert sorted((tmp_path / "out").iterdir()) == sorted([*places, *rules])
    found.finish("best", offers[1].name)
    assert sorted((tmp_path / "out").iterdir()) == sorted([places[1], rules[1]])
    again, _ = made(home, tmp_path / "out")
    assert again.fetch(offers[1]) == places[1]
    again.finish("none", None)
    assert rules[1].exists()  # both were there before
    rules[0].write_text("mine")
    with pytest.raises(InputError, match="is not a file that pyengine wrote there"):
        again.fetch(offers[0])
    assert not places[0].exists()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["FOLDER", "--recipe"], "--recipe makes files of one model that is not quantized"),
        (["SOURCE", "--sensitivity", "x.json"], "--sensitivity does nothing without --recipe"),
        (["SOURCE", "--recipe", "--sensitivity", "SOURCE"], "tiny-f32.gguf"),
        (["SOURCE", "--recipe", "--sensitivity", "S"], "was measured on other documents"),
    ],
)
def test_bad_usage_is_one_sentence(
    home: Path, tmp_path: Path, words: list[str], complaint: str
) -> None:
    for name in ("a", "b"):
        shutil.copy(home / "tiny-f32.gguf", tmp_path / f"{name}.gguf")
    where = {"FOLDER": tmp_path, "SOURCE": home / "tiny-f32.gguf", "S": home / "sensitivity.json"}
    found = command_line.run("pick", *(where.get(word, word) for word in words))
    assert (found.code, found.out) == (2, "")
    assert complaint in found.err
    assert found.err.count("\n") == 1


def left_in(folder: Path) -> list[str]:
    """Names of what lies there, temporary files and folders too."""
    return sorted(path.name for path in folder.rglob("*"))


def test_a_full_disk_ends_a_search(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    with largest_file(50_000):
        found = pick(home, "--output-dir", str(tmp_path / "out"))
    assert (found.code, found.out) == (2, "")
    assert found.err.count("\n") == 1
    assert ".gguf: cannot be written" in found.err
    assert left_in(tmp_path) == ["tmp"]


def test_ctrl_c_while_a_recipe_is_made(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(made_types, "quantize_file", interrupt)
    found = pick(home, "--output-dir", str(tmp_path / "out"))
    assert (found.code, found.out) == (130, "")
    assert found.err == "pyengine: interrupted\n"
    assert left_in(tmp_path) == []


def test_slow_types_leave_out_no_recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a kind that are no smaller than a slow one are out, also where none was timed."""
    speeds = {"T1": 30, "T2": 9, "T3": 8, "T4": 7, "R1": 30, "R2": 20, "R3": 20, "R4": 5}
    found = Search.__new__(Search)
    found.asked = {"max_kl": None, "max_flips": None, "speed": 10}
    found.offers = [
        Offer(
            name=name,
            reference=name,
            file_type="",
            size=int(name[1]),
            n_params=1,
            bits_per_weight=4,
            predicted=0.1 if name[0] == "R" else None,
        )
        for name in speeds
    ]
    timed: list[str] = []

    def time(name: str) -> float:
        timed.append(name)
        found._update(name, speed=speeds[name])
        return speeds[name]

    monkeypatch.setattr(found, "_open", lambda _: True)
    monkeypatch.setattr(found, "_time", time)
    found._leave_out_slow()
    assert [offer.name for offer in found.hopeful] == ["T1", "R1", "R2", "R3"]
    assert len(timed) < len(speeds)
