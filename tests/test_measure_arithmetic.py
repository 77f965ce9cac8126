"""Every model beside itself: floors, and the part of a divergence that arithmetic explains."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_models
from run_samples import control, estimate, info, made_run

from pyengine.measure import decode
from pyengine.measure.aggregate import beyond_arithmetic
from pyengine.measure.contexts import Chunk, Context
from pyengine.measure.observers import pair_columns
from pyengine.measure.plan import FEWEST_TWICE, SHARE_TWICE, rows_twice
from pyengine.measure.variants import Variant
from pyengine.models.model import open_model
from pyengine.models.options import SessionOptions
from pyengine.models.quantize import file_sha256, plan_quantization, quantize_file
from pyengine.models.session import Session
from pyengine.report.measured import Numbers
from pyengine.run import Floors, Measurement, Run
from pyengine.statistics.estimates import clustered_mean
from pyengine.statistics.rows import pair_statistics

PADDING = np.empty(0, dtype=np.int32)


@pytest.fixture(scope="module")
def quantized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file whose numbers depend on the order in which sums are computed."""
    folder = tmp_path_factory.mktemp("models")
    source = tiny_models.write_spread(folder / "tiny.gguf", n_extra=8, spread=2.0)
    (plan,) = plan_quantization(source, ["Q8_0"])
    path = folder / "tiny-Q8_0.gguf"
    quantize_file(source, path, plan, source_sha256=file_sha256(source))
    return path


def _chunk(contexts: int, length: int, **how: object) -> Chunk:
    ids = np.arange(1, 1 + length, dtype=np.int32)
    rows, targets = np.arange(length), np.full(length, -1, dtype=np.int32)
    session = SessionOptions(n_ctx=64, n_batch=64, n_ubatch=64, threads=1, **how)  # type: ignore[arg-type]
    return Chunk("text", tuple(Context(ids + i, rows, targets) for i in range(contexts)), session)


def _variant(path: Path) -> Variant:
    return Variant(id="q8", path=str(path), sha256="")


def _forget_models() -> None:
    decode.session.cache_clear()
    decode.opened.cache_clear()


def test_rows_are_computed_twice_as_an_obvious_computation_does(
    quantized: Path, tmp_path: Path
) -> None:
    chunk = _chunk(3, 20)
    variant = _variant(quantized)
    rows = str(tmp_path / "rows")
    decode.write_rows(variant, chunk, rows)
    seen = decode.observe(variant, chunk, (pair_columns,), {}, PADDING, reference=rows, twice=30)
    _forget_models()
    assert not seen.columns["kl"].any()  # the reference is the same file
    assert seen.order == {"flash_attention": "off"}
    with open_model(quantized) as model:
        wanted = []
        for context, n in zip(chunk.contexts, (20, 10), strict=False):
            usual = SessionOptions(n_ctx=64, threads=1)
            first = Session(model, options=usual)
            second = Session(model, options=replace(usual, flash_attention="off"))
            at = list(range(n))
            pairs = pair_statistics(
                first.logits_at(context.ids[:n], at), second.logits_at(context.ids[:n], at),
                context.targets[:n],
            )  # fmt: skip
            wanted += pairs["kl"].tolist()
    assert max(wanted) > 0
    assert seen.again["kl"] == pytest.approx(wanted, rel=1e-6, abs=1e-12)


def test_an_order_that_shows_nothing_gives_way_to_the_next(quantized: Path, tmp_path: Path) -> None:
    chunk = _chunk(1, 20, flash_attention="off")
    variant = _variant(quantized)
    rows = str(tmp_path / "rows")
    decode.write_rows(variant, chunk, rows)
    seen = decode.compute_again(variant, chunk, 8, (pair_columns,), PADDING, rows)
    _forget_models()
    assert seen.order == {"n_ubatch": 1}
    assert len(seen.again["kl"]) == 8


def test_a_share_of_the_rows_is_computed_twice_from_the_first() -> None:
    few = [_chunk(2, 20)]
    assert rows_twice(few, (1,)) == {"text": 40}
    session = few[0].session
    many = [Chunk(f"text {i}", _chunk(100, 20).contexts, session) for i in range(5)]
    assert rows_twice(many, (5,)) == {"text 0": round(SHARE_TWICE * 10_000)}
    small = [Chunk(f"text {i}", _chunk(3, 20).contexts, session) for i in range(5)]
    assert list(rows_twice(small, (5,)).values()) == [60, 60, FEWEST_TWICE - 120]


def test_every_stretch_between_looks_gives_its_share_of_rows_computed_twice() -> None:
    session = _chunk(1, 20).session
    many = [Chunk(f"text {i}", _chunk(100, 20).contexts, session) for i in range(5)]
    share = round(SHARE_TWICE * 4_000)
    assert rows_twice(many, (1, 3, 5)) == {
        "text 0": FEWEST_TWICE,
        "text 1": share,
        "text 3": share,
    }


def _run(*rows: Measurement) -> Run:
    return made_run([info("model", 4.0), info("model-Q8", 2.0)], rows)


