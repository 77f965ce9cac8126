"""A sweep goes on where it was: a killed process costs its row, and a kill changes no byte."""

import fcntl
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from sweep_samples import SmallSweep, reasons_of, record_of, result_of

from pyengine.commands.app import run
from pyengine.measure import engine
from pyengine.measure import sweep as sweep_recipe

# A process of a model dies as it starts if its number, counted from 0, is among those told.
HOOK = """
import os, pathlib, signal, sys
if "pyengine.models.child" in sys.orig_argv:
    here = pathlib.Path(__file__).parent
    with (here / "started").open("a+b", buffering=0) as started:
        started.seek(0)
        number = len(started.read())
        started.write(b".")
    told = (here / "dying").read_text().split()
    if str(number) in told:
        os.kill(os.getpid(), getattr(signal, (here / "signal").read_text()))
"""


def hook(folder: Path, dying: str, name: str) -> str:
    """Return a folder that, in PYTHONPATH, ends the processes of models so numbered."""
    folder.mkdir()
    for file, text in (("sitecustomize.py", HOOK), ("dying", dying), ("signal", name)):
        (folder / file).write_text(text)
    return str(folder)


@pytest.mark.parametrize("name", ["SIGABRT", "SIGKILL"])
def test_a_crash_costs_its_row_and_can_be_made_up_for(
    sweep: SmallSweep,
    undisturbed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    folder = tmp_path / "sweep"
    models = undisturbed / "models"
    arguments = sweep.command_on(models, folder, "--no-speed", "--json", "--resume")
    with monkeypatch.context() as crashing:
        # 0 is the source; 1 is the first variant.
        crashing.setenv("PYTHONPATH", hook(tmp_path / "hook", "1", name))
        assert run(arguments) == 0
    (reason,) = reasons_of(folder).values()
    assert name in reason
    (survivor,) = (m.id for m in result_of(folder).models[1:] if m.id not in reasons_of(folder))
    assert result_of(folder).find("kl", survivor) == result_of(undisturbed).find("kl", survivor)
    assert run(arguments) == 0
    assert reasons_of(folder) == {}
    for model in ("tiny-Q8_0", "tiny-Q4_0"):
        assert result_of(folder).find("kl", model) == result_of(undisturbed).find("kl", model)


def test_when_every_process_is_killed_one_sentence_says_so(
    sweep: SmallSweep,
    undisturbed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "sweep"
    with monkeypatch.context() as killing:
        # 0 plans, 1 and 2 quantize; whatever measures is killed.
        measuring = " ".join(map(str, range(3, 30)))
        killing.setenv("PYTHONPATH", hook(tmp_path / "hook", measuring, "SIGKILL"))
        assert run(sweep.command(folder, "--json")) == 3
    complaint = capfd.readouterr().err
    assert "the process died with SIGKILL" in complaint
    assert complaint.count("\n") == 1
    assert run(sweep.command(folder, "--json")) == 0
    assert record_of(folder) == record_of(undisturbed)


def test_nothing_measured_is_measured_again(
    sweep: SmallSweep, undisturbed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("something was measured again")

    monkeypatch.setattr(engine, "measure_chunk", refuse)
    monkeypatch.setattr(sweep_recipe, "timed_alone", refuse)
    names = ("results.json", "timings.json")
    before = [(undisturbed / name).read_bytes() for name in names]
    assert run(sweep.command(undisturbed, "--json")) == 0
    assert [(undisturbed / name).read_bytes() for name in names] == before


def test_other_parameters_are_other_measurements(sweep: SmallSweep, tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    arguments = replace(sweep, types="Q8_0").command(folder, "--no-speed", "--json")
    assert run(arguments) == 0
    first = {path.name for path in (folder / "chunks").iterdir()}
    assert run([*arguments, "--tokens", "60"]) == 0
    assert {path.name for path in (folder / "chunks").iterdir()} > first


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
    """Start the command line in a process group of its own, which a signal to it does not leave."""
    return subprocess.Popen(
        [sys.executable, "-m", "pyengine", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        # A test run that was started in the background ignores SIGINT; children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def wait_for_work(sweep: "subprocess.Popen[bytes]") -> None:
    """Wait until a sweep has started the first process of a model, or has ended."""
    children = Path(f"/proc/{sweep.pid}/task/{sweep.pid}/children")
    while sweep.poll() is None and children.exists() and not children.read_text():
        time.sleep(0.02)


def kill_and_resume(arguments: list[str], *, kills: int, seed: int) -> None:
    """Kill a sweep at random moments, each time going on from there, and let the last run end."""
    rng, killed = random.Random(seed), 0
    for _ in range(kills):
        with start(arguments) as child:
            wait_for_work(child)
            time.sleep(rng.uniform(0, 1))
            child.send_signal(signal.SIGKILL)
            killed += child.wait() == -signal.SIGKILL
    assert killed
    with start(arguments) as child:
        assert child.wait() == 0


@pytest.mark.slow
def test_killed_at_random_moments_it_gives_the_same_bytes(
    sweep: SmallSweep, undisturbed: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "sweep"
    kill_and_resume(sweep.command(folder, "--json"), kills=8, seed=5)
    assert record_of(folder) == record_of(undisturbed)
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
    goes_on = "What was finished is kept: the same command with --resume goes on."
    assert complaint == f"{goes_on}\npyengine: interrupted\n"
    assert run(arguments) == 0
    assert record_of(folder) == record_of(undisturbed)
