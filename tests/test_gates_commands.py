"""The commands that take gates: what they refuse before they measure, and what they do after it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from command_line import run
from evaluation_samples import RATE, made
from report_samples import sample_sweep, sample_timings
from run_samples import failure
from test_gates import compared, picked

from pyengine.commands import compare, evaluate, pick, sweep
from pyengine.errors import PyengineError
from pyengine.run import Run, save, to_json

Give = Callable[[Any, Run], None]


class MeasuredError(PyengineError):
    """Raised where a command begins to measure."""


@pytest.fixture
def give(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Give:
    """Let a command take a run as what it measures."""
    monkeypatch.chdir(tmp_path)

    def replaced(command: Any, found: Run) -> None:  # noqa: ANN401 - a module
        name = command.__name__.rpartition(".")[2]
        monkeypatch.setattr(command, name, lambda *_, **__: found)

    return replaced


@pytest.mark.parametrize("command", [compare, sweep, evaluate, pick])
@pytest.mark.parametrize(
    ("gate", "says"),
    [
        (["--fail-if", "kll > 1"], "no metric 'kll'"),
        (["--fail-if", "kl >"], "expected a number or a name"),
        (["--baseline", "missing.json"], "missing.json: no such file"),
        (["--junit", "gates.xml"], "--junit tells of gates"),
    ],
)
def test_a_gate_that_cannot_be_read_is_refused_before_anything_is_measured(
    command: Any,  # noqa: ANN401 - a module
    gate: list[str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    def measure(*_: object, **__: object) -> None:
        raise MeasuredError

    monkeypatch.chdir(tmp_path)
    name = command.__name__.rpartition(".")[2]
    monkeypatch.setattr(command, name, measure)
    found = run(name, "model.gguf", "other.gguf", *gate) if name != "sweep" else run(name, *gate)
    assert found.code == 2
    assert says in found.err
    assert found.out == ""
    assert list(tmp_path.iterdir()) == []


def test_compare(give: Give, tmp_path: Path) -> None:
    give(compare, compared())
    usual = ("compare", "f16.gguf", "Q8_0.gguf")
    assert run(*usual, "--fail-if", "kl > 0.5").code == 0
    failed = run(*usual, "--fail-if", "kl > 0.1", "--max-kl", "0.05", "--junit", "gates.xml")
    assert failed.code == 1
    assert failed.err == (
        "pyengine: Q4_0: mean KL divergence 0.2, whose 95 % interval 0.18 to 0.22 exceeds 0.05 "
        "nats; 'kl > 0.1' holds for Q4_0 (kl 0.2000), so it fails\n"
    )
    assert "model and its variants" in failed.out
    assert "--fail-if kl > 0.1" in failed.out
    root = ElementTree.parse(tmp_path / "gates.xml").getroot()
    assert [suite.get("name") for suite in root] == ["--max-kl 0.05", "--fail-if kl > 0.1"]
    printed = run(*usual, "--fail-if", "kl > 0.1", "--json")
    assert printed.code == 1
    assert printed.out == to_json(compared())


def test_the_old_limit_says_what_it_said(give: Give) -> None:
    give(compare, compared(failure("Q2_K", "killed")))
    found = run("compare", "f16.gguf", "Q8_0.gguf", "--max-kl", "0.1")
    assert found.code == 1
    assert found.err == (
        "pyengine: Q4_0: mean KL divergence 0.2, whose 95 % interval 0.18 to 0.22 exceeds 0.1 "
        "nats; Q2_K: its measurement failed: killed\n"
    )
    assert "Gates" not in found.out


def test_a_baseline_that_does_not_fit_is_told_after_the_report(give: Give, tmp_path: Path) -> None:
    give(compare, compared())
    save(made(RATE), tmp_path / "old.json")
    found = run("compare", "f16.gguf", "Q8_0.gguf", "--baseline", "old.json")
    assert found.code == 2
    assert "model and its variants" in found.out
    assert found.err.startswith("pyengine: old.json: a record of 'evaluate' has no numbers")


def test_sweep_knows_its_timings(give: Give, monkeypatch: pytest.MonkeyPatch) -> None:
    found, timings = sample_sweep(3), sample_timings(3)
    give(sweep, found)
    monkeypatch.setattr(sweep, "sweep_files", lambda *_: (Path("m"), [], Path("m-sweep")))
    monkeypatch.setattr("pyengine.run.storage.load", lambda _: timings)
    assert run("sweep", "--fail-if", "generation_speed < 1").code == 0
    slow = run("sweep", "--fail-if", "generation_speed < 1000", "--badge", "badge.json")
    assert slow.code == 1
    badge = json.loads(Path("badge.json").read_text(encoding="utf-8"))
    assert badge["message"].endswith("gates failed")


def test_evaluate(give: Give) -> None:
    found = made(RATE, temperature=0.0)
    alone = found.model_copy(update={"options": {**found.options, "reference": None}})
    alone = alone.model_copy(update={"models": found.models[:1], "exhibits": []})
    give(evaluate, alone)
    usual = ("evaluate", "base.gguf", "--json")
    assert run(*usual, "--fail-if", "pass_at_1 < 0.4").code == 0
    both = run(*usual, "--fail-if", "pass_at_1 < 0.6", "--fail-under", "0.2")
    assert both.code == 1
    assert both.err == (
        "pyengine: base: pass@1 50.0 %, whose 95 % interval 9.00 % to 91.0 % begins below 0.2; "
        "'pass_at_1 < 0.6' holds for base (pass_at_1 0.5000), so it fails\n"
    )


def test_pick_judges_the_chosen_file(give: Give) -> None:
    give(pick, picked("Q8_0"))
    usual = ("pick", "models/", "--json")
    assert run(*usual, "--fail-if", "kl > 0.1").code == 0
    found = run(*usual, "--fail-if", "kl > 0.001")
    assert found.code == 1
    assert found.err == "pyengine: 'kl > 0.001' holds for Q8_0 (kl 0.01000), so it fails\n"


def test_the_emulation_has_no_gates(give: Give) -> None:
    give(compare, compared())
    usual = ("compare", "a.gguf", "b.gguf", "--emulate", "llama-perplexity")
    for gate in (("--fail-if", "kl > 1"), ("--junit", "x.xml"), ("--badge", "b.json")):
        found = run(*usual, *gate)
        assert found.code == 2
        assert f"{gate[0]} does not go with --emulate" in found.err


def test_what_is_read_is_not_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save(compared(), "run.json")
    save(compared(), "old.json")
    kept = Path("run.json").read_bytes()
    Path("model.gguf").write_bytes(b"GGUF")
    gate = ("--fail-if", "kl > 9")
    for words, said in (
        (["--junit", "run.json", *gate], "run.json: is read by the same command"),
        (["-o", "./run.json"], "run.json: is read by the same command"),
        (["--csv", tmp_path / "run.json"], "run.json: is read by the same command"),
        (["--badge", "old.json", "--baseline", "old.json"], "old.json: is read"),
        (["--junit", "x", "--badge", "x", *gate], "x: is written by the same command"),
        (["--junit", "model.gguf", *gate], "model.gguf: is a model file"),
    ):
        ended = run("report", "run.json", *words)
        assert (ended.code, ended.err.count("\n")) == (2, 1)
        assert said in ended.err
    assert Path("run.json").read_bytes() == Path("old.json").read_bytes() == kept
    assert Path("model.gguf").read_bytes() == b"GGUF"
    assert not Path("x").exists()
