"""Sweeps: numbers against a slow oracle, failures that cost a row, and going on after a kill."""

import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import damage
import numpy as np
import numpy.typing as npt
import pytest
import tiny_models

from pyengine.cli.app import run
from pyengine.engine.model import open_model
from pyengine.engine.options import SessionOptions
from pyengine.engine.session import Session
from pyengine.sweep import executors, token_numbers, worker

TEXTS = {
    "one.py": "def add(a, b):\n    return a + b\n",
    "two.go": "func add(a int, b int) int {\n\treturn a + b\n}\n",
    "three.c": "int add(int a, int b) {\n    return a + b;\n}\n",
    "four.rs": "fn main() {\n    let x = if true { 1 } else { 2 };\n}\n",
}
QUICK = ["--tokens", "200", "--context", "64", "--repeats", "1", "--workers", "2"]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny-f32.gguf"
    tiny_models.write_plain(path, n_embd=64, scale=0.5)
    return path


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    for name, text in TEXTS.items():
        (folder / name).write_text(text)
    return folder


def command(source: Path, corpus: Path, folder: Path, *extra: str) -> list[str]:
    paths = ["--corpus", str(corpus), "--output-dir", str(folder)]
    return ["sweep", str(source), *paths, *QUICK, "--resume", "--to", "Q8_0,Q4_0", *extra]


