"""Recipes on tiny models: exact sizes, the least loss, and the better file kept."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
import tiny_models
from recipe_samples import groups_of_file, plans_here

from pyengine.errors import InputError, OptionError
from pyengine.measure.compare import Means
from pyengine.measure.engine import LocalExecutor, Processes
from pyengine.measure.options import CompareOptions
from pyengine.measure.quantize_plans import SizeLimit
from pyengine.measure.sensitivity_groups import TensorGroup
from pyengine.models.gguf import read_tensor_table
from pyengine.models.quantize import file_sha256, quantize_file
from pyengine.models.quantize_options import QuantizationPlan, QuantizeOptions
from pyengine.models.quantize_plan import plan_here
from pyengine.models.rules_file import exact_rules, rules_text
from pyengine.picking import recipes
from pyengine.picking.recipe_files import make_recipes, planned_recipes
from pyengine.picking.recipes import Recipe, recipe_within, recipes_beside
from pyengine.run import Run
from pyengine.text.documents import Corpus, Document

PLAIN = QuantizeOptions()
# What was measured when all else was Q8_0, by layer where a kind is in both.
LOSSES = {
    "token_embd": 0.061,
    "output": 0.024,
    "attn_q": 0.007,
    "attn_k": 0.011,
    "attn_v": 0.030,
    "attn_output": 0.021,
    "ffn_gate": 0.011,
    "ffn_up": 0.008,
    "ffn_down": 0.012,
}


@pytest.fixture(autouse=True)
def _planned_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipes, "plan_quantization", plans_here)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.write_spread(tmp_path_factory.mktemp("source") / "tiny-f32.gguf")


@pytest.fixture(scope="module")
def groups(source: Path) -> list[TensorGroup]:
    return groups_of_file(source, LOSSES)


def planned(source: Path, file_type: str) -> QuantizationPlan:
    return plan_here(str(source), file_type, PLAIN)


def of_type(source: Path, groups: list[TensorGroup], file_type: str) -> Recipe:
    """The recipe of a file type's size."""
    preset = planned(source, file_type)
    limit = SizeLimit(file_type, n_bytes=preset.file_bytes)
    return recipe_within(source, groups, preset, limit, PLAIN)


def test_every_tensor_has_the_type_that_was_chosen(source: Path, groups: list[TensorGroup]) -> None:
    limit = SizeLimit("5.2bpw", bits=5.2)
    recipe = recipe_within(source, groups, planned(source, "Q4_0"), limit, PLAIN)
    chosen = {name: choice.type for group, choice in recipe.chosen for name in group.tensors}
    kept = {t.name: t.type for t in read_tensor_table(source) if t.name not in chosen}
    assert {tensor.name: tensor.type for tensor in recipe.plan.tensors} == chosen | kept
    assert set(kept.values()) == {"f32"}
    assert len(set(chosen.values())) > 2
    assert recipe.kl == pytest.approx(sum(choice.kl for _, choice in recipe.chosen))


@pytest.mark.parametrize("file_type", ["Q4_0", "Q4_1", "Q5_0", "Q8_0"])
def test_no_recipe_is_larger_than_its_preset(
    source: Path, groups: list[TensorGroup], file_type: str
) -> None:
    recipe = of_type(source, groups, file_type)
    assert recipe.plan.file_bytes <= recipe.preset.file_bytes
    assert recipe.plan.file_type == file_type


def test_bits_per_weight_are_a_limit_too(source: Path, groups: list[TensorGroup]) -> None:
    limit = SizeLimit("5.25bpw", bits=5.25)
    recipe = recipe_within(source, groups, planned(source, "Q4_0"), limit, PLAIN)
    assert 5.2 < recipe.plan.bits_per_weight <= 5.25


def test_one_byte_decides(source: Path, groups: list[TensorGroup]) -> None:
    """Of all ways to choose for some tensors, the best is found at each size of a file."""
    few, preset = groups[:3], planned(source, "Q4_0")
    plain = {tensor.name: tensor.type for tensor in preset.tensors if tensor.type != "f32"}
    ways = []
    for way in product(*(group.choices[:3] for group in few)):
        own = {g.tensors[0]: choice.type for g, choice in zip(few, way, strict=True)}
        ruled = replace(PLAIN, overrides=exact_rules(plain | own), recipe_sha256="0" * 64)
        n_bytes = plan_here(str(source), "Q4_0", ruled).file_bytes
        ways.append((n_bytes, sum(choice.kl for choice in way)))
    for size in sorted({n_bytes for n_bytes, _ in ways})[1:]:
        for budget in (size, size - 1):
            limit = SizeLimit("mine", n_bytes=budget)
            found = recipe_within(source, _first(few, 3), preset, limit, PLAIN)
            assert found.plan.file_bytes <= budget
            assert found.kl == pytest.approx(min(kl for n, kl in ways if n <= budget))


