"""Sessions give the same logits however the tokens are laid out."""

from pathlib import Path

import numpy as np
import pytest
import tiny_models

import pyengine
from pyengine.errors import ModelKindError, OptionError, PyengineError, TokenizerError
from pyengine.measure.contexts import after
from pyengine.models.model import Model, open_model
from pyengine.models.options import SessionOptions
from pyengine.models.references import resolve_model
from pyengine.models.session import FEW_TOKENS, Session


def test_batched_logits_equal_single_ones(stories: Path) -> None:
    model = open_model(stories)
    session = Session(model, options=SessionOptions(n_seq_max=8, threads=1))
    ids = [int(i) for i in model.vocabulary.tokenize("Once upon a time", add_special=True)]
    sequences = [ids[:3], ids[:4], ids, [1, 5], [1], [1, 5, 7], [1, 5]]
    batched = session.batch_logits(sequences)
    single = np.stack([session.logits(tokens) for tokens in sequences])
    # Batching changes how matrix products are blocked, hence float rounding and nothing else.
    np.testing.assert_allclose(batched, single, atol=1e-4)


@pytest.fixture(scope="module", params=["as shipped", "Q8_0", "Q4_K_M", "Q6_K"])
def embedded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    shipped = resolve_model("embedded:base")
    if request.param == "as shipped":
        return open_model(shipped)
    folder = tmp_path_factory.mktemp("quantized")
    made = pyengine.quantize(shipped, to=request.param, output_dir=folder, threads=1)
    (written,) = made.shown("quantized")
    return open_model(written["path"])


def test_rows_beside_others_have_the_bits_of_each_alone(embedded: Model) -> None:
    vocabulary = embedded.vocabulary
    words = ["for", "forall", "nonlocal", "instanceof", "a longer text than one batch holds"]
    texts = [vocabulary.tokenize(text).tolist() for text in words]
    sequences = [ids[:n] for ids in texts for n in range(1, len(ids) + 1)]
    sequences = [[0, *ids] for ids in sequences] + sequences + [[0, *texts[0]]]
    shared = SessionOptions(n_ctx=64, n_seq_max=FEW_TOKENS, max_rows=FEW_TOKENS, threads=1)
    found = np.empty((len(sequences), embedded.n_vocab), dtype=np.float32)
    for places, rows in Session(embedded, options=shared).rows([after(ids) for ids in sequences]):
        found[places] = rows
    for ids, row in zip(sequences, found, strict=True):
        session = Session(embedded, options=SessionOptions(n_ctx=64, max_rows=8, threads=1))
        last_two = range(max(0, len(ids) - 2), len(ids))
        np.testing.assert_array_equal(row, session.logits_at(ids, [*last_two])[-1])
        # The row alone, without the one before it: another kernel where weights are floats.
        np.testing.assert_allclose(row, session.logits(ids), rtol=0, atol=1e-3)


def test_a_session_decodes_singly_where_company_changes_a_bit(
    embedded: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyengine.models.session.FEW_TOKENS", 200)  # attention in tiles from 64 on
    ids = [*range(300, 380)]
    options = SessionOptions(n_ctx=256, n_batch=256, n_seq_max=80, max_rows=80, threads=1)
    session, alone = Session(embedded, options=options), Session(embedded, options=options)
    contexts = [[0, token] for token in ids]
    blocks = [(places, rows.copy()) for places, rows in session.rows([*map(after, contexts)])]
    beside = alone.batch_logits(contexts)
    single = np.stack([alone.logits_at(context, [0, 1])[1] for context in contexts])
    assert not np.array_equal(beside, single)
    assert [len(rows) for _, rows in blocks] == [1] * len(ids)
    np.testing.assert_array_equal(np.concatenate([rows for _, rows in blocks]), single)


def test_equal_calls_give_equal_bits(stories: Path) -> None:
    session = Session(open_model(stories), options=SessionOptions(threads=1))
    np.testing.assert_array_equal(session.logits([1, 403, 407]), session.logits([1, 403, 407]))


def test_vocabulary_only_has_no_logits(shared: Path) -> None:
    from pyengine.models.options import ModelOptions

    path = shared / "vocabs" / "ggml-vocab-gpt-2.gguf"
    model = open_model(path, options=ModelOptions(vocabulary_only=True))
    with pytest.raises(ModelKindError, match="vocabulary only"):
        Session(model)


def test_impossible_tokens_are_refused(stories: Path) -> None:
    session = Session(open_model(stories), options=SessionOptions(threads=1))
    with pytest.raises(TokenizerError, match="512"):
        session.logits([512])
    with pytest.raises(OptionError):
        session.logits([-1])
    with pytest.raises(OptionError):
        session.logits([])
    with pytest.raises(OptionError, match="whole number"):
        session.logits([1.0, 2.5])  # type: ignore[list-item]


@pytest.fixture
def tiny(tmp_path: Path) -> Model:
    return open_model(tiny_models.write_bpe(tmp_path / "tiny.gguf"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_ctx", 0),
        ("n_batch", 0),
        ("n_ubatch", 0),
        ("n_seq_max", 0),
        ("n_seq_max", 257),
        ("max_rows", 0),
        ("threads", 0),
        ("threads", 100_000),
    ],
)
def test_impossible_options_are_refused(tiny: Model, name: str, value: int) -> None:
    with pytest.raises(OptionError, match=name):
        Session(tiny, options=SessionOptions(**{name: value}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "tokens", [[], [-1], [2**31], [2**40], [384]], ids=lambda tokens: str(tokens)
)
def test_tokens_are_checked_before_llama_cpp_sees_them(tiny: Model, tokens: list[int]) -> None:
    session = Session(tiny, options=SessionOptions(threads=1))
    with pytest.raises((OptionError, TokenizerError)):
        session.logits(tokens)
    with pytest.raises((OptionError, TokenizerError)):
        session.batch_logits([[1], tokens])
    assert np.isfinite(session.logits([1])).all()  # and the session still works


@pytest.mark.parametrize("positions", [[], [-1], [3], [1, 1], [2, 0]])
def test_positions_are_checked(tiny: Model, positions: list[int]) -> None:
    session = Session(tiny, options=SessionOptions(threads=1))
    with pytest.raises(OptionError, match="positions"):
        session.logits_at([1, 2, 3], positions)


def test_more_tokens_than_the_context_are_an_error(tiny: Model) -> None:
    session = Session(tiny, options=SessionOptions(n_ctx=256, n_batch=64, n_ubatch=64, threads=1))
    with pytest.raises(PyengineError):
        session.logits([1] * 300)
    assert np.isfinite(session.logits([1])).all()


def test_equal_calls_on_a_tiny_model_give_equal_bits(tiny: Model) -> None:
    session = Session(tiny, options=SessionOptions(threads=1))
    first = session.logits([304, 5, 6])
    session.logits([7, 8])
    np.testing.assert_array_equal(session.logits([304, 5, 6]), first)
