"""pass@k against enumeration; Wilson and McNemar against their formulas and other libraries."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pyengine.statistics.success import (
    bootstrap_mean,
    bootstrap_ratio,
    bootstrap_ratio_difference,
    mcnemar,
    pass_at_k,
    share_over_tasks,
    spearman,
    wilson,
)


@pytest.mark.parametrize("n", range(1, 9))
def test_pass_at_k_equals_enumeration(n: int) -> None:
    for correct in range(n + 1):
        solved = [True] * correct + [False] * (n - correct)
        for k in range(1, n + 1):
            subsets = list(combinations(solved, k))
            share = sum(any(subset) for subset in subsets) / len(subsets)
            assert pass_at_k(n, correct, k) == pytest.approx(share, abs=1e-12)


@settings(deadline=None)
@given(st.integers(1, 300), st.data())
def test_pass_at_k_equals_binomials(n: int, data: st.DataObject) -> None:
    correct = data.draw(st.integers(0, n))
    k = data.draw(st.integers(1, n))
    exact = 1 - math.comb(n - correct, k) / math.comb(n, k)
    assert pass_at_k(n, correct, k) == pytest.approx(exact, abs=1e-9)
    assert 0.0 <= pass_at_k(n, correct, k) <= 1.0


@pytest.mark.parametrize("arguments", [(0, 0, 1), (3, 4, 1), (3, 1, 0), (3, 1, 4), (3, -1, 1)])
def test_pass_at_k_refuses_nonsense(arguments: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="pass@"):
        pass_at_k(*arguments)


def slow_wilson(successes: int, n: int, level: float) -> tuple[float, float]:
    z = float(stats.norm.ppf(0.5 + level / 2))
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return centre - reach, centre + reach


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 500), st.data(), st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_equals_its_formula_and_scipy(n: int, data: st.DataObject, level: float) -> None:
    successes = data.draw(st.integers(0, n))
    found = wilson(successes, n, level=level)
    low, high = slow_wilson(successes, n, level)
    assert found.low == pytest.approx(max(low, 0.0), abs=1e-9)
    assert found.high == pytest.approx(min(high, 1.0), abs=1e-9)
    assert found.low - 1e-12 <= found.value <= found.high + 1e-12


def test_wilson_gives_the_published_intervals() -> None:
    """The intervals beside the paper's HumanEval scores: 32 and 19 of 164."""
    first, second = wilson(32, 164), wilson(19, 164)
    assert (round(100 * first.low, 1), round(100 * first.high, 1)) == (14.2, 26.2)
    assert (round(100 * second.low, 1), round(100 * second.high, 1)) == (7.5, 17.4)
    assert math.isnan(wilson(0, 0).value)


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_equals_the_binomial_sum(only_first: int, only_second: int) -> None:
    n, smaller = only_first + only_second, min(only_first, only_second)
    tail = sum(math.comb(n, i) for i in range(smaller + 1)) / 2**n
    assert mcnemar(only_first, only_second) == pytest.approx(min(1.0, 2 * tail), rel=1e-9)
    assert mcnemar(only_first, only_second) == mcnemar(only_second, only_first)


def test_mcnemar_equals_statsmodels_figures() -> None:
    """Computed once with statsmodels.stats.contingency_tables.mcnemar(exact=True)."""
    assert mcnemar(6, 16) == pytest.approx(0.052478790283203125)
    assert mcnemar(1, 9) == pytest.approx(0.021484375)
    assert mcnemar(0, 5) == pytest.approx(0.0625)


def test_bootstrap_covers_about_as_often_as_it_claims() -> None:
    generator = np.random.default_rng(5)
    hits = 0
    for trial in range(300):
        found = bootstrap_mean(generator.normal(2.0, 1.0, 40), seed=trial, resamples=400)
        hits += found.low <= 2.0 <= found.high
    assert 0.90 <= hits / 300 <= 0.98


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=30))
@settings(max_examples=40, deadline=None)
def test_bootstrap_is_reproducible_and_brackets_the_value(values: list[float]) -> None:
    array = np.array(values)
    first = bootstrap_mean(array, seed=3, resamples=200)
    assert first == bootstrap_mean(array, seed=3, resamples=200)
    assert first.value == pytest.approx(float(array.mean()), abs=1e-9)
    assert first.low <= first.high
    assert min(values) - 1e-9 <= first.low
    assert first.high <= max(values) + 1e-9


def test_ratios_and_their_difference() -> None:
    numerators, denominators = np.array([1.0, 4.0, 9.0]), np.array([1.0, 2.0, 3.0])
    found = bootstrap_ratio(numerators, denominators, seed=0)
    assert found.value == pytest.approx(14 / 6)
    assert math.isnan(bootstrap_ratio(np.array([]), np.array([]), seed=0).value)
    assert math.isnan(bootstrap_ratio(np.zeros(3), np.zeros(3), seed=0).value)
    assert math.isnan(bootstrap_ratio(np.ones(1), np.ones(1), seed=0).low)
    same = bootstrap_ratio_difference(
        (numerators, denominators), (numerators, denominators), seed=0
    )
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)
    more = bootstrap_ratio_difference(
        (numerators + denominators, denominators), (numerators, denominators), seed=0
    )
    assert more.value == pytest.approx(1.0)
    assert more.low == pytest.approx(1.0)


@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=4, max_size=30))
@settings(max_examples=60, deadline=None)
def test_spearman_equals_scipy(pairs: list[tuple[int, int]]) -> None:
    x, y = (np.array(values, dtype=float) for values in zip(*pairs, strict=True))
    found = spearman(x, y)
    if len(set(x)) < 2 or len(set(y)) < 2:
        assert math.isnan(found.value)
        return
    assert found.value == pytest.approx(float(stats.spearmanr(x, y).statistic), abs=1e-12)
    if math.isfinite(found.low):
        assert found.low - 1e-12 <= found.value <= found.high + 1e-12


def test_spearman_interval_covers() -> None:
    """Twelve variants with a true rank correlation of 6/pi asin(r/2)."""
    generator, r = np.random.default_rng(8), 0.6
    truth = 6 / math.pi * math.asin(r / 2)
    hits = 0
    for _ in range(1000):
        x = generator.normal(size=12)
        y = r * x + math.sqrt(1 - r * r) * generator.normal(size=12)
        found = spearman(x, y)
        hits += found.low <= truth <= found.high
    assert hits / 1000 > 0.92


@pytest.mark.parametrize("n", [3, 4, 5, 6, 12])
def test_a_perfect_order_of_few_variants_is_no_certainty(n: int) -> None:
    """It is called a correlation where the permutation test, 2 / n! for it, finds one at 5 %."""
    line = np.arange(float(n))
    for found in (spearman(line, line**3), spearman(line, -line)):
        assert abs(found.value) == pytest.approx(1.0)
        chance = 2 / math.factorial(n)
        assert (found.low * found.high > 0) == (chance < 0.05)
        if n > 3:
            assert found.high - found.low > 0.01
            assert max(abs(found.low), abs(found.high)) == pytest.approx(1.0)


def test_shares_that_resampling_cannot_move_have_wilsons_interval() -> None:
    for share in (0.0, 1.0):
        values = np.array([share, share, math.nan, share])
        interval = bootstrap_mean(values[[0, 1, 3]], seed=0)
        assert interval.low == interval.high
        assert share_over_tasks(values, interval) == wilson(3 * int(share), 3)
    mixed = np.array([0.0, 0.5, 1.0])
    for values in (mixed, mixed[:1]):
        found = bootstrap_mean(values, seed=0)
        assert share_over_tasks(values, found) is found
