"""`pyengine imatrix` through its entry point."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny_architectures
from full_disk import largest_file
from tiny_models import write_bpe

from pyengine.commands.app import run
from pyengine.models.imatrix import text_sha256
from pyengine.text.documents import load_corpus
from pyengine.text.halves import halves

TEXT = Path(__file__).parent / "data" / "llama_perplexity" / "text.txt"
SHORT = ["--corpus", str(TEXT), "--context", "64", "--tokens", "128", "--threads", "1"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_bpe(tmp_path / "tiny-f32.gguf")


def test_a_file_is_made_told_and_kept(
    source: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["imatrix", str(source), *SHORT, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["command"] == "imatrix"
    (made,) = (e["content"] for e in record["exhibits"] if e["kind"] == "imatrix")
    assert made["path"] == "tiny-imatrix.gguf"
    assert made["file_bytes"] == (tmp_path / "tiny-imatrix.gguf").stat().st_size
    assert record["population"]["n_tokens"] == 128
    assert run(["imatrix", str(source), *SHORT]) == 0
    text = capsys.readouterr().out
    assert "was there already and was kept: it covers 14 of 15 weights" in text
    assert "from 128 tokens in 1 language." in text
    assert "llama-imatrix never does that; --process-output does" in " ".join(text.split())
    assert "--to Q4_K_M --imatrix tiny-imatrix.gguf" in " ".join(text.split())
    assert max(len(line) for line in text.splitlines()) <= 80
    assert run(["imatrix", str(source), *SHORT, "--markdown", "-o", "other.gguf"]) == 0
    assert "| **attn_q** | 2 | 32 | 128 |" in " ".join(capsys.readouterr().out.split())


def test_the_shipped_programs_are_the_default(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["imatrix", str(source), "--tokens", "12000", "-o", str(tmp_path / "m.gguf"), "--json"]
    assert run(words) == 0
    population = json.loads(capsys.readouterr().out)["population"]
    assert population["origin"] == "shipped"
    assert len(population["scored_languages"]) == 12
    assert population["n_windows"] == 12000 // 512
    assert population["n_tokens"] == 23 * 512


def test_matrices_are_merged(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = tmp_path / "a.gguf", tmp_path / "b.gguf"
    assert run(["imatrix", str(source), *SHORT, "-o", str(first)]) == 0
    assert run(["imatrix", str(source), *SHORT, "-o", str(second), "--merge", str(first)]) == 0
    text = capsys.readouterr().out
    assert "added to 1 earlier file." in text
    assert "attn_k 2 32 256" in " ".join(text.split())


def test_experts_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tiny_architectures.write(tmp_path / "moe.gguf", "qwen3moe")
    assert run(["imatrix", str(model), *SHORT, "-o", str(tmp_path / "m.gguf")]) == 0
    text = capsys.readouterr().out
    assert "Experts  Never seen  Seldom seen" in text
    assert "Of 24 experts, counted in each weight" in text


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        (["--context", "15"], "use at least 16"),
        (["--tokens", "10"], "no whole context"),
        (["--corpus", "/nowhere"], "/nowhere"),
        (["--merge", "/nowhere"], "/nowhere"),
        (["-o", "/nowhere/m.gguf"], "its folder is missing"),
        (["-o", "{model}"], "not the importance matrix of this model, text and options"),
        (["-o", "/dev/null"], "not the importance matrix"),
        (["--json", "--markdown"], "exclude each other"),
        (["--threads", "0"], "--threads"),
    ],
)
def test_bad_usage_is_one_sentence(
    source: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    extra: list[str],
    complaint: str,
) -> None:
    words = [word.replace("{model}", str(source)) for word in extra]
    usual = [] if "-o" in words else ["-o", str(tmp_path / "m.gguf")]
    assert run(["imatrix", str(source), *SHORT, *usual, *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert complaint in captured.err
    assert captured.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == [source.name]


def test_a_damaged_or_unsuitable_model_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF" + bytes(40))
    assert run(["imatrix", str(bad), *SHORT]) == 2
    assert str(bad) in capsys.readouterr().err


def test_a_full_disk_leaves_nothing(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "m.gguf"
    with largest_file(1000):
        assert run(["imatrix", str(source), *SHORT, "-o", str(target)]) == 2
    assert str(target) in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [source.name]


def test_ctrl_c_ends_it_at_once(source: Path, tmp_path: Path) -> None:
    words = ["imatrix", str(source), "--context", "16", "--tokens", "0", "-o", "m.gguf"]
    command = [sys.executable, "-m", "pyengine", *words]
    with subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        time.sleep(2.0)
        began = time.monotonic()
        os.kill(child.pid, signal.SIGINT)
        out, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert time.monotonic() - began < 10
    assert out == ""
    assert "interrupted" in err
    assert [path.name for path in tmp_path.iterdir()] == [source.name]


def test_a_half_leaves_the_documents_that_files_are_verified_on(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = tmp_path / "texts"
    texts.mkdir()
    for n in range(4):
        (texts / f"{n}.py").write_text(f"def f{n}(x):\n    return x + {n}\n" * 20)
    made = tmp_path / "half.gguf"
    words = ["imatrix", str(source), "--context", "64", "--tokens", "128", "--json"]
    words += ["--corpus", str(texts), "--half", "-o"]
    assert run([*words, str(made)]) == 0
    population = json.loads(capsys.readouterr().out)["population"]
    choosing = halves(load_corpus([texts]), seed=20260102).choosing
    assert population["sha256"] == choosing.sha256 == text_sha256(made)
    assert population["n_documents"] == 2
    both = tmp_path / "both.gguf"
    assert run([*words, str(both), "--merge", str(made)]) == 0
    assert text_sha256(both) is None  # of what else it is nobody knows
