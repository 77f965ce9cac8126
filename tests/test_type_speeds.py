"""Speed as a second budget of recipes: what types take for a token, from timings that are made."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import command_line
import numpy as np
import pytest
import tiny_architectures
import tiny_models
from recipe_samples import groups_of_file, plans_here, sample_recipes, sensitivity_of_file
from test_measure_speed import TIMING
from test_quantize_engine import write_imatrix

from pyengine.errors import OptionError
from pyengine.measure import sweep
from pyengine.measure.quantize_plans import SizeLimit
from pyengine.measure.sensitivity_groups import TensorGroup
from pyengine.measure.speed import SpeedOptions
from pyengine.models.gguf import read_tensor_table
from pyengine.models.quantize_options import QuantizationPlan, QuantizeOptions
from pyengine.models.quantize_plan import plan_here
from pyengine.picking import by_recipe, kept_timings, recipes, type_speeds
from pyengine.picking.recipe_files import _keep
from pyengine.picking.recipes import recipe_within
from pyengine.picking.type_speeds import (
    SpeedAsked,
    TypeSpeeds,
    measure_type_speeds,
    weights_of_a_token,
)
from pyengine.run import Run, to_json

PLAIN = QuantizeOptions(threads=1)
LOSSES = {"token_embd": 0.061, "output": 0.024, "attn_v": 0.030, "attn_output": 0.021}
ERRORS = {"q4_0": 8e-3, "q4_1": 7e-3, "q5_0": 2e-3, "q8_0": 3e-5, "f32": 0.0}
# Nanoseconds of a weight: q5_0 takes longer than larger types do.
NANOSECONDS = {"q4_0": 50.0, "q4_1": 62.0, "q5_0": 110.0, "q8_0": 70.0, "f32": 150.0}
FIXED, OF_DEPTH = 2e-3, 1e-6
HOW = SpeedOptions(repeats=3, depth=1000)


def seconds_of(path: str | Path, types: Mapping[str, str], depth: int = 0) -> float:
    """What a token takes, where this is a matter of weights alone."""
    table = read_tensor_table(path)
    needed = weights_of_a_token(Path(path), table)
    taken = [
        needed[tensor.name] * NANOSECONDS[types.get(tensor.name, tensor.type)] * 1e-9
        for tensor in table
        if len(tensor.shape) > 1
    ]
    return FIXED + OF_DEPTH * depth + sum(taken)


def timing_of(seconds: float, depth: int, **more: object) -> dict[str, Any]:
    """A timing of three repetitions around so many seconds for a token."""
    return {
        **TIMING,
        "generation_speeds": [part / seconds for part in (1.0, 0.98, 1.02)],
        "depth": depth,
        **more,
    }


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.write_spread(tmp_path_factory.mktemp("source") / "tiny-f32.gguf")


@pytest.fixture(scope="module")
def groups(source: Path) -> list[TensorGroup]:
    return groups_of_file(source, LOSSES, ERRORS)


@pytest.fixture
def made(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The files that are timed, and how deep: they are empty, and their types are remembered."""
    planned: dict[str, QuantizationPlan] = {}
    timed: list[tuple[str, int]] = []

    def quantize(_: Path, place: Path, plan: QuantizationPlan, **__: object) -> None:
        assert not [path for path in place.parent.iterdir() if path.suffix == ".gguf"]
        place.touch()
        planned[str(place)] = plan

    def time(path: str, _: object, options: SpeedOptions) -> dict[str, Any]:
        assert Path(path).exists()
        tensors = planned[path].tensors if path in planned else read_tensor_table(source)
        types = {tensor.name: tensor.type for tensor in tensors}
        timed.append((Path(path).stem, options.depth))
        depth = min(options.depth, 500)  # no time for more
        return timing_of(seconds_of(source, types, depth), depth, core_share=0.4)

    for module in (type_speeds, recipes):
        monkeypatch.setattr(module, "plan_quantization", plans_here)
    monkeypatch.setattr(kept_timings, "quantize_file", quantize)
    monkeypatch.setattr(kept_timings, "timed_alone", time)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return timed


