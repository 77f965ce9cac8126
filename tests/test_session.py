"""Sessions give the same logits however the tokens are laid out."""

from pathlib import Path

import numpy as np
import pytest

from pyengine.engine.model import open_model
from pyengine.engine.options import SessionOptions
from pyengine.engine.session import Session
from pyengine.errors import ModelKindError, OptionError, TokenizerError


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
    from pyengine.engine.options import ModelOptions

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
