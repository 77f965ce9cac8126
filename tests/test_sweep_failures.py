"""What fails costs its row of the sweep and no other: damaged files, nonsense, crashes."""

import json
import os
from pathlib import Path

import damage
import pytest
import tiny_models
from sweep_samples import SmallSweep, rows_of

from pyengine.cli.app import run
from pyengine.sweep import worker


def test_a_damaged_variant_costs_its_row(
    sweep: SmallSweep, undisturbed: Path, tmp_path: Path
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
    assert run(sweep.command_on(given, folder, "--json")) == 0
    rows = rows_of(folder)
    assert rows["good"]["failure"] is None
    assert "truncated" in str(rows["cut"]["failure"])
    assert "not a GGUF" in str(rows["text"]["failure"])
    assert "o such file" in str(rows["gone"]["failure"])
    assert rows["pipe"]["failure"] is not None
    assert rows["empty"]["failure"] is not None
    assert "folder" not in rows
    assert "vocabulary is not that of" in str(rows["other"]["failure"])
    assert rows["good"]["kl"] == rows_of(undisturbed)["tiny-Q8_0"]["kl"]


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
    rows = rows_of(folder)
    assert "computes logits that are NaN or infinite" in str(rows["broken"]["failure"])
    assert rows["good"]["kl"] == rows_of(undisturbed)["tiny-Q8_0"]["kl"]
    capfd.readouterr()
    for extra in ([], ["--no-text"]):
        how = ["--corpus", str(sweep.corpus), "--context", "64", *extra]
        assert run(["compare", str(sweep.source), str(broken), *how]) == 2
        complaint = capfd.readouterr().err
        assert "broken.gguf: computes logits that are NaN or infinite" in complaint
        assert complaint.count("\n") == 1


def hook_into_workers(folder: Path, models: str, code: str) -> Path:
    """Return a folder that, in PYTHONPATH, lets workers on some models run code first."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import os, sys\n"
        f"if 'pyengine.sweep.worker' in sys.orig_argv and {models!r} in sys.orig_argv[-1]:\n"
        f"    {code}\n"
    )
    return folder


@pytest.mark.parametrize(
    ("death", "name"),
    [
        ("os.abort()", "SIGABRT"),
        # With half of a measurement told.
        ("os.write(1, b'{}\\nPK'); os.kill(os.getpid(), 9)", "SIGKILL"),
    ],
)
def test_a_crash_costs_its_row_and_can_be_made_up_for(
    sweep: SmallSweep,
    undisturbed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    death: str,
    name: str,
) -> None:
    hook = hook_into_workers(tmp_path / "hook", "Q4_0.gguf", death)
    folder = tmp_path / "sweep"
    with monkeypatch.context() as crashing:
        crashing.setenv("PYTHONPATH", str(hook))
        assert run(sweep.command(folder, "--json")) == 0
    rows = rows_of(folder)
    assert name in str(rows["tiny-Q4_0"]["failure"])
    assert rows["tiny-Q8_0"]["failure"] is None
    timings = json.loads((folder / "timings.json").read_text())
    assert name in timings["failures"]["tiny-Q4_0"]
    assert run(sweep.command(folder, "--json")) == 0
    assert (folder / "results.json").read_bytes() == (undisturbed / "results.json").read_bytes()


def test_when_every_worker_is_killed_one_sentence_says_so(
    sweep: SmallSweep,
    undisturbed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    hook = hook_into_workers(tmp_path / "hook", ".gguf", "os.kill(os.getpid(), 9)")
    folder = tmp_path / "sweep"
    with monkeypatch.context() as killing:
        killing.setenv("PYTHONPATH", str(hook))
        assert run(sweep.command(folder, "--json")) == 3
    complaint = capfd.readouterr().err
    assert "cannot be measured: the process died with SIGKILL" in complaint
    assert complaint.count("\n") == 1
    assert run(sweep.command(folder, "--json")) == 0
    assert (folder / "results.json").read_bytes() == (undisturbed / "results.json").read_bytes()


def test_the_source_too_loses_its_row_only(
    sweep: SmallSweep,
    undisturbed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # The source beside itself; that is the null control too.
    measured = f'"variant": "{sweep.source}"'
    hook = hook_into_workers(tmp_path / "hook", measured, "os.kill(os.getpid(), 9)")
    folder = tmp_path / "sweep"
    with monkeypatch.context() as killing:
        killing.setenv("PYTHONPATH", str(hook))
        assert run(sweep.command(folder, "--no-speed")) == 0
    assert "SIGKILL" in capsys.readouterr().out
    rows, whole = rows_of(folder), rows_of(undisturbed)
    assert "SIGKILL" in str(rows["tiny-f32"]["failure"])
    assert rows["tiny-Q8_0"]["kl"] == whole["tiny-Q8_0"]["kl"]
    assert json.loads((folder / "results.json").read_text())["floor"] is None


def test_a_source_that_cannot_be_measured_is_an_error(
    sweep: SmallSweep,
    shared: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = tmp_path / "other.gguf"
    tiny_models.write_plain(other)
    given = ["--variants", str(other), "--output-dir", str(tmp_path / "a")]
    assert run(["sweep", str(shared / "vocabs" / "ggml-vocab-gpt-2.gguf"), *given]) == 2
    assert "vocabulary only" in capsys.readouterr().err
    for folder, bad_input, code in (("b", True, 2), ("c", False, 3)):
        outcome = worker.Outcome(failure="it died", bad_input=bad_input)
        monkeypatch.setattr(worker.Runner, "run", lambda *_, outcome=outcome: outcome)
        given[-1] = str(tmp_path / folder)
        assert run(["sweep", str(sweep.source), *given]) == code
        assert "cannot be measured: it died" in capsys.readouterr().err