def test_the_floor_of_a_divergence_is_the_mean_of_both_models() -> None:
    kl = estimate("kl", "model-Q8", 0.006)
    own = Measurement("kl", "model-Q8", "model-Q8", "", 0.004, error=0.0002, n=800)
    assert Floors(_run(kl)).of(kl) is None
    assert Floors(_run(kl, control("kl", 0.002))).of(kl) == pytest.approx(0.002)
    assert Floors(_run(kl, control("kl", 0.002), own)).of(kl) == pytest.approx(0.0032)
    ratio = estimate("kl_ratio", "model-Q8", 1.0, group="against=other")
    assert Floors(_run(ratio, control("kl", 0.002), own)).of(ratio) is None


def test_the_floor_of_a_mean_change_falls_with_its_tokens() -> None:
    own = Measurement("delta_p", "model-Q8", "model-Q8", "", 0.01, error=0.002, n=100)
    for n in (100, 400, 10_000):
        row = estimate("delta_p", "model-Q8", 0.01, n=n)
        expected = 2 * 0.002 * math.sqrt(100 / n)
        assert Floors(_run(row, own)).of(row) == pytest.approx(expected)


def test_a_quantile_has_the_same_quantile_of_the_control() -> None:
    group = "quantile=0.95"
    row = Measurement("delta_p", "model-Q8", "model", group, 0.2, n=100)
    own = Measurement("delta_p", "model-Q8", "model-Q8", group, -0.04, n=100)
    reference = Measurement("delta_p", "model", "model", group, 0.03, n=100)
    other = Measurement("delta_p", "model-Q8", "model-Q8", "quantile=1", 0.9, n=100)
    found = Floors(_run(row, own, other, reference)).of(row)
    assert found == pytest.approx(math.sqrt((0.04**2 + 0.03**2) / 2))


def test_starts_of_one_model_against_each_other_are_no_control() -> None:
    row = Measurement("jensen_shannon", "model", "model", "start=eos;against=natural", 0.5)
    control = Measurement("jensen_shannon", "model", "model", "", 0.001)
    run = _run(row, control)
    assert run.select("jensen_shannon") == [row]
    assert run.select("jensen_shannon", reference="model") == [row, control]
    assert Numbers(run).find("jensen_shannon", "model", row.group) == row


def test_shares_and_unknown_numbers_have_no_floor() -> None:
    row = estimate("same_first_choice", "model-Q8", 0.9)
    assert Floors(_run(row, control("kl", 0.5))).of(row) is None


def _softmax_kl(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    p, q = (x - np.log(np.exp(x).sum(axis=-1, keepdims=True)) for x in (p, q))
    return np.asarray((np.exp(p) * (p - q)).sum(axis=-1))


def test_beyond_arithmetic_covers_the_divergence_of_the_centres() -> None:
    """Logits that scatter by independent errors around centres whose divergence is known."""
    rng = np.random.default_rng(7)
    documents, tokens, words = 30, 40, 60
    clusters = np.repeat(np.arange(documents), tokens)
    covered, plain, errors = 0, 0, []
    trials = 120
    for _ in range(trials):
        centre = rng.normal(0, 2, (documents * tokens, words))
        away = centre + rng.normal(0, 0.08, centre.shape)
        scatter = (0.02, 0.06)  # of the reference and of the variant
        p, p_again = (centre + rng.normal(0, scatter[0], centre.shape) for _ in range(2))
        q, q_again = (away + rng.normal(0, scatter[1], centre.shape) for _ in range(2))
        truth = float(_softmax_kl(centre, away).mean())

        def row(values: np.ndarray, model: str, reference: str) -> Measurement:
            found = clustered_mean(values, clusters[: len(values)])
            return Measurement(
                "kl", model, reference, "", found.value, found.low, found.high, 0.95,
                found.error, found.n, found.n_clusters, "t", found.freedom,
            )  # fmt: skip

        kl = row(_softmax_kl(p, q), "q", "p")
        n = 200  # only some rows are computed twice
        found = beyond_arithmetic(
            kl,
            row(_softmax_kl(p[:n], p_again[:n]), "p", "p"),
            row(_softmax_kl(q[:n], q_again[:n]), "q", "q"),
        )
        covered += found.low <= truth <= found.high
        plain += kl.low <= truth <= kl.high
        errors.append(found.value - truth)
    assert covered >= 0.88 * trials
    assert plain < 0.1 * trials  # what the divergence itself says of the centres
    assert abs(np.mean(errors)) < 3 * np.std(errors) / math.sqrt(trials) + 2e-5


def test_beyond_arithmetic_of_one_document_has_no_interval() -> None:
    kl = estimate("kl", "model-Q8", 0.006, math.nan, n_clusters=1)
    own = control("kl", 0.002, "model-Q8")
    found = beyond_arithmetic(kl, control("kl", 0.0), own)
    assert found.value == pytest.approx(0.005)
    assert math.isnan(found.low)
    assert found.metric == "kl_beyond_arithmetic"
