"""Completion: what a shell is told, by its own protocol, and what bash makes of it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_models
from test_discovery_places import add_to_ollama

from pyengine.commands import app

HERE = Path(sys.executable).parent
INSTALLED = pytest.mark.skipif(
    shutil.which("pyengine", path=str(HERE)) is None or shutil.which("bash") is None,
    reason="the command is not installed beside this Python, or there is no bash",
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of models, with Ollama's store in it, to stand in."""
    model = tiny_models.write_plain(tmp_path / "f16.gguf")
    folder = tmp_path / "types"
    folder.mkdir()
    (tmp_path / "notes").mkdir()
    for name in ("a-Q4_0.gguf", "b-00001-of-00002.gguf", "b-00002-of-00002.gguf", "two words.gguf"):
        (folder / name).touch()
    (tmp_path / "notes" / "f.txt").touch()
    add_to_ollama(tmp_path, "registry.ollama.ai/library/tiny/latest", model)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("OLLAMA_MODELS", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def complete(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    """What bash is told for the last of these words, which are as bash cuts them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("_PYENGINE_COMPLETE", "complete_bash")
        patch.setenv("COMP_WORDS", "\n".join(("pyengine", *words)))
        patch.setenv("COMP_CWORD", str(len(words)))
        with pytest.raises(SystemExit):
            app.run([])
    told = capsys.readouterr()
    assert told.err == ""
    return told.out.split()


CASES = [
    ("pi", ["pick"]),
    ("compare f16.gguf --ma", ["--margin", "--max-kl", "--markdown"]),
    ("probe f", ["f16.gguf"]),
    ("pick t", ["types/", "types/a-Q4_0.gguf", "types/b-00001-of-00002.gguf"]),
    ("verify x --from types/a", ["types/a-Q4_0.gguf"]),
    ("sweep --variants ./ty", ["./types/", "./types/a-Q4_0.gguf", "./types/b-00001-of-00002.gguf"]),
    ("pick ol", ["ollama:tiny:latest"]),
    ("score ollama :", ["tiny:latest"]),
    ("tokenize ollama : tiny : la", ["latest"]),
    ("evaluate --reference embedded : b", ["base"]),
    ("pick n", []),
    ("pick nowhere/x", []),
    ("pick ~nobody/x", []),
    ("nonsense f", []),
]


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(("words", "expected"), CASES, ids=[words for words, _ in CASES])
def test_what_bash_is_told(
    words: str, expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert complete(capsys, *words.split()) == expected


@pytest.mark.usefixtures("home")
def test_nothing_is_asked_of_the_network(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr("socket.socket", refuse)
    assert complete(capsys, "pick", "hf", ":", "own") == []
    assert "f16.gguf" in complete(capsys, "pick", "")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_that_may_not_be_listed_gives_nothing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "types").chmod(0)
    assert complete(capsys, "pick", "types/") == []
    assert complete(capsys, "pick", "t") == []


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("shell", "told"), [("zsh", '"ollama\\\\:tiny\\\\:latest"'), ("fish", "ollama:tiny:latest")]
)
def test_other_shells_take_whole_words(
    shell: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_PYENGINE_COMPLETE", f"complete_{shell}")
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "pyengine pick ollama:t")
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    with pytest.raises(SystemExit):
        app.run([])
    assert told in capsys.readouterr().out


@INSTALLED
def test_bash_installs_and_completes(home: Path) -> None:
    script = """
pyengine --install-completion
. ~/.bashrc
COMP_WORDS=(pyengine tokenize ollama : t) COMP_CWORD=4
_pyengine_completion pyengine
printf '%s|' "${COMPREPLY[@]}"
"""
    environment = {**os.environ, "HOME": str(home), "PATH": f"{HERE}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=False, env=environment
    )
    assert done.stdout.splitlines()[-1] == "tiny:latest|", done.stderr
    assert "bash completion installed" in done.stdout
