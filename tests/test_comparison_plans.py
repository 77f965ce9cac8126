"""Threads and runs that change no number, and whole rows."""

from pathlib import Path

import numpy as np
import pytest
from comparison_samples import WINDOWS, Quantize

from pyengine.measure.compare import compare
from pyengine.measure.options import CompareOptions
from pyengine.measure.subjects import padding_ids
from pyengine.models.model import open_model
from pyengine.models.options import SessionOptions
from pyengine.models.session import Session
from pyengine.run import Run, to_json
from pyengine.statistics.rows import pair_statistics
from pyengine.text.documents import Corpus
from pyengine.text.windows import WindowOptions


def test_number_of_threads_moves_no_number_over_the_corpus(
    tiny: Path, quantized: Quantize, corpus: Corpus
) -> None:
    variant = quantized("Q4_0")
    found = set()
    for threads in (1, 2, 3):
        options = CompareOptions(windows=WINDOWS, threads=threads, starts=False, continuations=0)
        run = compare(tiny, [variant], corpus=corpus, options=options)
        found.add("\n".join(map(repr, run.measurements)))
    assert len(found) == 1


def test_the_same_call_gives_the_same_bytes(
    result: Run, tiny: Path, quantized: Quantize, corpus: Corpus
) -> None:
    options = CompareOptions(windows=WINDOWS, threads=1, continuations=2, positions=3)
    models = [quantized("Q8_0"), quantized("Q4_0")]
    again = compare(tiny, models, corpus=corpus, options=options)
    assert to_json(result) == to_json(again)


def test_rows_are_saved_only_when_asked_for(
    tiny: Path, quantized: Quantize, corpus: Corpus, tmp_path: Path
) -> None:
    options = CompareOptions(
        windows=WindowOptions(n_ctx=32, max_windows=2), threads=1, starts=False, continuations=0
    )
    target = tmp_path / "rows"
    compare(tiny, [quantized("Q4_0")], corpus=corpus, options=options, save_logits=target)
    names = sorted(path.name for path in target.iterdir())
    assert names == [
        "reference-window000000.npz",
        "reference-window000001.npz",
        "variant0-window000000.npz",
        "variant0-window000001.npz",
    ]
    for path, name in ((tiny, names[0]), (quantized("Q4_0"), names[2])):
        with np.load(target / name) as saved, open_model(path) as model:
            session = Session(model, options=SessionOptions(threads=1))
            again = session.logits_at(saved["ids"], saved["rows"])
            assert np.allclose(saved["logits"], again, atol=1e-4)
            assert len(saved["targets"]) == len(saved["logits"])


def test_saved_rows_give_the_numbers_of_the_run(
    tiny: Path, quantized: Quantize, corpus: Corpus, tmp_path: Path
) -> None:
    """In blocks smaller than a window, and in several chunks."""
    options = CompareOptions(
        windows=WINDOWS, threads=1, starts=False, continuations=0, cap_bytes=60_000
    )
    target = tmp_path / "rows"
    run = compare(tiny, [quantized("Q4_0")], corpus=corpus, options=options, save_logits=target)
    names = sorted(path.name for path in target.glob("variant0-*"))
    assert run.population is not None
    assert len(names) == run.population.n_windows
    with open_model(tiny) as model:
        padding = padding_ids(model.vocabulary, model.n_vocab)
    kl = []
    for name in names:
        other = target / name.replace("variant0", "reference")
        with np.load(target / name) as q, np.load(other) as p:
            pairs = pair_statistics(p["logits"], q["logits"], p["targets"], padding=padding)
            kl += pairs["kl"].tolist()
    mean = run.find("kl", "tiny-Q4_0")
    assert mean is not None
    assert mean.value == pytest.approx(np.mean(kl), rel=1e-12)
