"""Prefix trees lose no sequence, and sessions that use them give the logits of single decodes."""

import threading
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import tiny_models
from hypothesis import given
from hypothesis import strategies as st

from pyengine.models.model import Model, open_model
from pyengine.models.options import SessionOptions
from pyengine.models.prefix_tree import TreeBatch, separate_batch, split_by_size, tree_batch
from pyengine.models.session import Session

# Of the largest logit. Batching blocks matrix products differently, and llama.cpp attends in half
# precision: rounding, nothing else.
TOLERANCE = 5e-3
sequences_of_ids = st.lists(
    st.lists(st.integers(0, 3), min_size=1, max_size=6), min_size=1, max_size=12
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return open_model(tiny_models.write_bpe(tmp_path_factory.mktemp("tiny") / "tiny.gguf"))


def path_of(batch: TreeBatch, number: int) -> list[int]:
    """The tokens that a sequence passes through, by rising position."""
    nodes = [i for i, owners in enumerate(batch.sequences) if number in owners]
    assert [batch.positions[i] for i in nodes] == list(range(len(nodes)))
    return [batch.ids[i] for i in nodes]


@given(sequences=sequences_of_ids)
def test_every_sequence_can_be_read_back(sequences: list[list[int]]) -> None:
    for batch in (tree_batch(sequences), separate_batch(sequences)):
        outputs = [i for i, wanted in enumerate(batch.outputs) if wanted]
        for number, tokens in enumerate(sequences):
            assert path_of(batch, number) == tokens
            (row,) = batch.rows[number]
            end = outputs[row]
            assert number in batch.sequences[end]
            assert batch.positions[end] == len(tokens) - 1


@given(sequences=sequences_of_ids)
def test_a_shared_prefix_stands_once(sequences: list[list[int]]) -> None:
    prefixes = {tuple(s[:n]) for s in sequences for n in range(1, len(s) + 1)}
    batch = tree_batch(sequences)
    assert len(batch.ids) == len(prefixes)
    assert sum(batch.outputs) == len({tuple(s) for s in sequences})


@given(
    sequences=sequences_of_ids,
    max_sequences=st.integers(1, 5),
    max_tokens=st.integers(6, 12),
    share=st.booleans(),
)
def test_groups_obey_their_limits(
    sequences: list[list[int]], max_sequences: int, max_tokens: int, share: bool
) -> None:
    groups = split_by_size(
        sequences, max_sequences=max_sequences, max_tokens=max_tokens, share=share
    )
    assert sorted(index for group in groups for index in group) == list(range(len(sequences)))
    for group in groups:
        chosen = [sequences[index] for index in group]
        batch = tree_batch(chosen) if share else separate_batch(chosen)
        assert len(group) <= max_sequences
        assert len(batch.ids) <= max_tokens


def test_a_sequence_longer_than_a_batch_stands_alone() -> None:
    assert split_by_size([[1] * 9, [2]], max_sequences=4, max_tokens=4) == [[0], [1]]


def check_batch(model: Model, sequences: list[list[int]], options: SessionOptions) -> None:
    session = Session(model, options=options)
    batched = session.batch_logits(sequences)
    single = np.stack([session.logits(tokens) for tokens in sequences])
    assert batched.shape == (len(sequences), model.n_vocab)
    np.testing.assert_allclose(batched, single, rtol=0, atol=TOLERANCE * np.abs(single).max())


def random_sequences(n: int, longest: int, n_vocab: int) -> list[list[int]]:
    rng = np.random.default_rng(7)
    lengths = rng.integers(1, longest + 1, n)
    drawn = [rng.integers(0, n_vocab, length).tolist() for length in lengths]
    return [*drawn, drawn[0], drawn[1][:1], [*drawn[2], 5]]  # a duplicate, a prefix, an extension


@pytest.mark.parametrize(
    "options",
    [
        SessionOptions(n_ctx=128, n_batch=128, n_seq_max=16, threads=1),
        SessionOptions(n_ctx=128, n_batch=8, n_ubatch=8, n_seq_max=4, threads=1),
        SessionOptions(n_ctx=128, n_batch=128, n_seq_max=16, max_rows=3, threads=1),
        SessionOptions(n_ctx=128, n_seq_max=1, max_rows=1, threads=1),
    ],
    ids=["roomy", "sequences longer than the batch", "few rows", "one by one"],
)
def test_batched_logits_equal_single_ones(tiny: Model, options: SessionOptions) -> None:
    check_batch(tiny, random_sequences(20, 12, tiny.n_vocab), options)


@pytest.mark.parametrize("name", ["tiny-rwkv-6v0-3m-q5_0", "tiny-rwkv-7v0-834k-f16"])
def test_recurrent_models_batch_as_well(shared: Path, name: str) -> None:
    model = open_model(shared / "models" / f"{name}.gguf")
    options = SessionOptions(n_ctx=64, n_batch=64, n_seq_max=8, threads=1)
    assert model.is_recurrent
    check_batch(model, random_sequences(6, 5, 200), options)


def test_mamba_batches_as_well(tmp_path: Path) -> None:
    model = open_model(tiny_models.write_mamba(tmp_path / "mamba.gguf"))
    options = SessionOptions(n_ctx=64, n_batch=64, n_seq_max=8, threads=1)
    assert model.is_recurrent
    check_batch(model, random_sequences(6, 5, 200), options)


def test_blocks_of_rows_join_to_all_rows(tiny: Model) -> None:
    tokens = list(range(40, 60))
    whole = Session(tiny, options=SessionOptions(threads=1)).logits_at(tokens, range(20))
    narrow = Session(tiny, options=SessionOptions(n_batch=7, n_ubatch=7, max_rows=3, threads=1))
    blocks = [(p.copy(), rows.copy()) for p, rows in narrow.iterate_rows(tokens, range(20))]
    assert all(len(rows) <= 3 for _, rows in blocks)
    assert np.concatenate([p for p, _ in blocks]).tolist() == list(range(20))
    np.testing.assert_allclose(np.concatenate([r for _, r in blocks]), whole, atol=2 * TOLERANCE)


def test_only_the_positions_asked_for_come_back(tiny: Model) -> None:
    session = Session(tiny, options=SessionOptions(threads=1))
    tokens = list(range(40, 50))
    every = session.logits_at(tokens, range(10))
    np.testing.assert_allclose(
        session.logits_at(tokens, [0, 4, 9]), every[[0, 4, 9]], atol=2 * TOLERANCE
    )
    np.testing.assert_allclose(session.logits(tokens[:5]), every[4], atol=2 * TOLERANCE)


def test_two_sessions_in_two_threads_give_equal_bits(tiny: Model) -> None:
    sequences = random_sequences(10, 8, tiny.n_vocab)
    results: dict[int, list[npt.NDArray[np.float32]]] = {0: [], 1: []}

    def decode(number: int) -> None:
        session = Session(tiny, options=SessionOptions(n_seq_max=4, threads=1))
        for _ in range(5):
            results[number].append(session.batch_logits(sequences))

    workers = [threading.Thread(target=decode, args=(number,)) for number in results]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for rows in (*results[0], *results[1]):
        np.testing.assert_array_equal(rows, results[0][0])
    assert len(results[0]) == len(results[1]) == 5
