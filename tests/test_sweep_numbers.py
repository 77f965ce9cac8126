"""The numbers of a sweep: held against a slow oracle, and against a comparison's."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from sweep_samples import TEXTS, SmallSweep, result_of

from pyengine.commands.app import run
from pyengine.models.model import open_model
from pyengine.models.options import SessionOptions
from pyengine.models.session import Session
from pyengine.run import Run, load, merge


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


def value(run: Run, metric: str, model: str, **members: str) -> float:
    row = run.find(metric, model, **members)
    assert row is not None
    return row.value


def test_the_table_agrees_with_a_slow_oracle(sweep: SmallSweep, undisturbed: Path) -> None:
    run = result_of(undisturbed)
    assert [model.id for model in run.models] == ["tiny-f32", "tiny-Q8_0", "tiny-Q4_0"]
    for file_type in ("Q8_0", "Q4_0"):
        name = f"tiny-{file_type}"
        truth = slow_numbers(sweep.source, undisturbed / "models" / f"{name}.gguf")
        assert run.model(name).file_type == file_type
        assert value(run, "kl", name) == pytest.approx(truth["kl"], rel=1e-6)
        assert value(run, "same_first_choice", name) == pytest.approx(truth["same"])
        assert value(run, "bits_per_byte", name) == pytest.approx(truth["bits"], rel=1e-6)
        assert 0 < value(run, "padding_mass", name) < 1  # two of the tokens stand for nothing
    assert value(run, "kl", "tiny-Q8_0") < value(run, "kl", "tiny-Q4_0")
    assert run.population is not None
    assert run.population.n_bytes == sum(len(text.encode()) for text in TEXTS.values())
    assert run.population.n_scored_documents == len(TEXTS)


def test_sizes_and_timings(sweep: SmallSweep, undisturbed: Path) -> None:
    run, timings = result_of(undisturbed), load(undisturbed / "timings.json")
    assert run.models[0].file_bytes == sweep.source.stat().st_size
    assert [model.id for model in timings.models] == [model.id for model in run.models]
    for model in timings.models:
        assert (
            value(timings, "peak_memory", model.id) > value(timings, "empty_memory", model.id) > 0
        )
        for metric in ("load_seconds", "prompt_speed", "generation_speed"):
            row = timings.find(metric, model.id)
            assert row is not None
            assert (row.n, row.interval) == (1, "range")
            assert 0 < row.low == row.value == row.high
    assert "load_seconds" not in (undisturbed / "results.json").read_text()


def test_a_sweep_and_a_comparison_give_the_same_rows(
    sweep: SmallSweep, undisturbed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every measurement, the starts and files beside themselves too, bit for bit."""
    variants = [str(undisturbed / "models" / f"tiny-{name}.gguf") for name in ("Q8_0", "Q4_0")]
    how = ["--tokens", "200", "--context", "64", "--threads", "1", "--corpus", str(sweep.corpus)]
    how += ["--continuations", "0", "--json"]
    assert run(["compare", str(sweep.source), *variants, *how]) == 0
    (tmp_path / "c.json").write_text(capsys.readouterr().out)
    swept, compared = result_of(undisturbed), load(tmp_path / "c.json")
    assert list(map(repr, swept.measurements)) == list(map(repr, compared.measurements))
    assert swept.population == compared.population
    assert len(merge([compared, compared]).models) == 3


def test_a_model_without_bos_scores_nothing_at_a_first_token(
    shared: Path, sweep: SmallSweep, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = shared / "models" / "tiny-rwkv-7v0-834k-f16.gguf"
    assert run(["quantize", str(source), "--to", "Q4_0", "--output-dir", str(tmp_path)]) == 0
    (variant,) = tmp_path.glob("*.gguf")
    how = ["--tokens", "60", "--context", "64", "--corpus", str(sweep.corpus), "--no-starts"]
    capsys.readouterr()
    assert run(["compare", str(source), str(variant), *how, "--continuations", "0", "--json"]) == 0
    record = tmp_path / "c.json"
    record.write_text(capsys.readouterr().out)
    assert run(["report", str(record)]) == 0
    assert "no start token" in " ".join(capsys.readouterr().out.split())
    population = load(record).population
    assert population is not None
    assert population.prefix == []


def test_one_document_is_not_called_bad_for_want_of_an_interval(
    sweep: SmallSweep, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one_document = replace(sweep, corpus=sweep.corpus / "one.py", types="Q8_0")

    def swept(context: str) -> str:
        folder = tmp_path / context
        assert run(one_document.command(folder, "--no-speed", "--context", context)) == 0
        return capsys.readouterr().out

    assert "no interval, so there is no verdict" in " ".join(swept("64").split())
    windows = swept("16")  # several of them take the place of documents
    assert "95 % interval" in windows or "None stays" in windows
    row = result_of(tmp_path / "16").find("kl", "tiny-Q8_0")
    assert row is not None
    assert row.n_clusters > 1