def _first(groups: list[TensorGroup], n: int) -> list[TensorGroup]:
    return [replace(group, choices=group.choices[:n]) for group in groups]


def test_tensors_of_no_group_have_the_preset_s_types(
    source: Path, groups: list[TensorGroup]
) -> None:
    preset = planned(source, "Q4_K_M")
    few = [group for group in groups if group.kind == "output"]
    limit = SizeLimit("1GB", n_bytes=10**9)
    recipe = recipe_within(source, few, preset, limit, PLAIN)
    usual = {tensor.name: tensor.type for tensor in preset.tensors}
    assert {t.name: t.type for t in recipe.plan.tensors} == usual | {"output.weight": "f32"}
    assert len(recipe.options.overrides) == len(groups)


def test_types_that_need_importance_are_no_choice_without(tmp_path: Path) -> None:
    wide = tiny_models.write_plain(tmp_path / "wide-f32.gguf", n_embd=256)
    errors = {"iq2_xs": 1e-2, "q2_K": 2e-2, "q4_K": 5e-3}
    groups = groups_of_file(wide, {}, errors)
    few = [group for group in groups if group.kind in ("attn_q", "ffn_up")]
    recipe = recipe_within(wide, few, planned(wide, "Q2_K"), SizeLimit("1GB", n_bytes=10**9), PLAIN)
    assert {choice.type for _, choice in recipe.chosen} == {"q4_K"}
    only = [replace(group, choices=group.choices[:1]) for group in few]
    assert only[0].choices[0].type == "iq2_xs"
    with pytest.raises(OptionError, match="no type that was measured can be given to"):
        recipe_within(wide, only, planned(wide, "Q2_K"), SizeLimit("1GB", n_bytes=10**9), PLAIN)


def test_what_cannot_be_is_one_sentence(source: Path, groups: list[TensorGroup]) -> None:
    preset = planned(source, "Q4_0")
    with pytest.raises(
        OptionError, match=r"no recipe is as small as 9kB; the smallest is 0\.\d MB"
    ):
        recipe_within(source, groups, preset, SizeLimit("9kB", n_bytes=9000), PLAIN)
    with pytest.raises(OptionError, match=r"the smallest is 4\.\d\d bits per weight"):
        recipe_within(source, groups, preset, SizeLimit("2bpw", bits=2), PLAIN)
    other = [replace(groups[0], tensors=("blk.9.attn_q.weight",))]
    with pytest.raises(OptionError, match=r"has no tensor blk\.9\.attn_q\.weight"):
        recipe_within(source, other, preset, SizeLimit("1GB", n_bytes=10**9), PLAIN)


def beside(
    source: Path, groups: list[TensorGroup], names: list[str], most: int | None
) -> list[Recipe]:
    presets = [planned(source, name) for name in names]
    return recipes_beside(source, groups, presets, most, PLAIN, lambda *_: None)


def test_recipes_have_the_sizes_of_types_and_the_most_that_is_left(
    source: Path, groups: list[TensorGroup]
) -> None:
    most = planned(source, "Q4_1").file_bytes + 5000
    found = beside(source, groups, ["Q5_0", "Q4_1", "Q4_0"], most)
    assert [one.limit.asked for one in found] == ["Q4_0", "Q4_1", f"{most / 1e6:.6g}MB"]
    assert [one.preset.file_type for one in found] == ["Q4_0", "Q4_1", "Q4_1"]
    assert all(one.plan.file_bytes <= (one.limit.n_bytes or 0) for one in found)
    assert [one.kl for one in found] == sorted((one.kl for one in found), reverse=True)
    assert beside(source, groups, ["Q4_1"], 1000) == []


def test_a_recipe_that_is_a_file_by_name_is_none(source: Path, groups: list[TensorGroup]) -> None:
    types = {tensor.name: tensor.type for tensor in planned(source, "Q5_0").tensors}
    only = [
        replace(g, choices=tuple(c for c in g.choices if c.type == types[g.tensors[0]]))
        for g in groups
    ]
    assert beside(source, only, ["Q5_0", "Q5_1"], None) == []
    with pytest.raises(OptionError, match="no recipe is as small as Q4_0"):
        beside(source, only, ["Q4_0"], None)


def test_recipes_of_about_one_size_are_one(source: Path, groups: list[TensorGroup]) -> None:
    preset = planned(source, "Q4_1")
    assert len(beside(source, groups, ["Q4_1"], preset.file_bytes + 900)) == 1


