"""The most changed stretches of text, against a slow search over all of them."""

import numpy as np

from pyengine.comparison.passages import LENGTH, PassageKeeper
from pyengine.comparison.passes import Block
from pyengine.comparison.windows import Window
from pyengine.statistics import pair_statistics

VOCABULARY = 40


def make_block(seed: int, n: int) -> tuple[Block, Window]:
    generator = np.random.default_rng(seed)
    reference = generator.standard_normal((n, VOCABULARY)).astype(np.float32)
    variant = reference + generator.standard_normal((n, VOCABULARY)).astype(np.float32) * (
        generator.random((n, 1)).astype(np.float32)
    )
    targets = generator.integers(0, VOCABULARY, n).astype(np.int32)
    places = np.arange(n, dtype=np.int64)
    window = Window(seed, targets, places, targets, places)
    records = pair_statistics(reference, variant, targets, threads=1)
    return Block(0, seed, 0, reference, variant, records), window


def test_the_stretches_of_largest_mean_divergence_are_kept() -> None:
    keeper = PassageKeeper(3)
    means = []
    for seed in range(6):
        block, window = make_block(seed, 5 * LENGTH + 7)
        keeper.offer(block, window)
        kl = block.records["kl"].astype(np.float64)
        means += [float(kl[i : i + LENGTH].mean()) for i in range(0, 5 * LENGTH, LENGTH)]
    best = keeper.best()
    assert [passage.kl.mean() for passage in best] == sorted(means, reverse=True)[:3]
    assert len({(passage.document, passage.tokens[0]) for passage in best}) == 3


def test_top_tokens_are_those_of_the_softmax() -> None:
    block, window = make_block(9, LENGTH)
    keeper = PassageKeeper(1)
    keeper.offer(block, window)
    (passage,) = keeper.best()
    rows = block.rows.astype(np.float64)
    probabilities = np.exp(rows) / np.exp(rows).sum(axis=1, keepdims=True)
    order = np.argsort(-probabilities, axis=1)[:, :5]
    assert (passage.variant.ids == order).all()
    expected = np.take_along_axis(probabilities, order, axis=1)
    np.testing.assert_allclose(passage.variant.probabilities, expected, rtol=1e-5)


def test_none_are_kept_when_none_are_wanted_or_the_block_is_short() -> None:
    keeper = PassageKeeper(0)
    keeper.offer(*make_block(1, 2 * LENGTH))
    assert keeper.best() == []
    keeper = PassageKeeper(2)
    keeper.offer(*make_block(1, LENGTH - 1))
    assert keeper.best() == []
