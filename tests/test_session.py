"""Sessions give the same logits however the tokens are laid out."""

from pathlib import Path

import numpy as np
import pytest
import tiny_models

from pyengine.errors import ModelKindError, OptionError, PyengineError, TokenizerError
from pyengine.models.model import Model, open_model
from pyengine.models.options import SessionOptions
from pyengine.models.session import Session


def test_batched_logits_equal_single_ones(stories: Path) -> None:
    model = open_model(stories)
    session = Session(model, options=SessionOptions(n_seq_max=8, threads=1))
    ids = [int(i) for i in model.vocabulary.tokenize("Once upon a time", add_special=True)]
    sequences = [ids[:3], ids[:4], ids, [1, 5], [1], [1, 5, 7], [1, 5]]
    batched = session.batch_logits(sequences)
    single = np.stack([session.logits(tokens) for tokens in sequences])
    # Batching changes how matrix products are blocked, hence float rounding and nothing else.
    np.testing.assert_allclose(batched, single, atol=1e-4)


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
    "options",
    [
        SessionOptions(n_ctx=0),
        SessionOptions(n_batch=0),
        SessionOptions(n_ubatch=0),
        SessionOptions(n_seq_max=0),
        SessionOptions(n_seq_max=257),
        SessionOptions(max_rows=0),
        SessionOptions(threads=0),
        SessionOptions(threads=100_000),
    ],
    ids=lambda options: str(options)[15:60],
)
def test_impossible_options_are_refused(tiny: Model, options: SessionOptions) -> None:
    with pytest.raises(OptionError):
        Session(tiny, options=options)


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
