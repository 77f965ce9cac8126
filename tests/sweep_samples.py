"""What tests of whole sweeps share: a sweep that takes seconds, and one that nothing disturbed.

The fixtures are a plugin that conftest.py names.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest
import tiny_models

from pyengine.commands.app import run
from pyengine.run import Run, load

TEXTS = {
    "one.py": "def add(a, b):\n    return a + b\n",
    "two.go": "func add(a int, b int) int {\n\treturn a + b\n}\n",
    "three.c": "int add(int a, int b) {\n    return a + b;\n}\n",
    "four.rs": "fn main() {\n    let x = if true { 1 } else { 2 };\n}\n",
}
QUICK = ["--tokens", "200", "--context", "64", "--repeats", "1", "--workers", "2"]


@dataclass(frozen=True)
class SmallSweep:
    """Variants of a tiny model, measured on few texts."""

    source: Path
    corpus: Path
    types: str = "Q8_0,Q4_0"

    def command(self, folder: Path, *extra: str) -> list[str]:
        """Return the arguments of a sweep that keeps what it makes in a folder."""
        paths = ["--corpus", str(self.corpus), "--output-dir", str(folder)]
        types = ["--to", self.types]
        return ["sweep", str(self.source), *paths, *QUICK, "--resume", *types, *extra]

    def command_on(self, variants: Path, folder: Path, *extra: str) -> list[str]:
        """Return the arguments of a sweep of variants that are there already."""
        paths = ["--corpus", str(self.corpus), "--output-dir", str(folder)]
        return ["sweep", str(self.source), "--variants", str(variants), *paths, *QUICK, *extra]


@pytest.fixture(scope="session")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> SmallSweep:
    """A sweep to be run."""
    source = tmp_path_factory.mktemp("model") / "tiny-f32.gguf"
    tiny_models.write_plain(source, n_embd=64, scale=0.5)
    corpus = tmp_path_factory.mktemp("corpus")
    for name, text in TEXTS.items():
        (corpus / name).write_text(text)
    return SmallSweep(source, corpus)


@pytest.fixture(scope="session")
def undisturbed(sweep: SmallSweep, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of that sweep, run once from its beginning to its end."""
    folder = tmp_path_factory.mktemp("undisturbed") / "sweep"
    assert run(sweep.command(folder, "--json")) == 0
    return folder


def result_of(folder: Path) -> Run:
    """Return the record that a folder holds."""
    return load(folder / "results.json")


def reasons_of(folder: Path) -> dict[str, str]:
    """Return why variants failed, by their names."""
    notes = result_of(folder).notes
    return {note.model: note.values["message"] for note in notes if note.code == "variant-failed"}


def record_of(folder: Path) -> bytes:
    """Return the bytes of a sweep's record, in which its folder is called so wherever it is."""
    return (folder / "results.json").read_bytes().replace(bytes(folder), b"FOLDER")