def speeds_at(source: Path, groups: Sequence[TensorGroup], least: float) -> TypeSpeeds:
    found, notes = measure_type_speeds(
        source,
        groups,
        SpeedAsked(least=least, how=HOW),
        options=PLAIN,
        progress=lambda *_: None,
    )
    told = [(note.code, note.model) for note in notes]
    assert told == [("shallow", "tiny-q8_0"), ("busy", "tiny-q8_0")]
    return found


def test_each_type_is_timed_once_and_nothing_stays(
    source: Path,
    groups: list[TensorGroup],
    tmp_path: Path,
    made: list[tuple[str, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "files").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "files"))
    speeds = speeds_at(source, groups, 30)
    assert made == [
        ("tiny-q8_0", 1000 - 256 - 64),
        ("tiny-q8_0", 0),
        ("tiny-f32", 0),  # is there already
        *((f"tiny-{name}", 0) for name in ("q4_0", "q4_1", "q5_0")),
    ]
    assert not list((tmp_path / "files").iterdir())
    assert speeds.how == replace(HOW, depth=500, seconds=60.0)
    assert set(speeds.types) == set(ERRORS)
    content = speeds.exhibit().content
    assert (content["depth"], content["base"], content["asked"]) == (500, "q8_0", 30)
    of_q4 = next(one for one in content["types"] if one["type"] == "q4_0")
    assert of_q4["low"] < of_q4["value"] < of_q4["high"]


