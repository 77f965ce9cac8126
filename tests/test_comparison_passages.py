"""The most changed stretches of text, against a slow search over all of them."""

import numpy as np

from pyengine.measure.observers import PASSAGE_LENGTH as LENGTH
from pyengine.measure.observers import Block, LargestDivergence

VOCABULARY = 40


def make_block(seed: int, n: int) -> Block:
    generator = np.random.default_rng(seed)
    reference = generator.standard_normal((n, VOCABULARY)).astype(np.float32)
    variant = reference + generator.standard_normal((n, VOCABULARY)).astype(np.float32) * (
        generator.random((n, 1)).astype(np.float32)
    )
    targets = generator.integers(0, VOCABULARY, n).astype(np.int32)
    places = np.arange(seed * 1000, seed * 1000 + n, dtype=np.int64)
    no_set = np.full(n, "")
    padding = np.empty(0, np.int32)
    return Block(places, variant, reference, targets, no_set, padding, threads=1)


def test_the_stretches_of_largest_mean_divergence_are_kept() -> None:
    keeper = LargestDivergence(3, LENGTH)
    means = []
    for seed in range(6):
        block = make_block(seed, 5 * LENGTH + 7)
        keeper.offer(block)
        kl = block.pairs["kl"].astype(np.float64)
        means += [float(kl[i : i + LENGTH].mean()) for i in range(0, 5 * LENGTH, LENGTH)]
    best = keeper.best()
    assert [passage["worth"] for passage in best] == sorted(means, reverse=True)[:3]
    assert len({passage["places"][0] for passage in best}) == 3


def test_top_tokens_are_those_of_the_softmax() -> None:
    block = make_block(9, LENGTH)
    keeper = LargestDivergence(1, LENGTH)
    keeper.offer(block)
    (passage,) = keeper.best()
    rows = block.rows.astype(np.float64)
    probabilities = np.exp(rows) / np.exp(rows).sum(axis=1, keepdims=True)
    order = np.argsort(-probabilities, axis=1)[:, :5]
    assert [[token for token, _ in row] for row in passage["variant"]] == order.tolist()
    expected = np.take_along_axis(probabilities, order, axis=1)
    given = [[probability for _, probability in row] for row in passage["variant"]]
    np.testing.assert_allclose(given, expected, rtol=1e-5)


def test_none_are_kept_when_none_are_wanted_or_the_block_is_short() -> None:
    keeper = LargestDivergence(0, LENGTH)
    keeper.offer(make_block(1, 2 * LENGTH))
    assert keeper.best() == []
    keeper = LargestDivergence(2, LENGTH)
    keeper.offer(make_block(1, LENGTH - 1))
    assert keeper.best() == []
