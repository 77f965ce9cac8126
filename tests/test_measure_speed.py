"""Timings: at which depth, with which weights and layers, and what is said of slow machines."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tiny_models
from run_samples import GIB, info, made_run, made_timings

from pyengine.choose.candidates import candidates_of
from pyengine.measure import speed
from pyengine.measure.options import CompareOptions
from pyengine.measure.speed import SpeedOptions, speed_measurements, speed_notes, timed_alone
from pyengine.models.devices import Device, other_layers
from pyengine.models.machine import swapped_bytes
from pyengine.models.options import ModelOptions
from pyengine.picking import search
from pyengine.picking.order import Offer
from pyengine.picking.search import Search
from pyengine.run import Run

QUICK = SpeedOptions(repeats=2, prompt_tokens=16, generated_tokens=4, depth=40)
TIMING: dict[str, Any] = {
    "load_seconds": [1.0],
    "prompt_speeds": [100.0],
    "generation_speeds": [20.0],
    "depth": 40,
    "repacked": False,
    "pages_read": 0,
    "swapped_bytes": 0,
    "core_share": 0.98,
    "peak_memory": 2,
    "empty_memory": 1,
    "devices": ["CPU"],
}


class Memory:
    """Stands for a context: notes what is decoded where, and takes so many seconds for a token."""

    def __init__(self, *, recurrent: bool = False, token_seconds: float = 0.0) -> None:
        self.is_recurrent, self.n_vocab, self.devices = recurrent, 300, ("CPU",)
        self.token_seconds, self.now, self.held = token_seconds, 0.0, 0
        self.calls: list[tuple[int, int]] = []
        self.logits = np.zeros((1, 300), dtype=np.float32)
        self.n_ctx = 0

    def decode(self, ids: Sequence[int], places: Sequence[int], *_: object) -> None:
        assert list(places) == list(range(self.held, self.held + len(ids)))
        self.held += len(ids)
        assert self.held <= self.n_ctx
        self.now += self.token_seconds * len(ids)
        self.calls.append((int(places[0]), len(ids)))

    def take_over(self, source: int, target: int, length: int) -> bool:
        assert (source, target) == (0, 0)
        assert not self.is_recurrent
        assert length <= self.held
        self.held = length
        return True

    def clear(self) -> None:
        self.held = 0

    def __enter__(self) -> "Memory":
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401 - a function
    """Measures the speed of a pretended context."""

    def measure(memory: Memory, options: SpeedOptions) -> dict[str, Any]:
        def session(model: Memory, *, options: Any) -> SimpleNamespace:  # noqa: ANN401
            model.n_ctx = options.n_ctx
            return SimpleNamespace(context=model, model=model)

        monkeypatch.setattr(speed, "open_model", lambda *_, **__: memory)
        monkeypatch.setattr(speed, "Session", session)
        monkeypatch.setattr("time.perf_counter", lambda: memory.now)
        monkeypatch.setattr("time.process_time", lambda: memory.now / 4)
        memory.token_seconds = memory.token_seconds or 1e-3
        return speed.measure_speed("x", ModelOptions(), options)

    return measure


def test_every_repetition_begins_at_the_depth(measured: Any) -> None:  # noqa: ANN401
    memory = Memory(token_seconds=0.01)
    found = measured(memory, QUICK)
    filled, repeat = [(0, 16), (16, 16), (32, 8)], [(40, 16), *((56 + i, 1) for i in range(4))]
    assert memory.calls == [*filled, *repeat, *repeat]
    assert memory.n_ctx == 60
    assert found["depth"] == 40
    assert found["generation_speeds"] == pytest.approx([100, 100])
    assert found["prompt_speeds"] == pytest.approx([100, 100])
    assert found["core_share"] == pytest.approx(0.25)


def test_without_depth_the_first_prompt_is_not_timed(measured: Any) -> None:  # noqa: ANN401
    memory = Memory()
    assert measured(memory, replace(QUICK, depth=0))["depth"] == 0
    assert [call for call in memory.calls if call[1] > 1] == [(0, 16)] * 3
    assert memory.n_ctx == 20


def test_a_state_that_cannot_be_cut_goes_on(measured: Any) -> None:  # noqa: ANN401
    memory = Memory(recurrent=True)
    assert measured(memory, QUICK)["depth"] == 40
    assert [call[0] for call in memory.calls if call[1] == 16] == [0, 16, 40, 60]
    assert memory.n_ctx == 80 == memory.held


def test_a_slow_machine_fills_and_generates_what_it_can(measured: Any) -> None:  # noqa: ANN401
    memory = Memory(token_seconds=1.0)
    options = replace(QUICK, seconds=20.0, generated_tokens=100)
    found = measured(memory, options)
    assert found["depth"] == 32  # 16 s for each prompt
    assert sum(count == 1 for _, count in memory.calls) == 2 * 21
    assert found["generation_speeds"] == pytest.approx([1.0, 1.0])
    told = {note.code: note.values for note in speed_notes("m", {**TIMING, **found}, options)}
    assert told["shallow"] == {"depth": 32, "asked": 40, "seconds": 20.0}
    assert told["slow"] == {"speed": pytest.approx(1.0), "reading": 5.0}


@pytest.mark.parametrize(
    ("found", "codes"),
    [
        ({}, []),
        ({"depth": 39}, ["shallow"]),
        ({"pages_read": 100, "swapped_bytes": 1 << 20}, []),
        ({"pages_read": 101}, ["swapping"]),
        ({"swapped_bytes": (1 << 20) + 1}, ["swapping"]),
        ({"generation_speeds": [4.0, 5.0, 9.0]}, []),
        ({"generation_speeds": [4.0, 4.9, 9.0]}, ["slow"]),
        ({"core_share": 0.8}, []),
        ({"core_share": 0.79}, ["busy"]),
        ({"not_repacked": "killed"}, ["not-repacked"]),
    ],
)
def test_what_is_said_of_timings(found: dict[str, Any], codes: list[str]) -> None:
    assert [note.code for note in speed_notes("m", {**TIMING, **found}, QUICK)] == codes


def test_a_repacked_copy_is_not_called_the_memory_that_is_needed() -> None:
    plain = {row.metric for row in speed_measurements("m", TIMING)}
    repacked = {row.metric for row in speed_measurements("m", {**TIMING, "repacked": True})}
    assert plain - repacked == {"peak_memory", "empty_memory"}
    assert "generation_speed" in repacked


def test_swapped_bytes_are_the_kernels(tmp_path: Path) -> None:
    assert swapped_bytes(tmp_path) == 0
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "vmstat").write_text("pgpgin 7\npswpin 3\npswpout 40\nnr_free 9\n")
    assert swapped_bytes(tmp_path) == 43 * os.sysconf("SC_PAGESIZE")


def dies_repacked(path: str, opening: ModelOptions, options: SpeedOptions) -> dict[str, Any]:
    """Stands for a machine whose matrix instructions fault."""
    if opening.use_extra_bufts:
        os.abort()
    return {**TIMING, "depth": options.depth, "devices": [path]}


def test_where_repacking_kills_it_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.setattr(speed, "measure_speed", dies_repacked)
    found = timed_alone("x", ModelOptions(), replace(QUICK, repack=True))
    assert found["repacked"] is False
    assert "died with SIGABRT" in found["not_repacked"]
    assert found["devices"] == ["x"]
    never = timed_alone("x", ModelOptions(), QUICK)
    assert "not_repacked" not in never


@pytest.mark.parametrize("name", ["plain", "rwkv"])
def test_real_models_are_timed_at_a_depth(name: str, shared: Path, tmp_path: Path) -> None:
    path = shared / "models" / "tiny-rwkv-7v0-834k-f16.gguf"
    if name == "plain":
        path = tiny_models.write_plain(tmp_path / "plain.gguf")
    found = timed_alone(str(path), ModelOptions(), QUICK)
    assert found["depth"] == 40
    assert min(found["generation_speeds"] + found["prompt_speeds"]) > 0


def test_a_depth_leaves_room_for_what_is_timed() -> None:
    whole = SpeedOptions(depth=8192)
    assert whole.within(None).depth == whole.within(9000).depth == 8192
    fitted = whole.within(8192)
    assert fitted.depth + fitted.prompt_tokens + fitted.generated_tokens == 8192
    assert (fitted.prompt_tokens, fitted.generated_tokens) == (256, 64)
    assert whole.within(64).depth == 0


def test_a_gpu_is_timed_with_no_layer_and_with_all() -> None:
    cpu, gpu = Device("CPU", "cpu", ""), Device("CUDA0", "gpu", "0")
    assert other_layers(0, [cpu]) == []
    assert other_layers(0, [cpu, gpu]) == [-1]
    assert other_layers(-1, [cpu, gpu]) == [0]
    assert other_layers(9, [cpu, gpu]) == [0, -1]


@pytest.fixture
def timing_search(monkeypatch: pytest.MonkeyPatch) -> tuple[Search, list[tuple[int, SpeedOptions]]]:
    """A search of three files; its timings reach a depth of 30 and do not repack."""
    asked: list[tuple[int, SpeedOptions]] = []

    def time(
        models: Sequence[Any],
        _: object,
        how: SpeedOptions,
        __: object,
        *,
        layers: int | None = None,
    ) -> Run:
        asked.append((layers or 0, how))
        found = made_timings(models)
        content = {**TIMING, "depth": min(how.depth, 30)}
        exhibit = {"kind": "timing", "model": models[0].id, "content": content}
        rows = [replace(row, value=row.value + (layers or 0)) for row in found.measurements]
        return Run.model_validate({**found.model_dump(), "exhibits": [exhibit]}).model_copy(
            update={"measurements": rows}
        )

    monkeypatch.setattr(search, "time_models", time)
    made = Search.__new__(Search)
    made.timings, made.layers = {}, [-1]
    made.options, made.speed = CompareOptions(), replace(QUICK, repack=True)
    subjects = {name: SimpleNamespace(info=info(name, 1.0), n_positions=None) for name in "abc"}
    made.means = SimpleNamespace(subjects=subjects)  # type: ignore[assignment]
    made.offers = [
        Offer(name=n, reference=n, file_type="", size=1, n_params=1, bits_per_weight=8.0)
        for n in "abc"
    ]
    monkeypatch.setattr(made, "ready", lambda _: Path())
    return made, asked


def test_files_are_timed_as_deep_as_the_first(
    timing_search: tuple[Search, list[tuple[int, SpeedOptions]]],
) -> None:
    made, asked = timing_search
    for name in "abc":
        made._time(name)
        made._time(name)  # once is enough
    assert [how.depth for _, how in asked] == [40, 30, 30]
    assert [how.repack for _, how in asked] == [True, False, False]
    assert [how.seconds for _, how in asked] == [15, 60, 60]  # four times the patience


def test_other_layers_are_rows_of_their_own(
    timing_search: tuple[Search, list[tuple[int, SpeedOptions]]],
) -> None:
    made, asked = timing_search
    speeds = [made._time("a"), made._time("a", -1)]
    assert [layers for layers, _ in asked] == [0, -1]
    assert speeds == [50.0, 49.0]
    assert made.offers[0].speed == 50.0
    rows = [row for run in made.timings.values() for row in run.select("generation_speed")]
    assert [row.group for row in rows] == ["", "gpu_layers=-1"]
    models = [info("r", 2.0), info("a", 1.0)]
    record = made_run(models, [row for run in made.timings.values() for row in run.measurements])
    (candidate,) = candidates_of([record])
    assert candidate.speed == 50.0  # conditions mean the layers that were asked for
    assert candidate.memory == 9 * GIB
