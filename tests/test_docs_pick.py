"""The page about `pick`: its ten questions are answered by one command each."""

import re
import shlex
import shutil
import struct
from pathlib import Path

import pytest
from command_line import run
from comparison_samples import Quantize
from test_discovery_places import add_to_ollama

from pyengine.measure.speed import SpeedOptions

PAGE = (Path(__file__).parent.parent / "docs" / "pick.md").read_text(encoding="utf-8")
QUESTIONS = re.findall(r"^\| (.*[?.]) \| `pyengine (.*)` \|$", PAGE, flags=re.MULTILINE)


def test_there_are_ten() -> None:
    assert len(QUESTIONS) == 10


def trained_with_more(path: Path) -> None:
    """Let a file say that its model was trained with 40,000 tokens of context."""
    data, key = path.read_bytes(), b"llama.context_length" + struct.pack("<I", 4)
    place = data.index(key) + len(key)
    assert struct.unpack_from("<I", data, place) == (2048,)
    path.write_bytes(data[:place] + struct.pack("<I", 40_000) + data[place + 4 :])


@pytest.fixture(scope="module")
def home(tiny: Path, quantized: Quantize, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of types, their source, some code, and Ollama's store with two tags."""
    home = tmp_path_factory.mktemp("home")
    (home / "FOLDER").mkdir()
    (home / "src").mkdir()
    shutil.copy(tiny, home / "f16.gguf")
    for path in (tiny, quantized("Q8_0"), quantized("Q4_0")):
        trained_with_more(Path(shutil.copy(path, home / "FOLDER")))
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
    # Files are timed with as much in the cache as a tenth of a second fills of it.
    monkeypatch.setitem(SpeedOptions.__init__.__kwdefaults__ or {}, "seconds", 0.1)
    if "--html" in command:
        pytest.importorskip("matplotlib", reason="the plots extra is not installed")
    words = shlex.split(command)
    quick = ["--threads", "1", "--repeats", "1"]
    quick += [] if "--corpus" in words else ["--corpus", "src/"]
    found = run(*words, *quick)
    assert found.code == 0, (question, found.err)
    assert "llama-server" in found.out or '"choice"' in found.out
