"""`pyengine sensitivity` through its entry point; in processes in test_hostile_environments.py."""

import json
from pathlib import Path

import pytest
from llama_quantize_hashes import write_importance
from test_sensitivity import Here
from test_weight_rounding import made_of
from tiny_models import Tiny, write_gpt2

from pyengine.commands.app import run

TEXT = "def add(a, b):\n    return a + b\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_gpt2(folder / "tiny-f32.gguf", Tiny(scale=0.3))
    (folder / "texts").mkdir()
    for n in range(4):
        (folder / "texts" / f"{n}.py").write_text(TEXT * (n + 1))
    return folder


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyengine.measure.sensitivity.Processes", Here)


def words(folder: Path, *more: str) -> list[str]:
    given = ["--corpus", str(folder / "texts"), "--tokens", "40", "--context", "64"]
    usual = ["--groups", "1", "--threads", "1"]
    return ["sensitivity", str(folder / "tiny-f32.gguf"), *given, *usual, *more]


def test_a_sensitivity_is_measured_and_shown(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words(folder, "--at", "q5_0", "--json")) == 0
    printed = capsys.readouterr().out
    record = json.loads(printed)
    assert record["command"] == "sensitivity"
    assert record["options"]["at"] == "q5_0"
    assert record["population"]["n_documents"] == 2
    groups = [e["content"] for e in record["exhibits"] if e["kind"] == "tensor-group"]
    assert {group["kind"] for group in groups} > {"token_embd", "attn_qkv", "ffn_down"}
    assert all(group["kl"] > 0 and group["leaf"] for group in groups)
    saved, page = tmp_path / "record.json", tmp_path / "page.html"
    saved.write_text(printed)
    assert run(["report", str(saved)]) == 0
    text = capsys.readouterr().out
    assert "Sensitivity of " in text
    assert "All at once: KL " in text
    assert max(len(line) for line in text.splitlines()) <= 80
    assert run(["report", str(saved), "-o", str(page)]) == 0
    html = page.read_text()
    assert "Where rounding hurts" in html
    assert "What each group loses" in html


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        (["--at", "q4_k_m"], "there is no type 'q4_k_m' to round to; use one of q4_0,"),
        (["--groups", "0"], "--groups"),
        (["--tokens", "0"], "--tokens"),
        (["--context", "3"], "use at least 4"),
        (["--imatrix", "/nowhere"], "/nowhere"),
        (["--corpus", "/nowhere"], "/nowhere"),
        (["--json", "--markdown"], "exclude each other"),
        (["{one text}"], "cannot be halved"),
    ],
)
def test_bad_usage_is_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], extra: list[str], complaint: str
) -> None:
    asked = words(folder, *extra)
    if extra == ["{one text}"]:
        asked = words(folder)
        asked[asked.index(str(folder / "texts"))] = str(folder / "texts" / "1.py")
    assert run(asked) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert complaint in captured.err
    assert captured.err.count("\n") == 1


def test_what_cannot_be_rounded_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = made_of(folder / "tiny-f32.gguf", "Q8_0")
    asked = words(folder)
    asked[1] = str(made)
    assert run(asked) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"pyengine: {made}: token_embd.weight is q8_0") or str(made) in error
    assert "use its F16, BF16 or F32 file" in error


def test_a_matrix_of_another_model_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_gpt2(tmp_path / "other.gguf", Tiny(n_embd=64))
    matrix = write_importance(tmp_path / "m.gguf", other)
    assert run(words(folder, "--imatrix", str(matrix))) == 2
    assert "has with other rows" in capsys.readouterr().err
