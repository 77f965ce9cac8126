"""Where rows wait, when measuring stops and what is kept: the numbers stay the same."""

from pathlib import Path

import numpy as np
import pytest
from comparison_samples import (
    WINDOWS,
    Quantize,
)
from tiny_models import write_spread

from pyengine.comparison import (
    CompareOptions,
    ComparisonResult,
    MemoryOptions,
    WindowOptions,
    compare,
)
from pyengine.corpus import Corpus
from pyengine.engine.model import open_model
from pyengine.engine.options import SessionOptions
from pyengine.engine.session import Session


def test_number_of_threads_moves_no_number_over_the_corpus(
    tiny: Path, quantized: Quantize, corpus: Corpus
) -> None:
    variant = quantized("Q4_0")
    found = set()
    for threads in (1, 2, 3):
        options = CompareOptions(windows=WINDOWS, threads=threads, starts=False, greedy=0)
        (compared,) = compare(tiny, [variant], corpus=corpus, options=options).variants
        found.add(compared.model_dump_json())
    assert len(found) == 1


def test_block_plan_gives_the_same_numbers(
    result: ComparisonResult, tiny: Path, quantized: Quantize, corpus: Corpus
) -> None:
    options = CompareOptions(
        windows=WINDOWS,
        threads=1,
        greedy=2,
        spots=3,
        memory=MemoryOptions(plan="block", cap_bytes=60_000),
    )
    block = compare(tiny, [quantized("Q8_0"), quantized("Q4_0")], corpus=corpus, options=options)
    assert block.scope is not None
    assert block.scope.plan == "block"
    for a, b in zip(result.variants, block.variants, strict=True):
        assert a.model_dump_json() == b.model_dump_json()


def test_cache_plan_gives_lower_bounds_and_exact_log_probabilities(
    tmp_path: Path, corpus: Corpus
) -> None:
    large = write_spread(tmp_path / "large.gguf", n_extra=400, spread=1.0)
    tuned = write_spread(tmp_path / "large2.gguf", n_extra=400, spread=1.02)
    results = []
    for plan in ("live", "cache"):
        options = CompareOptions(
            windows=WINDOWS,
            threads=1,
            starts=False,
            greedy=0,
            memory=MemoryOptions(plan="cache" if plan == "cache" else "live"),
        )
        results.append(compare(large, [tuned], corpus=corpus, options=options))
    exact, bound = (r.variants[0].overall for r in results)
    assert exact is not None
    assert bound is not None
    for name in ("jensen_shannon", "total_variation", "hellinger"):
        assert getattr(bound, name).value <= getattr(exact, name).value + 1e-6
    assert 0.3 * exact.kl.mean.value < bound.kl.mean.value <= exact.kl.mean.value + 1e-6
    assert bound.ppl_reference == pytest.approx(exact.ppl_reference, rel=1e-6)
    assert bound.ppl_variant == pytest.approx(exact.ppl_variant, rel=1e-6)
    assert bound.same_top.value == exact.same_top.value
    assert bound.delta_p.rms == pytest.approx(exact.delta_p.rms, rel=1e-4)
    for a, b in zip(results[0].variants[0].keywords, results[1].variants[0].keywords, strict=True):
        assert b.mass_reference.value == pytest.approx(a.mass_reference.value, rel=1e-5)
        assert b.kl is not None
        assert a.kl is not None
        assert b.kl.value == pytest.approx(a.kl.value, rel=1e-4)


def test_the_same_call_gives_the_same_bytes(
    result: ComparisonResult, tiny: Path, quantized: Quantize, corpus: Corpus
) -> None:
    options = CompareOptions(windows=WINDOWS, threads=1, greedy=2, spots=3)
    models = [quantized("Q8_0"), quantized("Q4_0")]
    again = compare(tiny, models, corpus=corpus, options=options)
    assert result.model_dump_json() == again.model_dump_json()


def test_measuring_stops_when_precise_enough(
    tiny: Path, quantized: Quantize, corpus: Corpus
) -> None:
    options = CompareOptions(
        windows=WINDOWS, threads=1, starts=False, greedy=0, spots=0, precision=1.0
    )
    result = compare(tiny, [quantized("Q8_0")], corpus=corpus, options=options)
    assert result.scope is not None
    assert result.scope.stopped == "the requested precision was reached"
    assert result.scope.n_documents == 10


def test_rows_are_saved_only_when_asked_for(
    tiny: Path, quantized: Quantize, corpus: Corpus, tmp_path: Path
) -> None:
    options = CompareOptions(
        windows=WindowOptions(n_ctx=32, max_windows=2), threads=1, starts=False, greedy=0
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
    with np.load(target / names[0]) as saved, open_model(tiny) as model:
        session = Session(model, options=SessionOptions(threads=1))
        again = session.logits_at(saved["ids"], saved["rows"])
        assert np.allclose(saved["logits"], again, atol=1e-4)
