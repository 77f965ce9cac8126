"""Weights and settings on one scale: their sum against both together, and the memory of each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_line import run
from run_samples import info
from tiny_models import Tiny, write_bpe

import pyengine
from pyengine.measure.joint import joint_rows
from pyengine.measure.table import TokenTable
from pyengine.models.memory import forecast
from pyengine.run.record import Run

WIDE = Tiny(n_embd=128)
CONTEXT = 256  # with which the model was trained


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A file, its cache, other weights, and both: four documents."""
    folder = tmp_path_factory.mktemp("together")
    base = write_bpe(folder / "base.gguf", WIDE)
    made = pyengine.quantize(base, to="Q8_0", output_dir=folder, threads=1)
    (small,) = (content["path"] for content in made.shown("quantized"))
    texts = []
    for number, word in enumerate(("def", "class", "return", "import")):
        texts.append(folder / f"{number}.txt")
        texts[-1].write_text(f"{word} if while else for {word} " * 8)
    return pyengine.compare(
        base,
        [f"{base}?kv=q4_0", small, f"{small}?kv=q4_0"],
        corpus=texts,
        starts=False,
        continuations=0,
        precision=0,
        threads=1,
    )


def test_the_sum_of_both_alone_stands_beside_both_together(compared: Run) -> None:
    cache, weights, both = (model.id for model in compared.models[1:])
    kl = {row.model: row for row in compared.select("kl", group="")}
    (total,), (beyond,) = compared.select("kl_sum"), compared.select("kl_beyond_sum")
    assert total.model == beyond.model == both
    assert beyond.members == {"weights": weights, "settings": cache}
    assert total.value == pytest.approx(kl[cache].value + kl[weights].value)
    assert beyond.value == pytest.approx(kl[both].value - total.value)
    assert beyond.low < beyond.value < beyond.high
    assert beyond.n_clusters == 4


def test_memory_is_that_of_each_model_with_its_settings(compared: Run) -> None:
    base = compared.models[0].path
    known = {
        metric: {row.model: row for row in compared.select(metric)}
        for metric in ("memory_forecast", "cache_forecast")
    }
    for model in compared.models:
        row = known["cache_forecast"][model.id]
        cells = CONTEXT * 2 * 2 * 2 * 32  # layers, keys and values, heads, numbers in each
        assert row.value == (cells * 18 // 32 if model.variant else cells * 2)
        assert row.members == {"context": str(CONTEXT)}
    whole = forecast(base, CONTEXT).main
    assert known["memory_forecast"][compared.models[0].id].value == whole


@pytest.mark.parametrize("command", ["compare", "sweep"])
def test_the_page_says_both(compared: Run, tmp_path: Path, command: str) -> None:
    path = tmp_path / "run.json"
    compared.model_copy(update={"command": command}).save(path)
    shown = run("report", path).out
    words = " ".join(shown.split())
    assert "Memory with 256 tokens of context" in shown
    assert "alone come to" in words
    assert "both together to" in words


def test_tokens_that_all_three_have_are_summed() -> None:
    """Against sums by hand; what stopped earlier decides how many tokens count."""
    rng = np.random.default_rng(3)
    lengths = {"f16?kv": 30, "Q4": 50, "Q4?kv": 40}
    columns = {name: rng.exponential(0.1, n) for name, n in lengths.items()}
    tables = {
        name: TokenTable(np.arange(len(kl)) // 5, {}, {"kl": kl}) for name, kl in columns.items()
    }
    reference = info("f16", 2, sha256="whole")
    models = [
        info("f16?kv", 2, sha256="whole").model_copy(update={"variant": "?kv"}),
        info("Q4", 1, sha256="small"),
        info("Q4?kv", 1, sha256="small").model_copy(update={"variant": "?kv"}),
    ]
    total, beyond = joint_rows(reference, models, tables)
    first, second, both = (columns[name][:30] for name in lengths)
    assert total.value == pytest.approx(np.mean(first + second))
    assert beyond.value == pytest.approx(np.mean(both - first - second))
    by_document = (both - first - second).reshape(6, 5).mean(axis=1)
    assert beyond.error == pytest.approx(np.std(by_document, ddof=1) / np.sqrt(6))
    assert (beyond.n, beyond.n_clusters) == (30, 6)
    assert list(joint_rows(reference, models[1:], tables)) == []
    assert list(joint_rows(reference, models[:2], tables)) == []
