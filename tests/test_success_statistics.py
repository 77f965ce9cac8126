"""pass@k and sign flips against enumeration; intervals against formulas and simulations."""

import math
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pyengine.statistics.success import (
    clustered_share,
    clustered_share_change,
    pass_at_k,
    sign_flip_p,
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
def test_wilson_equals_its_formula(n: int, data: st.DataObject, level: float) -> None:
    successes = data.draw(st.integers(0, n))
    low, high = wilson(successes / n, n, z=float(stats.norm.ppf(0.5 + level / 2)))
    expected = slow_wilson(successes, n, level)
    assert low == pytest.approx(max(expected[0], 0.0), abs=1e-9)
    assert high == pytest.approx(min(expected[1], 1.0), abs=1e-9)


def test_wilson_gives_the_published_intervals() -> None:
    """The intervals beside the paper's HumanEval scores: 32 and 19 of 164."""
    first, second = wilson(32 / 164, 164, z=1.96), wilson(19 / 164, 164, z=1.96)
    assert [round(100 * end, 1) for end in first] == [14.2, 26.2]
    assert [round(100 * end, 1) for end in second] == [7.5, 17.4]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.booleans(), min_size=2, max_size=200))
def test_single_tasks_are_as_many_trials(solved: list[bool]) -> None:
    n = len(solved)
    found = clustered_share(np.array(solved, dtype=float), np.ones(n))
    expected = wilson(sum(solved) / n, n, z=float(stats.t.ppf(0.975, n - 1)))
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-9)
    assert (found.n, found.n_clusters, found.interval) == (n, n, "wilson")


def test_tasks_of_one_idea_are_one_trial_where_all_of_it_is_solved_or_none() -> None:
    ideas = np.array([0.0, 9.0, 9.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    found = clustered_share(ideas, np.full(10, 9.0))
    single = clustered_share(ideas / 9, np.ones(10))
    assert (found.low, found.high) == pytest.approx((single.low, single.high))
    mixed = clustered_share(np.array([1.0, 2, 2, 3, 1, 2, 2, 1, 2, 2]), np.full(10, 9.0))
    assert mixed.high - mixed.low < found.high - found.low


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_nothing_solved_in_many_tasks_of_few_ideas_is_known_no_better(share: float) -> None:
    sizes = np.full(10, 9.0)
    found = clustered_share(share * sizes, sizes)
    assert found.high - found.low > 0.25
    assert share in (found.low, found.high)


def test_one_idea_gives_no_interval() -> None:
    found = clustered_share(np.array([2.0]), np.array([9.0]))
    assert found.value == pytest.approx(2 / 9)
    assert math.isnan(found.low)
    assert math.isnan(clustered_share(np.zeros(0), np.zeros(0)).value)


def coverage_of_shares(
    *, n_tasks: int, per_idea: int, rate: float, alike: float, seed: int, trials: int = 2000
) -> float:
    """How often the interval holds the rate, where ideas' rates are beta distributed."""
    generator = np.random.default_rng(seed)
    sizes = np.full(n_tasks, float(per_idea))
    hits = 0
    for _ in range(trials):
        rates = generator.beta(rate * alike, (1 - rate) * alike, n_tasks)
        found = clustered_share(generator.binomial(per_idea, rates).astype(float), sizes)
        hits += found.low <= rate <= found.high
    return hits / trials


@pytest.mark.parametrize("rate", [0.02, 0.3, 0.98])
@pytest.mark.parametrize("per_idea", [1, 10])
@pytest.mark.parametrize("n_tasks", [10, 40])
def test_shares_are_covered_near_their_ends_too(n_tasks: int, per_idea: int, rate: float) -> None:
    """Samples of tasks, or tasks of ideas: the bootstrap covered 34 to 90 % near 0 and 1."""
    covered = coverage_of_shares(
        n_tasks=n_tasks, per_idea=per_idea, rate=rate, alike=0.5, seed=n_tasks + per_idea
    )
    assert covered >= 0.93  # conservative for few


def slow_sign_flips(differences: list[int]) -> float:
    seen = abs(sum(differences))
    signs = product((-1, 1), repeat=len(differences))
    sums = [sum(s * d for s, d in zip(sign, differences, strict=True)) for sign in signs]
    return sum(abs(total) >= seen for total in sums) / len(sums)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(-9, 9), max_size=9))