CORPUS = Corpus(
    tuple(
        Document(f"{n}.py", "python", f"def f{n}(x):\n    return x + {n} * {n * 7}\n".encode() * 3)
        for n in range(4)
    ),
    "mine",
)
COMPARING = CompareOptions(
    starts=False, positions=0, passages=0, continuations=0, precision=0, threads=1
)


def make(source: Path, recipes: list[Recipe], folder: Path) -> Run:
    with Processes() as processes:
        return make_recipes(
            source,
            recipes,
            CORPUS,
            folder,
            source_sha256=file_sha256(source),
            options=COMPARING,
            means=Means(processes, LocalExecutor(processes)),
        )


def test_the_better_file_is_kept(source: Path, groups: list[TensorGroup], tmp_path: Path) -> None:
    good = of_type(source, groups, "Q4_1")
    # Made by losses that are not true: it spends all on what hardly matters.
    untrue = groups_of_file(source, dict.fromkeys(LOSSES, 0.0) | {"ffn_up": 9.0})
    bad = recipe_within(
        source, untrue, planned(source, "Q5_0"), SizeLimit("6.1 bpw", bits=6.1), PLAIN
    )
    folder = tmp_path / "out"
    folder.mkdir()
    # As an earlier run made it.
    quantize_file(
        source,
        folder / "tiny-recipe-Q4_1.gguf",
        good.plan,
        source_sha256=file_sha256(source),
        options=good.options,
    )
    run = make(source, [good, bad], folder)
    first, second = run.shown("recipe")
    assert (first["kept"], first["reused"]) == ("recipe", True)
    assert (second["kept"], second["reused"]) == ("preset", False)
    assert sorted(path.name for path in folder.iterdir()) == [
        "tiny-Q5_0.gguf",
        "tiny-recipe-Q4_1.gguf",
        "tiny-recipe-Q4_1.tensor-types.txt",
    ]
    assert Path(first["path"]).stat().st_size == first["file_bytes"] == good.plan.file_bytes
    assert Path(second["preset_path"]).stat().st_size == second["preset_bytes"]
    assert {t.name: t.type for t in read_tensor_table(first["path"])} == first["tensor_types"]
    text = Path(first["rules_path"]).read_text()
    assert text == rules_text(good.options.overrides)
    levels = {model.id: row.value for model in run.models if (row := run.find("kl", model.id))}
    assert levels["tiny-recipe-Q4_1"] < levels["tiny-Q4_1"]
    assert levels["tiny-Q5_0"] < levels["tiny-recipe-6.1bpw"]
    assert [model.path for model in run.models[1:]] == [
        str(folder / f"{name}.gguf")
        for name in ("tiny-recipe-Q4_1", "tiny-Q4_1", "tiny-recipe-6.1bpw", "tiny-Q5_0")
    ]


def test_another_file_in_the_way_is_left(
    source: Path, groups: list[TensorGroup], tmp_path: Path
) -> None:
    recipe = of_type(source, groups, "Q4_1")
    rules = tmp_path / "tiny-recipe-Q4_1.tensor-types.txt"
    rules.write_text("mine")
    with pytest.raises(InputError, match="is not a file that pyengine wrote there"):
        make(source, [recipe], tmp_path)
    rules.unlink()
    (tmp_path / "tiny-recipe-Q4_1.gguf").write_bytes(b"mine")
    with pytest.raises(InputError, match="is not a file that pyengine quantized"):
        make(source, [recipe], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny-recipe-Q4_1.gguf"]


def test_a_plan_writes_nothing(source: Path, groups: list[TensorGroup], tmp_path: Path) -> None:
    recipe = of_type(source, groups, "Q4_1")
    run = planned_recipes(source, [recipe], tmp_path / "out", threads=1)
    assert not list(tmp_path.iterdir())
    (told,) = run.shown("recipe")
    assert (told["kept"], told["recipe_model"]) == (None, None)
    assert told["file_bytes"] == recipe.plan.file_bytes
    assert len(told["groups"]) == len(groups)


def test_a_real_model_is_planned_to_the_byte(stories: Path, tmp_path: Path) -> None:
    groups = groups_of_file(stories, {"token_embd": 0.05, "ffn_down": 0.03})
    recipe = of_type(stories, groups, "Q5_0")
    assert 0.97 * recipe.preset.file_bytes < recipe.plan.file_bytes <= recipe.preset.file_bytes
    target = tmp_path / "made.gguf"
    quantize_file(
        stories,
        target,
        recipe.plan,
        source_sha256=file_sha256(stories),
        options=recipe.options,
    )
    assert target.stat().st_size == recipe.plan.file_bytes
    made = {tensor.name: tensor.type for tensor in read_tensor_table(target)}
    assert made == {tensor.name: tensor.type for tensor in recipe.plan.tensors}
