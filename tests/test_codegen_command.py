"""Evaluations from the command line, resumed after a kill."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from codegen_samples import TASK_FILE
from tiny_models import Tiny, write_bpe

from pyengine.code.harness.tree import descendants
from pyengine.commands.app import run
from pyengine.run.storage import load, parse

pytestmark = pytest.mark.usefixtures("sandbox")


def command(model: Path, folder: Path, *more: str) -> list[str]:
    sizes = ["--threads", "1", "--jobs", "1", "--max-tokens", "24"]
    return ["evaluate", str(model), "--results", str(folder), *sizes, "--language", "python", *more]


def test_command_line(writer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command(writer, tmp_path, "--limit", "3")) == 0
    text = capsys.readouterr().out
    assert "solves" in text
    assert "pass@1" in text
    assert run(command(writer, tmp_path, "--limit", "3", "--json")) == 0
    assert json.loads(capsys.readouterr().out)["command"] == "evaluate"
    assert run(command(writer, tmp_path, "--limit", "3", "--markdown")) == 0
    assert "| Outcome" in capsys.readouterr().out
    assert run(command(writer, tmp_path, "--limit", "3", "--fail-under", "0.99")) == 1
    assert "begins below 0.99" in capsys.readouterr().err


def test_a_task_to_show_is_looked_for_before_anything_is_written(
    writer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command(writer, tmp_path, "--show", "python/none")) == 2
    assert "no task that will be asked is called 'python/none'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_sweep_evaluates_its_variants(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_bpe(tmp_path / "tiny.gguf", Tiny(fim=False))
    tasks = tmp_path / "tasks.toml"
    tasks.write_text(TASK_FILE, encoding="utf-8")
    (tmp_path / "text.py").write_text("def add(a, b):\n    return a + b\n" * 9)
    folder = tmp_path / "sweep"
    arguments = ["sweep", str(source), "--to", "Q8_0", "--tokens", "100", "--no-speed"]
    arguments += ["--corpus", str(tmp_path / "text.py"), "--context", "64"]
    arguments += ["--workers", "1", "--output-dir", str(folder), "--evaluate", str(tasks)]
    assert run(arguments) == 0
    assert "Tasks that change sides" in capsys.readouterr().out
    result = load(folder / "evaluate.json")
    assert [model.file_type for model in result.models[1:]] == ["Q8_0"]
    assert result.find("kl", result.models[1].id) is not None


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--tasks", "nowhere.toml"], "nowhere.toml"),
        (["--tasks", "no-such-benchmark"], "no-such-benchmark"),
        (["--language", "cobol"], "cobol"),
        (["--samples", "3"], "temperature"),
        (["--samples", "3", "--temperature", "1", "--seed", "4294967293"], "seed"),
        (["--seed", "9" * 30], "seed"),
        (["--top-k", "2147483648"], "top_k"),
        (["--temperature", "1e-40"], "temperature"),
        (["--wall-seconds", "inf"], "wall_s"),
        (["--cpu-seconds", "9" * 30], "cpu_s"),
        (["--memory", "9" * 30], "memory"),
        (["--json", "--markdown"], "exclude"),
        (["--prompt", "chat"], "chat template"),
        (["--until-decided"], "--reference"),
        (["--until-decided", "--show", "python/gcd"], "may leave it out"),
        (["--margin", "1"], "margin"),
    ],
)
def test_bad_usage_is_one_sentence(
    writer: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    message: str,
) -> None:
    assert run(command(writer, tmp_path, *more)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == 1


def finished(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*/*.json")}


def test_a_killed_evaluation_goes_on_where_it_was(writer: Path, tmp_path: Path) -> None:
    program, few = [sys.executable, "-m", "pyengine"], ["--limit", "12", "--json"]
    arguments = [*program, *command(writer, tmp_path / "kept", *few)]
    quiet = {**os.environ, "OMP_NUM_THREADS": "1"}
    for wanted in (2, 5):
        child = subprocess.Popen(
            arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=quiet
        )
        deadline = time.monotonic() + 180
        while len(finished(tmp_path / "kept")) < wanted and time.monotonic() < deadline:
            time.sleep(0.02)
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert wanted <= len(finished(tmp_path / "kept")) < 12
    before = finished(tmp_path / "kept")
    done = subprocess.run(arguments, capture_output=True, check=True, env=quiet)
    kept = finished(tmp_path / "kept")
    assert {name: kept[name] for name in before} == before
    assert len(kept) == 12
    resumed = parse(json.loads(done.stdout), "resumed").shown("answer")
    alone = [*program, *command(writer, tmp_path / "alone", *few)]
    done = subprocess.run(alone, capture_output=True, check=True, env=quiet)
    whole = parse(json.loads(done.stdout), "whole").shown("answer")
    assert len(whole) == 12
    for left, right in zip(resumed, whole, strict=True):
        assert (left["task"], left["reference"]) == (right["task"], right["reference"])
        for name in ("outcome", "completion"):
            assert left["samples"][0][name] == right["samples"][0][name]


SLEEPING = """
[[task]]
name = "%d"
entry_point = "f"
prompt = "import time\\ntime.sleep(60)\\n#"
reference = "x"
tests = "f()"
"""


def test_an_interrupt_waits_for_no_program(writer: Path, tmp_path: Path) -> None:
    tasks = tmp_path / "tasks.toml"
    entries = "".join(SLEEPING % number for number in range(8))
    tasks.write_text(f'language = "python"\n{entries}', encoding="utf-8")
    arguments = [*command(writer, tmp_path / "kept", "--tasks", str(tasks)), "--max-tokens", "1"]
    child = subprocess.Popen(
        [sys.executable, "-m", "pyengine", *arguments, "--wall-seconds", "90"],
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 120
    while not programs_below(child.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert programs_below(child.pid)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=45)  # one program alone would take 60 seconds
    assert child.returncode == 130
    goes_on = "Answers to finished tasks are kept: the same command goes on."
    assert errors.decode() == f"{goes_on}\npyengine: interrupted\n"


def programs_below(pid: int) -> list[int]:
    """Return the processes below `pid` that hold a solution."""
    found = []
    for member in descendants(pid):
        with contextlib.suppress(OSError):
            if b"solver.py" in Path(f"/proc/{member}/cmdline").read_bytes():
                found.append(member)
    return found
