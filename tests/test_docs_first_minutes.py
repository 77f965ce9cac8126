"""The first minutes: a newcomer's steps run, and the page shows them as the script writes them."""

import importlib.util
import re
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

PROJECT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The script, as a module."""
    path = PROJECT / "benchmarks" / "first_minutes.py"
    spec = importlib.util.spec_from_file_location("first_minutes", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_page_shows_every_step(script: ModuleType) -> None:
    (kept,) = script.KEPT.findall(script.PAGE.read_text(encoding="utf-8"))
    told = re.findall(r"^```\n\$ ([^\n]*)\n(.*?)^```$", kept, flags=re.DOTALL | re.MULTILINE)
    steps = {**script.INSTALL, **script.STEPS}
    commands = [command.format(project=".") for command in steps.values()]
    shown = [command for command, _ in told]
    assert shown in (commands, [*script.STEPS.values()])
    reasons = re.findall(r"^(.*) \((?:[\d.]+ (?:s|min))\)$", kept, flags=re.MULTILINE)
    assert reasons == [*steps][-len(shown) :]
    assert re.search(r"^Together [\d.]+ (s|min)\.$", kept, flags=re.MULTILINE)
    assert "llama-server" in dict(told)["pyengine pick embedded:base models/"]


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("pyengine", path=str(Path(sys.executable).parent)) is None,
    reason="the command is not installed beside this Python",
)
def test_the_steps_run(script: ModuleType, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the plots extra is not installed")
    for n in range(12):
        (tmp_path / f"{n}.py").write_text(f"def f{n}(x):\n    return x + {n}\n" * 4)
    quick = f"--corpus {tmp_path} --repeats 1 --threads 1 --context 256"
    steps = list(script.walk(install=False, options=quick))
    assert [step.command for step in steps] == [*script.STEPS.values()]
    assert all(step.output for step in steps)
    text = script.shown(steps)
    (kept,) = script.KEPT.findall(script.PAGE.read_text(encoding="utf-8"))
    assert text.count("\n$ ") == len(steps)
    assert headings(kept)[-len(headings(text)) :] == headings(text)


def headings(text: str) -> list[str]:
    """The lines that name what a step printed, and no number of it."""
    return [line for line in text.splitlines() if re.fullmatch(r"[A-Z$][^\d.,]*", line)]


def test_times_are_written_as_people_say_them(script: ModuleType) -> None:
    assert [script.spoken(x) for x in (0.04, 9.6, 61, 150)] == ["0.0 s", "9.6 s", "61 s", "2.5 min"]
