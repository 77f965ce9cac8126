"""One choice of each group within budgets, against all ways to choose and against a table."""

from itertools import product

import numpy as np
import pytest

from pyengine.choose.knapsack import choose, choose_in_time


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


def timed(seed: int, sizes: list[list[int]]) -> list[list[int]]:
    """Return times of choices, below nothing too, that mostly, not always, grow with their size."""
    rng = np.random.default_rng(seed)
    return [
        [int(20 * (size - np.mean(group)) * rng.lognormal(0, 0.4)) for size in group]
        for group in sizes
    ]


@pytest.mark.parametrize("seed", range(5))
def test_nothing_within_two_budgets_loses_less(seed: int) -> None:
    sizes, losses = drawn(seed, groups=5, most=5)
    times = timed(seed, sizes)
    ways = list(product(*(range(len(s)) for s in sizes)))
    size, time, loss = (
        np.array([sum(of[g][c] for g, c in enumerate(way)) for way in ways])
        for of in (sizes, times, losses)
    )
    fits = 0
    for budget in np.linspace(size.min() - 1, size.max(), 4).astype(int).tolist():
        for most in np.linspace(time.min() - 1, time.max(), 5).astype(int).tolist():
            allowed = (size <= budget) & (time <= most)
            found = choose_in_time(sizes, losses, budget, times, most)
            assert (found is None) == (not allowed.any())
            if found is not None:
                at = ways.index(tuple(found))
                assert allowed[at]
                assert loss[at] == pytest.approx(loss[allowed].min(), rel=1e-9)
                fits += 1
    assert fits > 6


def test_sixty_groups_of_twenty_types_within_two_budgets_take_seconds() -> None:
    """As good as a table over all sizes and times, which are few here."""
    rng = np.random.default_rng(5)
    sizes = [rng.integers(0, 9, 20).tolist() for _ in range(60)]
    times = [rng.integers(0, 9, 20).tolist() for _ in range(60)]
    losses = [(rng.lognormal(0, 1, 20) * 2.0 ** -np.array(size)).tolist() for size in sizes]
    budget, most = 200, 150
    found = choose_in_time(sizes, losses, budget, times, most)
    assert found is not None
    assert sum(s[c] for s, c in zip(sizes, found, strict=True)) <= budget
    assert sum(t[c] for t, c in zip(times, found, strict=True)) <= most
    best = np.zeros((budget + 1, most + 1))  # the least loss within each size and time
    for group in zip(sizes, times, losses, strict=True):
        grown = np.full_like(best, np.inf)
        for s, t, x in zip(*group, strict=True):
            beside = best[: budget + 1 - s, : most + 1 - t] + x
            grown[s:, t:] = np.minimum(grown[s:, t:], beside)
        best = grown
    lost = sum(x[c] for x, c in zip(losses, found, strict=True))
    assert lost == pytest.approx(best[budget, most], rel=1e-9)


def test_time_that_is_no_limit_changes_nothing() -> None:
    sizes, losses = drawn(3, groups=5, most=5)
    budget = sum(map(min, sizes)) + 40
    usual = choose(sizes, losses, budget)
    assert choose_in_time(sizes, losses, budget, timed(3, sizes), 10**12) == usual
    assert choose_in_time(sizes, losses, budget, [[0] * len(s) for s in sizes], 0) == usual
    assert choose_in_time(sizes, losses, budget, [[0] * len(s) for s in sizes], -1) is None


def test_a_loss_is_a_number() -> None:
    with pytest.raises(ValueError, match="a loss is not finite"):
        choose([[1, 2]], [[1.0, float("nan")]], 2)
