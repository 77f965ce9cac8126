"""The documented exit codes where the system, and not an argument, is at fault."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_models

from pyengine.commands import app, doctor
from pyengine.commands.app import run

LIMIT = 100_000


def limit_files() -> None:
    """Let no file grow beyond LIMIT bytes, as on a disk that is full then."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))


def pyengine(*arguments: str, stdout: int = subprocess.PIPE) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "pyengine", *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        preexec_fn=limit_files,
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("form", ["--json", "--markdown"])
def test_a_full_disk_behind_stdout_is_one_sentence(tmp_path: Path, form: str) -> None:
    source = tmp_path / "tiny-f32.gguf"
    tiny_models.write_plain(source)
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        ended = pyengine("quantize", str(source), "--to", "Q8_0", "--dry-run", form, stdout=full)
    finally:
        os.close(full)
    assert ended.returncode == 2
    assert ended.stderr == ("pyengine: the output cannot be written: No space left on device\n")


def test_a_disk_that_fills_while_quantizing_leaves_nothing(tmp_path: Path) -> None:
    source = tmp_path / "tiny-f32.gguf"
    tiny_models.write_plain(source, n_embd=256)
    target = tmp_path / "made"
    target.mkdir()
    ended = pyengine("quantize", str(source), "--to", "Q8_0", "--output-dir", str(target))
    assert ended.returncode == 2
    assert "cannot be written" in ended.stderr
    assert "free" in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert list(target.iterdir()) == []


def test_a_quantizer_that_is_killed_is_no_bad_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "tiny-f32.gguf"
    tiny_models.write_plain(source)
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(
        "import os, sys\nif 'pyengine.models.child' in sys.orig_argv: os.kill(os.getpid(), 9)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(hook))
    target = tmp_path / "made"
    target.mkdir()
    assert run(["quantize", str(source), "--to", "Q8_0", "--output-dir", str(target)]) == 3
    assert "died with signal 9" in capfd.readouterr().err
    assert list(target.iterdir()) == []


def test_a_defect_has_its_own_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("nobody thought of this")

    monkeypatch.setattr(doctor, "command", fail)
    assert run(["doctor"]) == 3
    complaint = capsys.readouterr().err
    assert "nobody thought of this" in complaint
    assert complaint.endswith("pyengine: internal error; please report it with the lines above\n")


def test_an_interrupt_while_a_module_is_imported_is_an_interrupt(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        # As a compiled module says it whose initialisation was interrupted.
        monkeypatch.setattr(app, "signal_arrived", lambda: True)
        raise ImportError("initialization failed") from KeyboardInterrupt()

    monkeypatch.setattr(app, "import_core", interrupted)
    assert run(["doctor"]) == 130
    assert capsys.readouterr().err == "pyengine: interrupted\n"
