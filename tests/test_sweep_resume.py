"""A sweep goes on where it was: nothing is measured twice, and a kill changes no byte."""

import fcntl
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from sweep_samples import SmallSweep

from pyengine.cli.app import run
from pyengine.sweep import worker


def test_nothing_measured_is_measured_again(
    sweep: SmallSweep,
    undisturbed: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("something was measured again")

    monkeypatch.setattr(worker.Runner, "run", refuse)
    before = (
        (undisturbed / "results.json").read_bytes(),
        (undisturbed / "timings.json").read_bytes(),
    )
    assert run(sweep.command(undisturbed)) == 0
    after = (undisturbed / "results.json").read_bytes(), (undisturbed / "timings.json").read_bytes()
    assert before == after
    text = capsys.readouterr().out
    assert "Variants of tiny-f32" in text
    assert max(len(line) for line in text.splitlines()) <= 80


def test_the_devices_are_those_that_the_measurements_name(
    sweep: SmallSweep, undisturbed: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "sweep"
    shutil.copytree(undisturbed, folder)
    for path in (folder / "measurements").glob("*.json"):
        record = json.loads(path.read_text())
        assert record["devices"] == ["CPU"]  # as if a worker elsewhere had a GPU
        path.write_text(json.dumps({**record, "devices": ["CUDA0", "CPU"]}))
    assert run(sweep.command(folder, "--json")) == 0
    results, timings = (
        json.loads((folder / name).read_text()) for name in ("results.json", "timings.json")
    )
    assert results["provenance"]["devices"] == ["CUDA0", "CPU"]
    assert timings["provenance"]["devices"] == ["CPU"]
    assert {tuple(record["devices"]) for record in timings["models"].values()} == {("CPU",)}


def test_other_parameters_are_other_measurements(sweep: SmallSweep, tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    arguments = replace(sweep, types="Q8_0").command(folder, "--no-speed", "--json")
    assert run(arguments) == 0
    first = len(list((folder / "measurements").glob("*.json")))
    assert run([*arguments, "--tokens", "60"]) == 0
    assert len(list((folder / "measurements").glob("*.json"))) == 2 * first


def test_a_damaged_measurement_is_made_again(
    sweep: SmallSweep, undisturbed: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "sweep"
    arguments = sweep.command(folder, "--no-speed", "--json")
    assert run(arguments) == 0
    whole = (folder / "results.json").read_bytes()
    assert whole == (undisturbed / "results.json").read_bytes()
    for number, path in enumerate(sorted((folder / "measurements").iterdir())):
        path.write_bytes(path.read_bytes()[: 10 * number])
    assert run(arguments) == 0
    assert (folder / "results.json").read_bytes() == whole


def test_an_earlier_sweep_is_not_mixed_up(
    sweep: SmallSweep, undisturbed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = sweep.command(undisturbed)
    arguments.remove("--resume")
    assert run(arguments) == 2
    assert "--resume" in capsys.readouterr().err


def test_one_sweep_at_a_time(sweep: SmallSweep, tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    folder.mkdir()
    with (folder / "sweep.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert run(sweep.command(folder)) == 2


def start(arguments: list[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "pyengine", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        # A test run that was started in the background ignores SIGINT; children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


@pytest.mark.slow
def test_killed_at_random_moments_it_gives_the_same_bytes(
    sweep: SmallSweep, undisturbed: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "sweep"
    arguments = sweep.command(folder, "--json")
    rng = random.Random(5)
    n_paths = len(list(undisturbed.rglob("*")))
    for goal in sorted(rng.sample(range(n_paths - 4), 5)):
        with start(arguments) as child:
            while child.poll() is None and len(list(folder.rglob("*"))) < goal:
                time.sleep(0.005)
            time.sleep(rng.uniform(0, 0.5))
            child.send_signal(signal.SIGKILL)
    with start(arguments) as child:
        assert child.wait() == 0
    assert (folder / "results.json").read_bytes() == (undisturbed / "results.json").read_bytes()
    assert not any(path.name.startswith(".") for path in folder.rglob("*"))


def test_ctrl_c_leaves_a_sweep_that_goes_on(
    sweep: SmallSweep, undisturbed: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "sweep"
    arguments = sweep.command(folder, "--json")
    with start(arguments) as child:
        while not list(folder.glob("models/tiny-*.gguf")):
            time.sleep(0.02)
        child.send_signal(signal.SIGINT)
        assert child.stderr is not None
        complaint = child.stderr.read().decode()
        assert child.wait() == 130
    assert complaint == "pyengine: interrupted\n"
    assert run(arguments) == 0
    assert (folder / "results.json").read_bytes() == (undisturbed / "results.json").read_bytes()
