"""`pyengine quantize` through its entry point."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import tiny_models
from full_disk import largest_file

from pyengine.commands.app import run
from pyengine.models.gguf import check_gguf


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "tiny-f32.gguf"
    tiny_models.write_plain(path, n_embd=256)
    return path


def shown(record: dict[str, Any]) -> list[dict[str, Any]]:
    exhibits = record["exhibits"]
    return [exhibit["content"] for exhibit in exhibits if exhibit["kind"] == "quantized"]


def test_files_are_written_and_kept(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["quantize", str(source), "--to", "q4_k_m,Q8_0", "--output-dir", str(tmp_path)]
    assert run([*arguments, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["command"] == "quantize"
    assert [made["file_type"] for made in shown(record)] == ["Q4_K_M", "Q8_0"]
    for variant in shown(record):
        path = Path(variant["path"])
        assert path.name == f"tiny-{variant['file_type']}.gguf"
        assert path.stat().st_size == variant["file_bytes"]
        assert check_gguf(path).architecture == "llama"
        assert not variant["reused"]
    assert run([*arguments, "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert [variant["reused"] for variant in shown(again)] == [True, True]
    assert run(arguments) == 0
    text = capsys.readouterr().out
    assert "There already, and kept: 2." in text
    assert max(len(line) for line in text.splitlines()) <= 80


def test_what_fell_back_stands_in_the_line_of_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    narrow = tmp_path / "narrow.gguf"
    tiny_models.write_plain(narrow, n_embd=64)
    arguments = ["quantize", str(narrow), "--to", "Q4_K_M,Q8_0,IQ2_XXS", "--dry-run"]
    assert run([*arguments, "--json"]) == 0
    fallen, none, _ = (one["fallbacks"] for one in shown(json.loads(capsys.readouterr().out)))
    assert none == []
    became = [tensor["target_type"] for tensor in fallen]
    assert {tensor["shape"][0] for tensor in fallen} == {64, 128}
    assert {tensor["row_type"] for tensor in fallen} == {"q4_K", "q6_K"}
    assert run(arguments) == 0
    text = capsys.readouterr().out
    lines = {line.split()[0]: line for line in text.splitlines() if "KiB" in line}
    assert f"{became.count('q5_0')} q5_0, {became.count('q8_0')} q8_0" in lines["Q4_K_M"]
    assert " no " in lines["Q8_0"]
    assert "not, here for rows of 64 and 128." in " ".join(text.split())


def test_a_table_of_all_types(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["quantize", str(source), "--dry-run"]) == 0
    text = capsys.readouterr().out
    lines = {line.split()[0]: line for line in text.splitlines() if "KiB" in line or "MiB" in line}
    assert len(lines) > 30
    assert " yes " in lines["IQ1_S"]
    assert " no " in lines["IQ4_XS"]
    assert "9 of them cannot be made without" in " ".join(text.split())
    assert max(len(line) for line in text.splitlines()) <= 80


def test_a_dry_run_writes_nothing(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(tmp_path.iterdir())
    arguments = ["quantize", str(source), "--to", "all", "--output-dir", str(tmp_path)]
    assert run([*arguments, "--dry-run", "--markdown"]) == 0
    text = capsys.readouterr().out
    assert "14 files would take" in text
    assert "Q3_K_L" in text
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        (["--to", "Q9"], "no file type 'Q9'"),
        (["--to", "Q8_0", "--tensor-type", "q4_0"], "not PATTERN=TYPE"),
        (["--to", "Q2_K_S"], "needs an importance matrix"),
        (["--to", "1kB"], "no type is as small as 1kB; the smallest is "),
        (["--to", "F16", "--tensor-type", "attn_q=q8_0"], "--tensor-type does nothing for F16"),
        (["--to", "Q8_0", "--output-dir", "/dev/null/out"], "/dev/null is not a folder"),
        (["--to", "Q8_0", "--json", "--markdown"], "exclude each other"),
        (["--to", "Q8_0", "--imatrix", "/nowhere"], "No such file"),
        ([], "--to"),
    ],
)
def test_bad_usage_is_one_sentence(
    source: Path, capsys: pytest.CaptureFixture[str], extra: list[str], complaint: str
) -> None:
    assert run(["quantize", str(source), *extra]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert complaint in captured.err
    assert captured.err.count("\n") == 1


def test_a_damaged_source_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(b"GGUF" + bytes(40))
    assert run(["quantize", str(path), "--to", "Q8_0"]) == 2
    assert str(path) in capsys.readouterr().err


def test_a_killed_command_leaves_no_process_and_no_file(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    command = [sys.executable, "-m", "pyengine", "quantize", str(source), "--to", "all"]
    with subprocess.Popen([*command, "--output-dir", str(out)], stdout=subprocess.DEVNULL) as child:
        deadline = time.monotonic() + 60
        while not any(out.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.01)
        child.kill()
    whole = [path for path in out.iterdir() if not path.name.startswith(".")]
    for path in whole:
        check_gguf(path)  # what has its name is whole
    assert run([*command[3:], "--output-dir", str(out)]) == 0
    assert sorted(path.suffix for path in out.iterdir()) == [".gguf"] * 14


def test_a_folder_is_made_and_a_refusal_leaves_none(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    arguments = ["quantize", str(source), "--output-dir", str(out), "--to"]
    assert run([*arguments, "Q9"]) == 2
    assert run([*arguments, "Q2_K_S"]) == 2
    assert run([*arguments, "Q8_0", "--dry-run"]) == 0
    assert run([*arguments, "Q8_0", "--imatrix", "/nowhere"]) == 2
    with largest_file(1000):
        assert run([*arguments, "Q8_0"]) == 2
    assert [path.name for path in tmp_path.iterdir()] == [source.name]
    assert run([*arguments, "Q8_0"]) == 0
    assert [path.name for path in out.iterdir()] == ["tiny-Q8_0.gguf"]


def test_help_is_complete(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["quantize", "--help"]) == 0
    text = capsys.readouterr().out
    for option in ("--to", "--dry-run", "--imatrix", "--tensor-type", "--pure", "--output-type"):
        assert option in text