def test_sign_flips_equal_their_enumeration(differences: list[int]) -> None:
    expected = slow_sign_flips(differences)
    assert sign_flip_p(differences) == pytest.approx(expected, abs=1e-12)
    assert sign_flip_p([-d for d in differences]) == sign_flip_p(differences)


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(0, 40))
def test_over_single_tasks_it_is_mcnemars_exact_test(lost: int, gained: int) -> None:
    n, smaller = lost + gained, min(lost, gained)
    tail = sum(math.comb(n, i) for i in range(smaller + 1)) / 2**n
    found = sign_flip_p([-1] * lost + [1] * gained + [0] * 7)
    assert found == pytest.approx(min(1.0, 2 * tail), rel=1e-9)


def test_mcnemar_equals_statsmodels_figures() -> None:
    """Computed once with statsmodels.stats.contingency_tables.mcnemar(exact=True)."""
    for lost, gained, expected in (
        (6, 16, 0.052478790283203125),
        (1, 9, 0.021484375),
        (0, 5, 0.0625),
    ):
        assert sign_flip_p([-1] * lost + [1] * gained) == pytest.approx(expected)


def test_nine_languages_of_one_idea_are_no_nine_witnesses() -> None:
    assert sign_flip_p([-9, 0, 0, 0, 0, 0, 0, 0, 0, 0]) == 1.0
    assert sign_flip_p([-1] * 9) < 0.01


def test_the_exact_test_errs_as_seldom_as_it_claims() -> None:
    """No model is better; ideas are wholly lost or wholly gained, as the worst case has it."""
    generator = np.random.default_rng(4)
    sizes = [9] * 8 + [8] * 2 + [1] * 33
    errs, naive, trials = 0, 0, 2000
    for _ in range(trials):
        changed = generator.random(len(sizes)) < 0.4
        signs = generator.choice([-1, 1], len(sizes)) * changed
        differences = [int(s * n) for s, n in zip(signs, sizes, strict=True)]
        errs += sign_flip_p(differences) < 0.05
        single = [int(s) for s, n in zip(signs, sizes, strict=True) for _ in range(n)]
        naive += sign_flip_p(single) < 0.05
    assert errs / trials <= 0.06
    assert naive / trials > 0.3


def test_a_change_of_no_task_is_no_certainty() -> None:
    found = clustered_share_change(np.zeros(12), np.ones(12))
    assert found.value == 0.0
    z = float(stats.t.ppf(0.975, 11))
    assert found.high == pytest.approx(wilson(0.0, 12, z=z)[1])
    assert found.low == -found.high
    many = clustered_share_change(np.zeros(10), np.full(10, 9.0))
    assert many.high == pytest.approx(wilson(0.0, 10, z=float(stats.t.ppf(0.975, 9)))[1])


@pytest.mark.parametrize("level", [0.95, 0.989])
@pytest.mark.parametrize("n", [72, 164])
def test_a_change_to_one_side_is_covered_at_high_levels_too(n: int, level: float) -> None:
    """Some lost and none gained; exactly, by the binomial distribution of how many are lost."""
    lost = np.arange(n + 1)
    found = [
        clustered_share_change(np.repeat([-1.0, 0.0], [k, n - k]), np.ones(n), level=level)
        for k in lost
    ]
    low, high = np.array([(estimate.low, estimate.high) for estimate in found]).T
    for share in np.linspace(0.01, 0.3, 59):
        missed = (low > -share) | (high < -share)
        assert np.sum(stats.binom.pmf(lost, n, share)[missed]) <= 1 - level, share


@pytest.mark.parametrize(("lost", "gained"), [(0.05, 0.01), (0.1, 0.1), (0.3, 0.1)])
@pytest.mark.parametrize("per_idea", [1, 9])
def test_changes_of_shares_are_covered(per_idea: int, lost: float, gained: float) -> None:
    generator = np.random.default_rng(per_idea)
    sizes = np.full(40, float(per_idea))
    covered, trials = 0, 1000
    for _ in range(trials):
        rates = generator.dirichlet(np.array([lost, gained, 1 - lost - gained]) * 2, 40)
        turns = generator.multinomial(per_idea, rates)
        found = clustered_share_change((turns[:, 1] - turns[:, 0]).astype(float), sizes)
        covered += found.low <= gained - lost <= found.high
    assert covered / trials >= 0.93


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
