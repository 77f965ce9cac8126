"""What fails costs its row of the sweep and no other: damaged files, nonsense, crashes."""

import os
from pathlib import Path

import damage
import pytest
import tiny_models
from sweep_samples import SmallSweep, reasons_of, result_of

from pyengine.commands.app import run
from pyengine.run import load


def rows_of(folder: Path, model: str) -> list[str]:
    """Every number of a variant, under whatever name it has here."""
    rows = result_of(folder).select(model=model)
    assert rows
    return [f"{r.metric} {r.group} {r.value} {r.error}" for r in rows if r.metric != "kl_ratio"]


def test_a_damaged_variant_costs_its_row(
    sweep: SmallSweep, undisturbed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = tmp_path / "given"
    given.mkdir()
    good = (undisturbed / "models" / "tiny-Q8_0.gguf").read_bytes()
    (given / "good.gguf").write_bytes(good)
    (given / "cut.gguf").write_bytes(good[:-1000])
    (given / "text.gguf").write_text("not a model")
    (given / "empty.gguf").touch()
    (given / "folder.gguf").mkdir()
    (given / "gone.gguf").symlink_to(tmp_path / "nowhere")
    os.mkfifo(given / "pipe.gguf")
    tiny_models.write_plain(given / "other.gguf", n_embd=64, n_vocab=300)
    folder = tmp_path / "sweep"
    assert run(sweep.command_on(given, folder, "--no-speed")) == 0
    reasons = reasons_of(folder)
    assert set(reasons) == {"cut", "text", "empty", "gone", "pipe"}
    assert "truncated" in reasons["cut"]
    assert "not a GGUF" in reasons["text"]
    assert "o such file" in reasons["gone"]
    codes = {note.model: note.code for note in result_of(folder).notes}
    assert codes["other"] == "other-vocabulary"
    assert rows_of(folder, "good") == rows_of(undisturbed, "tiny-Q8_0")
    lines = capsys.readouterr().out.splitlines()
    for name in reasons:
        assert any(line.startswith(f"{name} ") and line.endswith("failed") for line in lines)


def test_a_model_of_nonsense_costs_its_row(
    sweep: SmallSweep, undisturbed: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    given = tmp_path / "given"
    given.mkdir()
    good = undisturbed / "models" / "tiny-Q8_0.gguf"
    (given / "good.gguf").write_bytes(good.read_bytes())
    broken = given / "broken.gguf"
    broken.write_bytes(good.read_bytes())
    damage.fill_tensor(broken, "output_norm.weight", float("nan"))
    folder = tmp_path / "sweep"
    assert run(sweep.command_on(given, folder, "--no-speed", "--json")) == 0
    assert "computes logits that are NaN or infinite" in reasons_of(folder)["broken"]
    assert rows_of(folder, "good") == rows_of(undisturbed, "tiny-Q8_0")
    capfd.readouterr()
    for extra in ([], ["--no-text"]):
        how = ["--corpus", str(sweep.corpus), "--context", "64", *extra]
        assert run(["compare", str(sweep.source), str(broken), *how]) == 2
        complaint = capfd.readouterr().err
        assert "broken.gguf: computes logits that are NaN or infinite" in complaint
        assert complaint.count("\n") == 1


def test_a_source_that_cannot_be_measured_is_an_error(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.gguf"
    tiny_models.write_plain(other)
    given = ["--variants", str(other), "--output-dir", str(tmp_path / "a")]
    assert run(["sweep", str(shared / "vocabs" / "ggml-vocab-gpt-2.gguf"), *given]) == 2
    assert "holds a vocabulary and no weights" in capsys.readouterr().err
    (tmp_path / "nothing.gguf").write_text("not a model")
    given = ["--variants", str(tmp_path / "nothing.gguf"), "--output-dir", str(tmp_path / "b")]
    assert run(["sweep", str(other), *given]) == 2
    assert "no variant can be opened: nothing: " in capsys.readouterr().err


def test_what_is_kept_is_not_measured_again(
    sweep: SmallSweep, undisturbed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {name: (undisturbed / name).read_bytes() for name in ("results.json", "timings.json")}
    assert run(sweep.command(undisturbed, "--json")) == 0
    capsys.readouterr()
    assert before["results.json"] == (undisturbed / "results.json").read_bytes()
    old = load(undisturbed / "timings.json")
    assert before["timings.json"] == (undisturbed / "timings.json").read_bytes()
    assert [m.id for m in old.models] == [m.id for m in result_of(undisturbed).models]
