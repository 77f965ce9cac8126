"""Records hold codes and values; sentences are made when they are shown."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny_models
from sweep_samples import SmallSweep

from pyengine.commands.app import run
from pyengine.run import Run, load
from pyengine.run.storage import parse

# Under these names stand texts of users, models and programs, and names of files.
TEXTS = {
    *("before", "target", "agreed", "text", "came_back", "prompt", "completion", "thinking"),
    *("detail", "message", "pieces", "piece", "path", "reference", "base_file", "paper", "here"),
    *("cpu", "words", "name", "file_type", "folder", "folders", "origin", "title", "word", "tasks"),
    # Members of groups, which are words of English: "bytes that are not UTF-8".
    *("kind", "texts"),
}


def sentences(value: object, name: str = "") -> Iterator[str]:
    """Every string of three words or more that is nobody's text."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from sentences(inner, key)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from sentences(inner, name)
    elif isinstance(value, str) and name not in TEXTS and len(value.split()) >= 3:
        yield f"{name}: {value}"


def english(found: Run) -> list[str]:
    """What a record holds of English."""
    parts = (found.options, *(exhibit.content for exhibit in found.exhibits))
    notes = (note.values for note in found.notes)
    return [text for part in (*parts, *notes) for text in sentences(part)]


def of_command(capsys: pytest.CaptureFixture[str], *words: str) -> Run:
    """The record that a command prints."""
    assert run([*words, "--json"]) == 0
    return parse(json.loads(capsys.readouterr().out), "stdout")


def test_english_is_found() -> None:
    made = {"code": "x", "why": ["the file is broken", "open"], "message": "the file is broken"}
    assert list(sentences(made)) == ["why: the file is broken"]


def test_what_commands_read_and_list(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyengine.code.languages.find_tool", lambda _: None)
    (tmp_path / "broken.gguf").write_bytes(b"no model at all")
    small = "embedded:small"
    evaluate = ["evaluate", small, "--language", "python", "--limit", "1", "--max-tokens", "4"]
    commands = (
        ["probe", small, "--draws", "20", "--threads", "1"],
        ["probe", small, "embedded:base", "--start", "natural", "--draws", "20", "--threads", "1"],
        ["paper", small, "--threads", "1"],
        ["tokenize", small, "def f(x): return x"],
        ["vocab", small, "embedded:base", "--language", "go"],
        ["quantize", small, "--to", "Q4_0,Q8_0", "--dry-run"],
        ["models", str(tmp_path)],
        ["doctor"],
        [*evaluate, "--results", str(tmp_path / "answers")],
    )
    for words in commands:
        found = of_command(capsys, *words)
        assert english(found) == [], words
        assert found.exhibits


def test_what_comparisons_find(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, sweep: SmallSweep
) -> None:
    variants = tmp_path / "variants"
    variants.mkdir()
    (variants / "broken.gguf").write_bytes(b"no model at all")
    other = tiny_models.write_plain(variants / "other.gguf", n_embd=64, scale=0.4)
    folder = tmp_path / "swept"
    assert run(sweep.command_on(variants, folder)) == 0
    capsys.readouterr()
    swept, timings = load(folder / "results.json"), load(folder / "timings.json")
    failed = {note.model: note.values for note in swept.notes}
    assert failed["broken"].keys() == {"error", "message", "chunk"}
    assert failed["broken"]["error"] == "ModelFileError"
    corpus = ["--corpus", str(sweep.corpus)]
    pair = ["compare", str(sweep.source), str(other), *corpus, "--threads", "1"]
    compared = of_command(capsys, *pair, "--tokens", "300", "--context", "64")
    emulated = of_command(capsys, *pair, "--context", "64", "--emulate", "llama-perplexity")
    chosen = of_command(capsys, "recommend", str(folder / "results.json"), "--max-kl", "9")
    for found in (swept, timings, compared, emulated, chosen):
        assert english(found) == [], found.command
