"""Without the right llama-cpp-python, or the core: an ImportError, a sentence; reading works."""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from report_samples import sweep_of_few_pictures

from pyengine.commands.app import COMMANDS, WITHOUT_CORE, run
from pyengine.run import save
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
    """Put a folder of all packages without that one's metadata in the place of theirs."""
    installed, bare = sysconfig.get_path("purelib"), folder / "bare"
    bare.mkdir()
    for path in Path(installed).iterdir():
        if not path.name.startswith("llama_cpp_python-"):
            (bare / path.name).symlink_to(path)
    (folder / "sitecustomize.py").write_text(
        "import sys\n"
        f"sys.path = [{str(bare)!r} if path == {installed!r} else path for path in sys.path]\n"
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


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in WITHOUT_CORE])
def test_every_command_that_needs_a_model_does(tmp_path: Path, name: str) -> None:
    other_version(tmp_path)
    is_one_sentence(start([SCRIPT, name], tmp_path), "9.9.9")


@pytest.mark.parametrize("arguments", [[], ["--version"], ["report", "--schema"]])
def test_what_needs_no_model_works(tmp_path: Path, arguments: list[str]) -> None:
    other_version(tmp_path)
    ended = start([SCRIPT, *arguments], tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout


@BROKEN
def test_python_gets_an_import_error(
    tmp_path: Path, damage: Callable[[Path], None], reason: str
) -> None:
    damage(tmp_path)
    ended = start([sys.executable, "-c", "import pyengine; pyengine.open_model()"], tmp_path)
    assert ended.returncode == 1
    last = ended.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError:")
    assert reason in last
    assert f"pip install {REPAIR}" in last or f"--no-deps {REPAIR}" in last


HIDE_THE_CORE = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name in ("pyengine._core", "pyengine._build_info") or name.startswith("llama_cpp"):
            raise ModuleNotFoundError(f"No module named {name!r}")

sys.meta_path.insert(0, Hidden())
"""


def without_core(code: str, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", HIDE_THE_CORE + code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "result.json"
    save(sweep_of_few_pictures(), path)
    return path


def test_a_saved_result_is_loaded_without_the_core(saved: Path) -> None:
    code = """
import pyengine
run = pyengine.load(sys.argv[1])
print(run.table("kl"), run.verdicts(margin=0.1), run._repr_html_(), repr(run))
print(*(name for name in sys.modules if name == "pyengine._core" or "llama" in name))
pyengine.open_model()
"""
    ended = without_core(code, saved)
    assert ended.stdout.count("\n") > 3
    assert ended.stdout.splitlines()[-1] == ""
    assert ended.stderr.splitlines()[-1].startswith("ModuleNotFoundError: No module named")


@pytest.mark.parametrize(
    "options",
    [["report"], ["report", "-o", "page.html"], ["report", "--csv", "rows.csv"], ["recommend"]],
    ids=["report", "page", "csv", "recommend"],
)
def test_a_saved_result_is_shown_without_the_core(
    saved: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    monkeypatch.chdir(saved.parent)
    code = "from pyengine.commands.app import run\nprint(run(sys.argv[1:]))"
    ended = without_core(code, *options, saved)
    assert (ended.stdout.splitlines()[-1], ended.stderr) == ("0", "")
    probed = without_core(code, "probe")
    assert probed.stdout == "3\n"
    assert probed.stderr.startswith("pyengine: this installation is broken: ")


def test_a_program_that_only_has_the_name_gets_one_too(tmp_path: Path) -> None:
    other_version(tmp_path)
    program = tmp_path / "bin" / "pyengine"
    program.parent.mkdir()
    program.write_text("import pyengine\npyengine.open_model()\n")
    ended = start([sys.executable, str(program)], tmp_path)
    assert ended.returncode == 1
    assert "ModuleNotFoundError" in ended.stderr or "ImportError" in ended.stderr


def test_a_module_that_is_missing_is_no_defect(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pyengine.commands.doctor", None)
    assert run(["doctor"]) == 3
    complaint = capsys.readouterr().err
    assert complaint.startswith("pyengine: this installation is broken: ")
    assert "pyengine.commands.doctor" in complaint


@pytest.mark.parametrize(
    ("argv", "orig_argv", "expected"),
    [
        (["/usr/bin/pyengine", "probe"], ["python", "/usr/bin/pyengine", "probe"], True),
        (["-m", "probe"], ["python", "-W", "error", "-m", "pyengine", "probe"], True),
        (["-m", "pyengine"], ["python", "-m", "other", "pyengine"], False),
        (["-m"], ["python", "-m", "pyengine.models.child"], False),
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