def test_timings_are_kept_for_a_day(
    source: Path,
    groups: list[TensorGroup],
    tmp_path: Path,
    made: list[tuple[str, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def again(
        n_threads: int = 1, options: QuantizeOptions = PLAIN, n_types: float = math.inf
    ) -> tuple[TypeSpeeds, list[str], dict[str, Any]]:
        """Speeds, the types that were timed for them, and what is told of those that were not."""

        def progress(_: str, part: float) -> None:
            if part * len(ERRORS) >= n_types:
                raise KeyboardInterrupt

        made.clear()
        asked = SpeedAsked(least=20, how=replace(HOW, threads=n_threads))
        found, notes = measure_type_speeds(
            source, groups, asked, options=options, progress=progress
        )
        told = {note.code: dict(note.values) for note in notes}
        return found, [name for name, _ in made], told.get("kept-timings", {})

    everything = [f"tiny-{name}" for name in ("q8_0", "q8_0", "f32", "q4_0", "q4_1", "q5_0")]
    begin = 86400.0 * 365 + 60
    monkeypatch.setattr("time.time", lambda: begin)
    with pytest.raises(KeyboardInterrupt):
        again(n_types=3)
    assert [name for name, _ in made] == everything[:4]
    kept = {"n": 4, "n_timings": 6, "since": "1971-01-01 00:01 UTC"}
    first, *told = again()
    assert told == [everything[4:], kept]
    assert again() == (first, [], {**kept, "n": 6})
    assert again(n_threads=2)[1:] == (everything, {})
    write_imatrix(tmp_path / "matrix.gguf", source)
    assert again(options=replace(PLAIN, imatrix=tmp_path / "matrix.gguf"))[1:] == (everything, {})
    monkeypatch.setattr("time.time", lambda: begin + 86399)
    assert again() == (first, [], {**kept, "n": 6})
    monkeypatch.setattr("time.time", lambda: begin + 86400)
    assert again()[1:] == (everything, {})


def test_what_is_predicted_is_what_a_file_takes(
    source: Path, groups: list[TensorGroup], made: list[tuple[str, int]]
) -> None:
    speeds = speeds_at(source, groups, 30)
    types = [sorted(ERRORS)[n % len(ERRORS)] for n in range(len(groups))]
    told = speeds.predicted((g.tensors, t) for g, t in zip(groups, types, strict=True))
    own = {name: t for g, t in zip(groups, types, strict=True) for name in g.tensors}
    assert told.value == pytest.approx(1 / seconds_of(source, own, 500))
    assert told.low < told.value / 1.02 < told.value < told.value * 1.02 < told.high
    taken = sum(speeds.beyond(g.tensors, t) for g, t in zip(groups, types, strict=True))
    assert taken / 1e12 == pytest.approx(1 / told.value - speeds.base.value, abs=1e-10)
    assert speeds.most / 1e12 == pytest.approx(1 / 30 - speeds.base.value, abs=1e-10)
    assert made


def test_no_recipe_of_the_size_that_is_fast_enough_loses_less(
    source: Path, groups: list[TensorGroup], made: list[tuple[str, int]]
) -> None:
    """Of all ways to choose for some groups; the others have their types in the preset."""
    assert made == []
    few = sorted(groups, key=lambda group: -group.n_weights)[:4]
    speeds = speeds_at(source, groups, 30)
    preset = plan_here(str(source), "Q4_0", PLAIN)
    limit = SizeLimit("5.9bpw", bits=5.9)
    free = recipe_within(source, few, preset, limit, PLAIN, replace(speeds, asked=1))
    assert free.chosen == recipe_within(source, few, preset, limit, PLAIN).chosen
    assert free.speed is not None
    ways = []
    for way in product(*(group.choices for group in few)):
        chosen = [(group.tensors, choice.type) for group, choice in zip(few, way, strict=True)]
        bits = 8 * sum(choice.n_bytes for choice in way)
        speed = speeds.predicted(chosen).value
        ways.append((bits, speed, sum(choice.kl for choice in way)))
    most = 8 * sum(choice.n_bytes for _, choice in free.chosen)
    spare = 5.9 * _n_weights(source) - free.plan.bits_per_weight * _n_weights(source)
    fastest = max(speed for bits, speed, _ in ways if bits <= most + spare)
    losses = set()
    for asked in np.linspace(free.speed.value, fastest, 8)[1:].tolist():
        found = recipe_within(source, few, preset, limit, PLAIN, replace(speeds, asked=asked))
        assert found.speed is not None
        assert found.speed.value >= asked * (1 - 1e-9)
        assert found.plan.bits_per_weight <= 5.9
        within = [kl for bits, speed, kl in ways if bits <= most + spare and speed >= asked]
        assert found.kl == pytest.approx(min(within))
        losses.add(found.kl)
    assert len(losses) > 2
    with pytest.raises(OptionError, match=r"of at most 5\.9bpw writes 1000 tokens/s") as told:
        recipe_within(source, few, preset, limit, PLAIN, replace(speeds, asked=1000))
    assert f"is predicted to write {fastest:.3g} (" in str(told.value)


def _n_weights(source: Path) -> int:
    return sum(tensor.n_bytes // 4 for tensor in read_tensor_table(source))


def test_of_experts_those_that_are_asked_count(tmp_path: Path) -> None:
    path = tmp_path / "moe.gguf"
    tiny_architectures.write(path, "qwen3moe")
    table = read_tensor_table(path)
    needed = weights_of_a_token(path, table)
    for tensor in table:
        whole = 1
        for length in tensor.shape:
            whole *= length
        if "_exps" in tensor.name:
            assert needed[tensor.name] * tensor.shape[2] == 2 * whole
        else:
            assert needed[tensor.name] == whole


def test_of_an_embedding_that_is_no_output_a_row_is_read(source: Path, tmp_path: Path) -> None:
    tied = tiny_architectures.write(tmp_path / "tied.gguf", "qwen3moe")
    for path, is_tied in ((source, False), (tied, True)):
        table = read_tensor_table(path)
        assert ("output.weight" not in {tensor.name for tensor in table}) == is_tied
        assert (weights_of_a_token(path, table)["token_embd.weight"] > 0) == is_tied


@pytest.fixture
def quantize(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., command_line.Outcome]:
    """The command, on files that are made, with timings that are not."""

    def time(path: str, _: object, options: SpeedOptions) -> dict[str, Any]:
        return timing_of(seconds_of(path, {}, options.depth), options.depth)

    for module in (kept_timings, sweep):
        monkeypatch.setattr(module, "timed_alone", time)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for module in (type_speeds, recipes, by_recipe):
        monkeypatch.setattr(module, "plan_quantization", plans_here)
    (tmp_path / "texts").mkdir()
    for n in range(4):
        text = f"def f{n}(x):\n    return x + {n} * {n * 7}\n" * 3
        (tmp_path / "texts" / f"{n}.py").write_text(text)
    known = sensitivity_of_file(source, tmp_path / "texts", LOSSES, ERRORS)
    (tmp_path / "known.json").write_text(to_json(known))
    words: list[str | Path] = [
        "quantize",
        source,
        "--recipe",
        "--threads",
        "1",
        "--corpus",
        tmp_path / "texts",
    ]
    words += ["--sensitivity", tmp_path / "known.json", "--output-dir", tmp_path / "out"]
    return lambda *more: command_line.run(*words, *more)


def test_the_best_file_that_is_fast_enough_is_written_and_told(
    quantize: Callable[..., command_line.Outcome], tmp_path: Path
) -> None:
    found = quantize("--to", "Q5_0", "--speed", "80", "--json")
    assert found.code == 0, found.err
    run = Run.model_validate(json.loads(found.out))
    (recipe,) = run.shown("recipe")
    row = run.find("generation_speed", recipe["recipe_model"])
    assert row is not None
    assert row.value == pytest.approx(recipe["speed"]["value"], rel=1e-3)
    assert row.value > 80
    assert recipe["kept"] == "recipe"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "tiny-recipe-Q5_0-80tps.gguf",
        "tiny-recipe-Q5_0-80tps.tensor-types.txt",
    ]
    assert run.options["timing"]["depth"] == 2048 - 256 - 64  # the model was trained with 2,048
    (tmp_path / "run.json").write_text(found.out)
    shown = " ".join(command_line.run("report", tmp_path / "run.json").out.split())
    assert "tokens/s here" in shown
    assert "of 80 that were asked for" in shown
    assert "How fast types are here" in shown


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--to", "Q5_0", "--speed", "900"], "of at most Q5_0 writes 900 tokens/s here; the fast"),
        (["--to", "Q5_0", "--speed", "-1"], "--speed must not be negative"),
        (["--to", "Q5_0", "--context", "9"], "--context does nothing without --speed"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    quantize: Callable[..., command_line.Outcome], tmp_path: Path, words: list[str], complaint: str
) -> None:
    found = quantize(*words, "--dry-run")
    assert (found.code, found.out) == (2, "")
    assert complaint in found.err
    assert found.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("times", "speeds", "kept"),
    [
        (0.6, {"recipe": 31.0, "preset": 20.0}, "recipe"),
        (1.5, {"recipe": 31.0, "preset": 20.0}, "recipe"),
        (0.6, {"recipe": 20.0, "preset": 31.0}, "preset"),
        (0.6, {"recipe": 28.0, "preset": 31.0}, "recipe"),  # one repetition was fast enough
        (1.5, {"recipe": 20.0, "preset": 15.0}, "preset"),
        (0.6, {}, "recipe"),
    ],
)
def test_of_two_files_one_that_is_surely_too_slow_is_not_kept(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    times: float,
    speeds: dict[str, float],
    kept: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    run = sample_recipes(times=times, asked_speed=30.0, speeds=speeds)
    paths = [Path(model.path) for model in run.models[1:]]
    for path in paths:
        path.touch()
    by_recipe, by_name = (SimpleNamespace(target=path, write_rules=lambda: None) for path in paths)
    pair: Any = SimpleNamespace(
        recipe=SimpleNamespace(asked_speed=30.0), by_recipe=by_recipe, by_name=by_name
    )
    assert _keep(run, pair, {path: path for path in paths})["kept"] == kept


def test_a_file_that_is_surely_too_slow_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    for speed, code in ((20.0, 1), (28.0, 0)):
        run = sample_recipes(asked_speed=30.0, speeds={"recipe": speed, "preset": 15.0})
        monkeypatch.setattr("pyengine.commands.quantize.quantize", lambda run=run, **_: run)
        found = command_line.run("quantize", "x.gguf", "--recipe", "--to", "Q4_K_M")
        assert found.code == code
        assert "How fast types are here" in found.out
        told = "pyengine: model-recipe-Q4_K_M writes 20 tokens/s here (18 to 22), fewer than the 30"
        assert found.err.startswith(told) == bool(code)