@pytest.fixture(scope="module")
def undisturbed(source: Path, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed") / "sweep"
    assert run(command(source, corpus, folder, "--json")) == 0
    return folder


def rows_of(folder: Path) -> dict[str, dict[str, object]]:
    table = json.loads((folder / "results.json").read_text())
    return {row["name"]: row for row in table["rows"]}


def log_softmax(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    shifted = rows.astype(np.float64) - rows.max(axis=1, keepdims=True)
    result: npt.NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


def slow_numbers(reference: Path, variant: Path) -> dict[str, float]:
    """KL, same-top share and bits per byte, written out; every text fits one window.

    The last two of the tokens are of kind "unused": padding, which is left out.
    """
    kl, same, bits, n_bytes = [], [], 0.0, 0
    options = SessionOptions(n_ctx=64, n_batch=64, n_ubatch=64, max_rows=64, threads=1)
    with open_model(reference) as first, open_model(variant) as second:
        sessions = [Session(first, options=options), Session(second, options=options)]
        for text in TEXTS.values():
            ids = [first.vocabulary.bos or 0, *first.vocabulary.tokenize(text.encode())]
            rows = [s.logits_at(ids, range(len(ids) - 1))[:, :-2] for s in sessions]
            p, q = (log_softmax(row) for row in rows)
            kl += list((np.exp(p) * (p - q)).sum(axis=1))
            same += list(p.argmax(axis=1) == q.argmax(axis=1))
            bits -= q[np.arange(len(ids) - 1), ids[1:]].sum() / np.log(2)
            n_bytes += len(text.encode())
    return {"kl": float(np.mean(kl)), "same": float(np.mean(same)), "bits": bits / n_bytes}


def test_the_table_agrees_with_a_slow_oracle(source: Path, undisturbed: Path) -> None:
    rows = rows_of(undisturbed)
    assert list(rows) == ["tiny-f32", "tiny-Q8_0", "tiny-Q4_0"]  # source, then by size
    for file_type in ("Q8_0", "Q4_0"):
        row = rows[f"tiny-{file_type}"]
        truth = slow_numbers(source, undisturbed / "models" / f"tiny-{file_type}.gguf")
        assert row["failure"] is None
        assert row["kl"]["value"] == pytest.approx(truth["kl"], rel=1e-6)  # type: ignore[index]
        assert row["same_top"]["value"] == pytest.approx(truth["same"])  # type: ignore[index]
        assert row["bits_per_byte"]["value"] == pytest.approx(  # type: ignore[index]
            truth["bits"], rel=1e-6
        )
    kl = {name: row["kl"]["value"] for name, row in rows.items()}  # type: ignore[index]
    assert kl["tiny-f32"] == 0.0
    assert kl["tiny-Q8_0"] < kl["tiny-Q4_0"]


def test_sizes_and_timings(source: Path, undisturbed: Path) -> None:
    rows = rows_of(undisturbed)
    timings = json.loads((undisturbed / "timings.json").read_text())
    assert rows["tiny-f32"]["file_bytes"] == source.stat().st_size
    assert set(timings["models"]) == set(rows)
    for record in timings["models"].values():
        assert record["peak_memory_bytes"] > record["empty_memory_bytes"] > 0
        for name in ("load_seconds", "prompt_tokens_per_second", "generated_tokens_per_second"):
            assert len(record[name]) == 1
            assert record[name][0] > 0
    assert "load_seconds" not in (undisturbed / "results.json").read_text()


def test_nothing_measured_is_measured_again(
    source: Path,
    corpus: Path,
    undisturbed: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("something was measured again")

    monkeypatch.setattr(worker.Runner, "run", refuse)
    before = (
        (undisturbed / "results.json").read_bytes(),
        (undisturbed / "timings.json").read_bytes(),
    )
    assert run(command(source, corpus, undisturbed)) == 0
    after = (undisturbed / "results.json").read_bytes(), (undisturbed / "timings.json").read_bytes()
    assert before == after
    text = capsys.readouterr().out
    assert "Variants of tiny-f32" in text
    assert max(len(line) for line in text.splitlines()) <= 80


def test_the_devices_are_those_that_the_measurements_name(
    source: Path, corpus: Path, undisturbed: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "sweep"
    shutil.copytree(undisturbed, folder)
    for path in (folder / "measurements").glob("*.json"):
        record = json.loads(path.read_text())
        assert record["devices"] == ["CPU"]  # as if a worker elsewhere had a GPU
        path.write_text(json.dumps({**record, "devices": ["CUDA0", "CPU"]}))
    assert run(command(source, corpus, folder, "--json")) == 0
    results, timings = (
        json.loads((folder / name).read_text()) for name in ("results.json", "timings.json")
    )
    assert results["provenance"]["devices"] == ["CUDA0", "CPU"]
    assert timings["provenance"]["devices"] == ["CPU"]
    assert {tuple(record["devices"]) for record in timings["models"].values()} == {("CPU",)}


def test_other_parameters_are_other_measurements(
    source: Path, corpus: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "sweep"
    arguments = command(source, corpus, folder, "--no-speed", "--json")
    assert run([*arguments, "--to", "Q8_0"]) == 0
    first = len(list((folder / "measurements").glob("*.json")))
    assert run([*arguments, "--to", "Q8_0", "--tokens", "60"]) == 0
    assert len(list((folder / "measurements").glob("*.json"))) == 2 * first


def test_a_damaged_measurement_is_made_again(
    source: Path, corpus: Path, undisturbed: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "sweep"
    arguments = command(source, corpus, folder, "--no-speed", "--json")
    assert run(arguments) == 0
    whole = (folder / "results.json").read_bytes()
    assert whole == (undisturbed / "results.json").read_bytes()
    for number, path in enumerate(sorted((folder / "measurements").iterdir())):
        path.write_bytes(path.read_bytes()[: 10 * number])
    assert run(arguments) == 0
    assert (folder / "results.json").read_bytes() == whole


def test_a_damaged_variant_costs_its_row(
    source: Path, corpus: Path, undisturbed: Path, tmp_path: Path
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
    arguments = ["sweep", str(source), "--variants", str(given), "--corpus", str(corpus), *QUICK]
    assert run([*arguments, "--output-dir", str(folder), "--json"]) == 0
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


def test_a_sweep_and_a_comparison_print_one_number(
    shared: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model without BOS: windows begin with nothing, and nothing is scored at a first token."""
    source = shared / "models" / "tiny-rwkv-7v0-834k-f16.gguf"
    how = ["--tokens", "60", "--context", "64", "--corpus", str(corpus), "--json"]
    folder = tmp_path / "sweep"
    arguments = ["sweep", str(source), "--to", "Q4_0", "--output-dir", str(folder), "--no-speed"]
    assert run([*arguments, *how]) == 0
    swept = json.loads(capsys.readouterr().out)
    variant = folder / "models" / "tiny-rwkv-7v0-834k-Q4_0.gguf"
    assert run(["compare", str(source), str(variant), "--no-starts", "--greedy", "0", *how]) == 0
    compared = json.loads(capsys.readouterr().out)
    assert "no start token" in swept["method"]
    assert swept["method"] == compared["scope"]["words"]
    assert swept["n_tokens"] == compared["scope"]["n_tokens"]
    mean = compared["variants"][0]["overall"]["kl"]["mean"]
    assert swept["rows"][1]["kl"]["value"] == pytest.approx(mean["value"], rel=1e-12)
    assert swept["rows"][1]["kl"]["se_clustered"] == pytest.approx(mean["se_clustered"])


def test_a_sweep_and_a_comparison_know_one_mass_of_keywords(
    source: Path, undisturbed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    variant = undisturbed / "models" / "tiny-Q4_0.gguf"
    how = ["--no-text", "--threads", "1", "--json"]
    assert run(["compare", str(source), str(variant), *how]) == 0
    starts = json.loads(capsys.readouterr().out)["variants"][0]["starts"]
    cold = next(start for start in starts if start["kind"] == "cold")
    rows = rows_of(undisturbed)
    for name in ("tiny-f32", "tiny-Q4_0"):  # two of the tokens stand for nothing
        padding = rows[name]["padding_mass"]
        assert isinstance(padding, float)
        assert 0 < padding < 1
    reference, quantized = (rows[name]["keyword_mass"] for name in ("tiny-f32", "tiny-Q4_0"))
    assert isinstance(reference, float)
    assert isinstance(quantized, float)
    assert 0 < quantized < 1
    # A comparison decodes the starts in one batch, which rounds differently.
    assert cold["keyword_mass_reference"] == pytest.approx(reference, rel=1e-5)
    assert cold["keyword_mass_variant"] == pytest.approx(quantized, rel=1e-5)


def test_one_document_is_not_called_bad_for_want_of_an_interval(
    source: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def swept(context: str) -> str:
        folder = tmp_path / context
        arguments = command(source, corpus / "one.py", folder, "--no-speed", "--context", context)
        assert run([*arguments, "--to", "Q8_0"]) == 0
        return capsys.readouterr().out

    assert "no interval, so there is no verdict" in " ".join(swept("64").split())
    assert "tiny-Q8_0" in rows_of(tmp_path / "64")
    windows = swept("16")  # several of them take the place of documents
    assert "95 % interval" in windows or "None stays" in windows
    assert rows_of(tmp_path / "16")["tiny-Q8_0"]["kl"]["n_clusters"] > 1  # type: ignore[index]


def test_a_model_of_nonsense_costs_its_row(
    source: Path, corpus: Path, undisturbed: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    given = tmp_path / "given"
    given.mkdir()
    good = undisturbed / "models" / "tiny-Q8_0.gguf"
    (given / "good.gguf").write_bytes(good.read_bytes())
    broken = given / "broken.gguf"
    broken.write_bytes(good.read_bytes())
    damage.fill_tensor(broken, "output_norm.weight", float("nan"))
    arguments = ["sweep", str(source), "--variants", str(given), "--corpus", str(corpus), *QUICK]
    folder = tmp_path / "sweep"
    assert run([*arguments, "--output-dir", str(folder), "--no-speed", "--json"]) == 0
    rows = rows_of(folder)
    assert "its logits are not numbers at" in str(rows["broken"]["failure"])
    assert rows["good"]["kl"] == rows_of(undisturbed)["tiny-Q8_0"]["kl"]
    capfd.readouterr()
    for extra in ([], ["--no-text"]):
        how = ["--corpus", str(corpus), "--context", "64", *extra]
        assert run(["compare", str(source), str(broken), *how]) == 2
        complaint = capfd.readouterr().err
        assert "broken.gguf: its logits are not numbers at" in complaint
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
    source: Path,
    corpus: Path,
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
        assert run(command(source, corpus, folder, "--json")) == 0
    rows = rows_of(folder)
    assert name in str(rows["tiny-Q4_0"]["failure"])
    assert rows["tiny-Q8_0"]["failure"] is None
    timings = json.loads((folder / "timings.json").read_text())
    assert name in timings["failures"]["tiny-Q4_0"]
    assert run(command(source, corpus, folder, "--json")) == 0
    assert (folder / "results.json").read_bytes() == (undisturbed / "results.json").read_bytes()


def test_when_every_worker_is_killed_one_sentence_says_so(
    source: Path,
    corpus: Path,
    undisturbed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    hook = hook_into_workers(tmp_path / "hook", ".gguf", "os.kill(os.getpid(), 9)")
    folder = tmp_path / "sweep"
    with monkeypatch.context() as killing:
        killing.setenv("PYTHONPATH", str(hook))
        assert run(command(source, corpus, folder, "--json")) == 3
    complaint = capfd.readouterr().err
    assert "cannot be measured: the process died with SIGKILL" in complaint
    assert complaint.count("\n") == 1
    assert run(command(source, corpus, folder, "--json")) == 0
    assert (folder / "results.json").read_bytes() == (undisturbed / "results.json").read_bytes()


def test_the_source_too_loses_its_row_only(
    source: Path,
    corpus: Path,
    undisturbed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    measured = f'"variant": "{source}"'  # the source beside itself, the null control too
    hook = hook_into_workers(tmp_path / "hook", measured, "os.kill(os.getpid(), 9)")
    folder = tmp_path / "sweep"
    with monkeypatch.context() as killing:
        killing.setenv("PYTHONPATH", str(hook))
        assert run(command(source, corpus, folder, "--no-speed")) == 0
    assert "SIGKILL" in capsys.readouterr().out
    rows, whole = rows_of(folder), rows_of(undisturbed)
    assert "SIGKILL" in str(rows["tiny-f32"]["failure"])
    assert rows["tiny-Q8_0"]["kl"] == whole["tiny-Q8_0"]["kl"]
    assert json.loads((folder / "results.json").read_text())["floor"] is None


def start(arguments: list[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "pyengine", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        # A test run that was started in the background ignores SIGINT; children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


@pytest.mark.slow
def test_killed_at_random_moments_it_gives_the_same_bytes(
    source: Path, corpus: Path, undisturbed: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "sweep"
    arguments = command(source, corpus, folder, "--json")
    rng = random.Random(5)
    begin = time.monotonic()
    assert (
        subprocess.run(
            [sys.executable, "-m", "pyengine", *command(source, corpus, tmp_path / "timed")],
            stdout=subprocess.DEVNULL,
            check=False,
        ).returncode
        == 0
    )
    whole = time.monotonic() - begin
    for _ in range(5):
        with start(arguments) as child:
            time.sleep(rng.uniform(0.1, 0.9) * whole / 2)
            child.send_signal(signal.SIGKILL)
    with start(arguments) as child:
        assert child.wait() == 0
    assert (folder / "results.json").read_bytes() == (undisturbed / "results.json").read_bytes()
    names = [path.name for path in folder.rglob("*")]
    assert not any(name.startswith(".") for name in names)


def test_ctrl_c_leaves_a_sweep_that_goes_on(
    source: Path, corpus: Path, undisturbed: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "sweep"
    arguments = command(source, corpus, folder, "--json")
    with start(arguments) as child:
        while not list(folder.glob("models/tiny-*.gguf")):
            time.sleep(0.02)
        child.send_signal(signal.SIGINT)
        assert child.stderr is not None
        complaint = child.stderr.read().decode()
        assert child.wait() == 130
    assert complaint == "pyengine: interrupted\n"
    assert run(arguments) == 0
    assert (folder / "results.json").read_bytes() == (undisturbed / "results.json").read_bytes()


def test_one_sweep_at_a_time(source: Path, corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    folder.mkdir()
    with (folder / "sweep.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert run(command(source, corpus, folder)) == 2


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        (["--tokens", "0"], "tokens"),
        (["--stride", "64", "--context", "64"], "stride"),
        (["--margin", "0"], "margin"),
        (["--variants", "/nowhere"], "--to and --variants"),
        (["--corpus", "/nowhere"], "/nowhere"),
        (["--json", "--markdown"], "exclude each other"),
        (["--dask", "tcp://127.0.0.1:9"], "127.0.0.1:9"),
    ],
)
def test_bad_usage_is_one_sentence(
    source: Path,
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    extra: list[str],
    complaint: str,
) -> None:
    if "--dask" in extra:
        pytest.importorskip("distributed", reason="the dask extra is not installed")
        monkeypatch.setattr(executors, "CONNECT_SECONDS", 1)
    assert run([*command(source, corpus, tmp_path / "sweep"), *extra]) == 2
    captured = capsys.readouterr()
    assert complaint in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_a_source_that_cannot_be_measured_is_an_error(
    source: Path,
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
        assert run(["sweep", str(source), *given]) == code
        assert "cannot be measured: it died" in capsys.readouterr().err


def test_a_sweep_needs_a_variant(
    source: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--variants", str(source), "--corpus", str(corpus), "--output-dir", str(tmp_path)]
    assert run(["sweep", str(source), *given]) == 2
    assert "no variant that differs" in capsys.readouterr().err


def test_an_earlier_sweep_is_not_mixed_up(
    source: Path, corpus: Path, undisturbed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = command(source, corpus, undisturbed)
    arguments.remove("--resume")
    assert run(arguments) == 2
    assert "--resume" in capsys.readouterr().err


def test_arrays_hold_every_token(undisturbed: Path) -> None:
    table = json.loads((undisturbed / "results.json").read_text())
    for path in (undisturbed / "measurements").glob("*.npz"):
        tokens = token_numbers.read_arrays(path.read_bytes())
        assert len(tokens.kl) == table["n_tokens"]
        assert int(tokens.n_bytes.sum()) == sum(len(text.encode()) for text in TEXTS.values())
        assert set(tokens.document) == set(range(len(TEXTS)))
