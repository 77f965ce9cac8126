"""The numbers of a sweep: held against a slow oracle, and against a comparison's."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from sweep_samples import TEXTS, SmallSweep, rows_of

from pyengine.cli.app import run
from pyengine.engine.model import open_model
from pyengine.engine.options import SessionOptions
from pyengine.engine.session import Session
from pyengine.sweep import token_numbers


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


def test_the_table_agrees_with_a_slow_oracle(sweep: SmallSweep, undisturbed: Path) -> None:
    rows = rows_of(undisturbed)
    assert list(rows) == ["tiny-f32", "tiny-Q8_0", "tiny-Q4_0"]  # source, then by size
    for file_type in ("Q8_0", "Q4_0"):
        row = rows[f"tiny-{file_type}"]
        truth = slow_numbers(sweep.source, undisturbed / "models" / f"tiny-{file_type}.gguf")
        assert row["failure"] is None
        assert row["file_type"] == file_type
        assert row["kl"]["value"] == pytest.approx(truth["kl"], rel=1e-6)  # type: ignore[index]
        assert row["same_top"]["value"] == pytest.approx(truth["same"])  # type: ignore[index]
        assert row["bits_per_byte"]["value"] == pytest.approx(  # type: ignore[index]
            truth["bits"], rel=1e-6
        )
    kl = {name: row["kl"]["value"] for name, row in rows.items()}  # type: ignore[index]
    assert kl["tiny-f32"] == 0.0
    assert kl["tiny-Q8_0"] < kl["tiny-Q4_0"]


def test_sizes_and_timings(sweep: SmallSweep, undisturbed: Path) -> None:
    rows = rows_of(undisturbed)
    timings = json.loads((undisturbed / "timings.json").read_text())
    assert rows["tiny-f32"]["file_bytes"] == sweep.source.stat().st_size
    assert set(timings["models"]) == set(rows)
    for record in timings["models"].values():
        assert record["peak_memory_bytes"] > record["empty_memory_bytes"] > 0
        for name in ("load_seconds", "prompt_tokens_per_second", "generated_tokens_per_second"):
            assert len(record[name]) == 1
            assert record[name][0] > 0
    assert "load_seconds" not in (undisturbed / "results.json").read_text()


def test_arrays_hold_every_token(undisturbed: Path) -> None:
    table = json.loads((undisturbed / "results.json").read_text())
    for path in (undisturbed / "measurements").glob("*.npz"):
        tokens = token_numbers.read_arrays(path.read_bytes())
        assert len(tokens.kl) == table["n_tokens"]
        assert int(tokens.n_bytes.sum()) == sum(len(text.encode()) for text in TEXTS.values())
        assert set(tokens.document) == set(range(len(TEXTS)))


def test_a_sweep_and_a_comparison_print_one_number(
    shared: Path, sweep: SmallSweep, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model without BOS: windows begin with nothing, and nothing is scored at a first token."""
    source = shared / "models" / "tiny-rwkv-7v0-834k-f16.gguf"
    how = ["--tokens", "60", "--context", "64", "--corpus", str(sweep.corpus), "--json"]
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
    sweep: SmallSweep, undisturbed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    variant = undisturbed / "models" / "tiny-Q4_0.gguf"
    how = ["--no-text", "--threads", "1", "--json"]
    assert run(["compare", str(sweep.source), str(variant), *how]) == 0
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
    sweep: SmallSweep, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one_document = replace(sweep, corpus=sweep.corpus / "one.py", types="Q8_0")

    def swept(context: str) -> str:
        folder = tmp_path / context
        assert run(one_document.command(folder, "--no-speed", "--context", context)) == 0
        return capsys.readouterr().out

    assert "no interval, so there is no verdict" in " ".join(swept("64").split())
    assert "tiny-Q8_0" in rows_of(tmp_path / "64")
    windows = swept("16")  # several of them take the place of documents
    assert "95 % interval" in windows or "None stays" in windows
    assert rows_of(tmp_path / "16")["tiny-Q8_0"]["kl"]["n_clusters"] > 1  # type: ignore[index]
