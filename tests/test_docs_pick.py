"""The page about `pick`: its ten questions are answered by one command each."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from command_line import run
from comparison_samples import Quantize
from test_discovery_places import add_to_ollama

PAGE = (Path(__file__).parent.parent / "docs" / "pick.md").read_text(encoding="utf-8")
QUESTIONS = re.findall(r"^\| (.*[?.]) \| `pyengine (.*)` \|$", PAGE, flags=re.MULTILINE)


def test_there_are_ten() -> None:
    assert len(QUESTIONS) == 10


@pytest.fixture(scope="module")
def home(tiny: Path, quantized: Quantize, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of types, their source, some code, and Ollama's store with two tags."""
    home = tmp_path_factory.mktemp("home")
    (home / "FOLDER").mkdir()
    (home / "src").mkdir()
    shutil.copy(tiny, home / "f16.gguf")
    for path in (tiny, quantized("Q8_0"), quantized("Q4_0")):
        shutil.copy(path, home / "FOLDER")
        add_to_ollama(home, f"registry.ollama.ai/library/tiny/{path.stem.lower()}", path)
    for i in range(20):
        (home / "src" / f"m{i}.py").write_text(
            f"def f{i}(x):\n    return x + {i}\n\nprint(f{i}(2))\n" * 2
        )
    return home


@pytest.mark.parametrize(("question", "command"), QUESTIONS, ids=[q for q, _ in QUESTIONS])
def test_a_question_is_answered(
    question: str, command: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    monkeypatch.setenv("HOME", str(home))
    if "--html" in command:
        pytest.importorskip("matplotlib", reason="the plots extra is not installed")
    words = shlex.split(command)
    quick = ["--threads", "1", "--repeats", "1"]
    quick += [] if "--corpus" in words else ["--corpus", "src/"]
    found = run(*words, *quick)
    assert found.code == 0, (question, found.err)
    assert "llama-server" in found.out or '"choice"' in found.out
