"""One choice of each group within a budget, against all ways to choose and against a table."""

from itertools import product

import numpy as np
import pytest

from pyengine.choose.knapsack import choose


def drawn(seed: int, *, groups: int, most: int) -> tuple[list[list[int]], list[list[float]]]:
    """Return sizes and losses of groups whose larger choices mostly, not always, lose less."""
    rng = np.random.default_rng(seed)
    sizes, losses = [], []
    for _ in range(groups):
        n = int(rng.integers(1, most + 1))
        weight = float(rng.integers(1, 50))
        bits = rng.integers(1, 17, n)
        sizes.append([int(b * weight) for b in bits])
        losses.append([float(v) for v in weight * np.exp(-bits / 2) * rng.lognormal(0, 0.4, n)])
    return sizes, losses


def brute(
    sizes: list[list[int]], losses: list[list[float]], budget: int
) -> tuple[float, int] | None:
    """Return the least loss, and the size that it takes, by trying everything."""
    found = [
        (sum(losses[g][c] for g, c in enumerate(way)), sum(sizes[g][c] for g, c in enumerate(way)))
        for way in product(*(range(len(s)) for s in sizes))
    ]
    return min((pair for pair in found if pair[1] <= budget), default=None)


@pytest.mark.parametrize("seed", range(40))
def test_nothing_loses_less(seed: int) -> None:
    sizes, losses = drawn(seed, groups=5, most=5)
    smallest, largest = sum(map(min, sizes)), sum(map(max, sizes))
    for budget in np.linspace(smallest - 1, largest + 1, 9).astype(int).tolist():
        best, found = brute(sizes, losses, budget), choose(sizes, losses, budget)
        assert (found is None) == (best is None)
        if found is not None and best is not None:
            assert sum(s[c] for s, c in zip(sizes, found, strict=True)) <= budget
            assert sum(x[c] for x, c in zip(losses, found, strict=True)) == pytest.approx(
                best[0], rel=1e-9
            )


@pytest.mark.parametrize("seed", range(3))
def test_sixty_groups_of_twenty_types_are_as_good_as_a_table_over_all_sizes(seed: int) -> None:
    sizes, losses = drawn(seed, groups=60, most=20)
    budget = (sum(map(min, sizes)) + sum(map(max, sizes))) // 3
    found = choose(sizes, losses, budget)
    assert found is not None
    assert sum(s[c] for s, c in zip(sizes, found, strict=True)) <= budget
    best = np.zeros(budget + 1)  # the least loss within each size
    for size, loss in zip(sizes, losses, strict=True):
        grown = np.full(budget + 1, np.inf)
        for n, x in zip(size, loss, strict=True):
            if n <= budget:
                grown[n:] = np.minimum(grown[n:], best[: budget + 1 - n] + x)
        best = grown
    lost = sum(x[c] for x, c in zip(losses, found, strict=True))
    assert lost == pytest.approx(best[budget], rel=1e-9)


def test_of_equal_losses_the_smaller_counts() -> None:
    assert choose([[8, 4, 6]], [[1.0, 1.0, 1.0]], 100) == [1]
    assert choose([[4, 8], [4, 8]], [[2.0, 1.0], [2.0, 1.0]], 8) == [0, 0]


def test_a_budget_is_met_to_the_byte() -> None:
    sizes, losses = [[10, 20], [10, 20]], [[3.0, 0.0], [2.0, 0.0]]
    assert choose(sizes, losses, 30) == [1, 0]
    assert choose(sizes, losses, 29) == [0, 0]
    assert choose(sizes, losses, 40) == [1, 1]
    assert choose(sizes, losses, 19) is None


def test_huge_sizes_stay_exact() -> None:
    huge = 1 << 51
    assert choose([[huge, huge + 1]], [[2.0, 1.0]], huge) == [0]
    assert choose([[huge, huge + 1]], [[2.0, 1.0]], huge + 1) == [1]


def test_a_loss_is_a_number() -> None:
    with pytest.raises(ValueError, match="a loss is not finite"):
        choose([[1, 2]], [[1.0, float("nan")]], 2)
