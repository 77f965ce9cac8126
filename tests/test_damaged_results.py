"""Damaged result files: exit code 2 and one sentence, or what is left of them is shown."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny_models
from damage_record import damaged_records
from imatrix_samples import sample_imatrix
from report_samples import sample_timings, sweep_of_few_pictures
from sensitivity_samples import sample_sensitivity
from test_reports_golden import models_run
from verify_samples import difference, sample_verified

from pyengine.commands.app import run
from pyengine.run import to_json

# The command that shows each record, how it was made, and how many damaged copies are shown.
COMMANDS: dict[str, list[str]] = {
    "probe": ["probe", "MODEL", "--json"],
    "compare": [
        *("compare", "MODEL", "OTHER", "--corpus", "TEXT", "--context", "64", "--tokens", "60"),
        *("--continuations", "0", "--json"),
    ],
    "quantize": ["quantize", "MODEL", "--to", "Q8_0", "--dry-run", "--json"],
    "tokenize": ["tokenize", "MODEL", "--text", "abc", "--json"],
}
MADE: dict[str, Callable[[], str]] = {
    "imatrix": lambda: to_json(sample_imatrix(merged=1)),
    "sensitivity": lambda: to_json(sample_sensitivity()),
    "verify": lambda: to_json(sample_verified(difference("blk.0.attn_q.weight"))),
    "sweep": lambda: to_json(sweep_of_few_pictures()),
    "speed": lambda: to_json(sample_timings(2)),
    "models": lambda: to_json(models_run()),
}
SHOWN = (["report", "FILE"], ["report", "FILE", "--markdown"], ["report", "FILE", "--csv", "-"])
WITHOUT_ROWS = ("imatrix", "quantize", "tokenize", "verify")
CHOSEN = ["recommend", "FILE", "--max-kl", "1"]
COPIES = 24


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny_models.write_spread(folder / "one-f32.gguf")
    tiny_models.write_spread(folder / "two-f32.gguf", seed=2)
    (folder / "text.py").write_text("for i in range(10):\n    print(i)\n" * 9)
    return folder


def record_of(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the JSON text of a record."""
    if name in MADE:
        return MADE[name]()
    files = {"MODEL": "one-f32.gguf", "OTHER": "two-f32.gguf", "TEXT": "text.py"}
    words = [str(folder / files[word]) if word in files else word for word in COMMANDS[name]]
    capsys.readouterr()
    assert run(words) == 0
    return capsys.readouterr().out


def show(path: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    capsys.readouterr()
    code = run([str(path) if word == "FILE" else word for word in words])
    return code, capsys.readouterr().err


@pytest.mark.parametrize("name", [*COMMANDS, *MADE])
def test_a_damaged_record_is_one_sentence(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    text = record_of(name, folder, capsys)
    path = tmp_path / "record.json"
    refused = 0
    for number, (way, data) in enumerate(damaged_records(text, seed=14, count=COPIES)):
        path.write_bytes(data)
        chosen = name in ("sweep", "compare") and number % 4 == 0
        shown = SHOWN[number % (2 if name in WITHOUT_ROWS else 3)]
        code, said = show(path, CHOSEN if chosen else shown, capsys)
        assert code in ((0, 1, 2) if chosen else (0, 2)), (number, way, said)
        assert said.count("\n") == (1 if code else 0), (number, way, said)
        assert path.name in said or code != 2, (number, way, said)
        refused += code == 2
    assert refused > COPIES // 8


def spoiled(text: str, change: Callable[[Any], object]) -> bytes:
    content = json.loads(text)
    change(content)
    return json.dumps(content).encode()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda c: c["measurements"]["value"].__setitem__(0, 10**400), "beyond all floats"),
        (lambda c: c["measurements"]["n"].__setitem__(0, -1), "no count"),
        (lambda c: c["measurements"]["value"].append(1.0), "different lengths"),
        (lambda c: c["measurements"].pop("low"), "must have the columns"),
        (lambda c: c["measurements"].update(value="x"), "no list"),
        (lambda c: c["measurements"]["value"].__setitem__(0, "x"), "no number"),
        (lambda c: c["measurements"]["metric"].__setitem__(0, None), "no text"),
        (lambda c: c.update(models=None), "models"),
        (lambda c: c.update(other=1), "other"),
        (lambda c: c.update(schema_version=True), "schema version"),
        (lambda c: c.update(schema_version="2"), "schema version"),
    ],
)
def test_each_refusal_says_what_is_wrong(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Any], object],
    reason: str,
) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(spoiled(MADE["sweep"](), change))
    code, said = show(path, ["report", "FILE"], capsys)
    assert code == 2, said
    assert said.count("\n") == 1
    assert str(path) in said
    assert reason in said


@pytest.mark.parametrize("depth", [900, 100_000])
@pytest.mark.parametrize("place", ["options", "notes", "measurements"])
def test_what_is_nested_deeply_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], depth: int, place: str
) -> None:
    path = tmp_path / "record.json"
    content = json.loads(MADE["sweep"]())
    content[place] = "HERE"
    nested = '{"a":' * depth + "1" + "}" * depth
    path.write_text(json.dumps(content).replace('"HERE"', nested))
    code, said = show(path, ["report", "FILE"], capsys)
    assert (code, said.count("\n")) in ((0, 0), (2, 1)), said
