"""The page about gates: the steps of its GitHub Actions example run, one by one."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import tiny_models
from command_line import run

PAGE = (Path(__file__).parent.parent / "docs" / "gates.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
# What a step runs, on its own line or folded over the lines below.
STEPS = [
    " ".join(text.removeprefix(">").split())
    for text in re.findall(r"^      - run: (.*(?:\n {10}.*)*)", EXAMPLE, flags=re.MULTILINE)
]
QUICK = "--threads 1 --no-starts --continuations 0"


def test_the_example_is_yaml_and_its_steps_are_found() -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    steps = yaml.safe_load(EXAMPLE)["jobs"]["gates"]["steps"]
    assert [" ".join(step["run"].split()) for step in steps if "run" in step] == STEPS
    assert [step.partition(" ")[0] for step in STEPS] == ["pip", *["pyengine"] * 3]


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("pyengine", path=str(Path(sys.executable).parent)) is None,
    reason="the command is not installed beside this Python",
)
def test_the_steps_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_models.write_plain(tmp_path / "f16.gguf", n_embd=64, scale=0.1)
    (tmp_path / "src").mkdir()
    for i in range(3):
        (tmp_path / "src" / f"m{i}.py").write_text(f"def f{i}(x):\n    return x + {i}\n\n" * 4)
    summary = tmp_path / "summary.md"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "GITHUB_STEP_SUMMARY": str(summary)}

    def step(command: str) -> tuple[int, str]:
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stderr

    _, quantize, compare, report = STEPS
    assert step(quantize) == (0, "")
    assert step(compare.replace("--json", f"{QUICK} --json")) == (0, "")
    shutil.copy(tmp_path / "compare.json", tmp_path / "baseline.json")
    assert step(report) == (0, "")
    assert "| **f16-Q4_K_M** | passes |" in summary.read_text(encoding="utf-8")
    suites = ElementTree.parse(tmp_path / "gates.xml").getroot()
    assert (suites.get("tests"), suites.get("failures")) == ("2", "0")
    assert '"2 gates passed"' in (tmp_path / "badge.json").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    words = shlex.split(report.partition(" >> ")[0].replace("kl_high > 0.5", "kl_high > 0"))
    failed = run(*words[1:])
    assert failed.code == 1
    assert failed.err.startswith("pyengine: 'kl_high > 0' holds for f16-Q4_K_M (kl_high ")
    assert ElementTree.parse(tmp_path / "gates.xml").getroot().get("failures") == "1"
