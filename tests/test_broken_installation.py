"""Without the right llama-cpp-python: ImportError in Python, one sentence from every command."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from pyengine.cli.app import COMMANDS, run
from pyengine.startup import started_as_command

SCRIPT = str(Path(sys.executable).with_name("pyengine"))
MODULE = [sys.executable, "-m", "pyengine"]
REPAIR = "llama-cpp-python==0.3.36"


def other_version(folder: Path) -> None:
    info = folder / "llama_cpp_python-9.9.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: llama-cpp-python\nVersion: 9.9.9\n"
    )


def no_distribution(folder: Path) -> None:
    (folder / "sitecustomize.py").write_text(
        "import importlib.metadata as metadata\n"
        "def version(name): raise metadata.PackageNotFoundError(name)\n"
        "metadata.version = version\n"
    )


def no_library(folder: Path) -> None:
    (folder / "llama_cpp").mkdir()
    (folder / "llama_cpp" / "__init__.py").touch()


def garbage_as_library(folder: Path) -> None:
    no_library(folder)
    (folder / "llama_cpp" / "lib").mkdir()
    for name in ("libllama.so", "libllama.dylib"):
        (folder / "llama_cpp" / "lib" / name).write_text("no library")


BREAKERS: dict[str, tuple[Callable[[Path], None], str]] = {
    "another version": (other_version, "finds 9.9.9"),
    "none": (no_distribution, "not installed"),
    "no library": (no_library, "damaged"),
    "garbage": (garbage_as_library, "damaged"),
}
BROKEN = pytest.mark.parametrize(("damage", "reason"), BREAKERS.values(), ids=list(BREAKERS))


def start(command: Sequence[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(folder)},
    )


def is_one_sentence(ended: "subprocess.CompletedProcess[str]", reason: str) -> None:
    assert ended.returncode == 3
    assert ended.stdout == ""
    assert ended.stderr.startswith("pyengine: this installation is broken: ")
    assert ended.stderr.count("\n") == 1
    assert reason in ended.stderr
    assert REPAIR in ended.stderr


@BROKEN
@pytest.mark.parametrize("program", [[SCRIPT], MODULE], ids=["script", "module"])
def test_the_command_line_says_it_in_one_sentence(
    tmp_path: Path, damage: Callable[[Path], None], reason: str, program: list[str]
) -> None:
    damage(tmp_path)
    is_one_sentence(start([*program, "probe"], tmp_path), reason)


@pytest.mark.parametrize("arguments", [[], ["--version"], *([name] for name in COMMANDS)])
def test_every_command_does(tmp_path: Path, arguments: list[str]) -> None:
    other_version(tmp_path)
    is_one_sentence(start([SCRIPT, *arguments], tmp_path), "9.9.9")


@BROKEN
def test_python_gets_an_import_error(
    tmp_path: Path, damage: Callable[[Path], None], reason: str
) -> None:
    damage(tmp_path)
    ended = start([sys.executable, "-c", "import pyengine"], tmp_path)
    assert ended.returncode == 1
    last = ended.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError:")
    assert reason in last
    assert f"pip install {REPAIR}" in last or f"--no-deps {REPAIR}" in last


def test_a_program_that_only_has_the_name_gets_one_too(tmp_path: Path) -> None:
    other_version(tmp_path)
    program = tmp_path / "bin" / "pyengine"
    program.parent.mkdir()
    program.write_text("import pyengine\npyengine.open_model\n")
    ended = start([sys.executable, str(program)], tmp_path)
    assert ended.returncode == 1
    assert "ModuleNotFoundError" in ended.stderr or "ImportError" in ended.stderr


def test_a_module_that_is_missing_is_no_defect(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pyengine.cli.doctor", None)
    assert run(["doctor"]) == 3
    complaint = capsys.readouterr().err
    assert complaint.startswith("pyengine: this installation is broken: ")
    assert "pyengine.cli.doctor" in complaint


@pytest.mark.parametrize(
    ("argv", "orig_argv", "expected"),
    [
        (["/usr/bin/pyengine", "probe"], ["python", "/usr/bin/pyengine", "probe"], True),
        (["-m", "probe"], ["python", "-W", "error", "-m", "pyengine", "probe"], True),
        (["-m", "pyengine"], ["python", "-m", "other", "pyengine"], False),
        (["-m"], ["python", "-m", "pyengine.engine.child"], False),
        (["/usr/bin/pytest", "pyengine"], ["python", "/usr/bin/pytest", "pyengine"], False),
        (["-c"], ["python", "-c", "import pyengine"], False),
        ([""], ["python"], False),
        ([], [], False),
    ],
)
def test_the_command_line_is_known_by_its_arguments(
    argv: list[str], orig_argv: list[str], expected: bool
) -> None:
    assert started_as_command(argv, orig_argv) is expected
