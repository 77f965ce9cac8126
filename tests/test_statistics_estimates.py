"""Means, standard errors, intervals and what is said of differences."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, sem
from scipy.stats import t as student

from pyengine.statistics.estimates import (
    LEVELS,
    Clusters,
    Estimate,
    Floats,
    cluster_bootstrap,
    clustered_mean,
    clustered_ratio,
    difference_of_ratios,
    pooled_rms,
    quantiles,
    satterthwaite_degrees,
    weighted_median,
)
from pyengine.statistics.looks import at_look
from pyengine.statistics.paired import (
    documents_to_separate,
    holm,
    holm_factors,
    holm_intervals,
    interval_at,
    logarithm,
    p_value,
)
from pyengine.statistics.ratios import ratio_of_means


def simulated_documents(
    generator: np.random.Generator, *, documents: int, mean: float = 1.0
) -> tuple[Floats, Clusters]:
    """Tokens whose documents differ: unequal lengths and a common effect inside each."""
    sizes = generator.integers(5, 60, documents)
    effects = generator.normal(0.0, 0.7, documents)
    clusters = np.repeat(np.arange(documents), sizes)
    return mean + effects[clusters] + generator.normal(0.0, 1.0, len(clusters)), clusters


def slow_clustered_mean(values: Floats, clusters: Clusters) -> tuple[float, float, float]:
    """Mean, error and degrees of freedom of CR2 by matrices over single tokens."""
    n = len(values)
    hat = np.full((n, n), 1 / n)
    rest = np.eye(n) - hat
    weights = []
    for cluster in np.unique(clusters):
        own = np.flatnonzero(clusters == cluster)
        eigenvalues, vectors = np.linalg.eigh(np.eye(len(own)) - hat[np.ix_(own, own)])
        root = vectors @ np.diag(eigenvalues**-0.5) @ vectors.T
        weights.append(rest[own].T @ root @ np.ones(len(own)) / n)
    forms = np.array(weights)  # one row for each cluster: its residual's part of the variance
    kernel = forms @ forms.T
    error = math.sqrt(float(np.sum((forms @ values) ** 2)))
    return float(values.mean()), error, float(np.trace(kernel) ** 2 / np.sum(kernel**2))


def test_clustered_mean_equals_its_definition() -> None:
    generator = np.random.default_rng(5)
    for sizes in ([2, 2, 1], [1, 1, 1, 1], [9, 2, 3, 1], [1, 30]):
        clusters = np.repeat(generator.permutation(len(sizes)), sizes)
        values = generator.normal(2, 1, len(clusters))
        mean, error, degrees = slow_clustered_mean(values, clusters)
        got = clustered_mean(values, clusters)
        assert got.value == pytest.approx(mean)
        assert got.error == pytest.approx(error)
        reach = float(student.ppf(0.975, degrees)) * error
        assert got.high - got.value == pytest.approx(reach)
        assert got.freedom == pytest.approx(degrees)
        assert (got.n, got.n_clusters) == (len(values), len(sizes))


@pytest.mark.parametrize("n", [2, 3, 12, 40])
def test_clusters_of_one_size_have_as_many_degrees_as_there_are_less_one(n: int) -> None:
    assert satterthwaite_degrees(np.full(n, 1 / n)) == pytest.approx(n - 1)
    values = np.random.default_rng(n).normal(size=3 * n)
    got = clustered_mean(values, np.repeat(np.arange(n), 3))
    assert got.error == pytest.approx(float(sem(values.reshape(n, 3).mean(axis=1))))
    assert got.freedom == pytest.approx(n - 1)


@pytest.mark.parametrize(("documents", "share"), [(5, 0.3), (10, 0.5), (20, 0.5), (40, 0.3)])
def test_intervals_cover_where_one_document_holds_much_of_all(documents: int, share: float) -> None:
    """The linearised interval with G - 1 degrees covers 76 to 93 % here."""
    generator = np.random.default_rng(documents)
    trials, covered, linear = 1500, 0, 0
    for _ in range(trials):
        rest = generator.lognormal(0, 0.5, documents - 1)
        shares = np.array([share, *(rest / rest.sum() * (1 - share))])
        sizes = np.maximum(np.round(300 * documents * shares), 1.0)
        sums = sizes * generator.normal(1, 0.3, documents)
        sums += np.sqrt(sizes) * generator.normal(0, 8, documents)
        got = clustered_ratio(sums, sizes)
        covered += got.low <= 1.0 <= got.high
        spread = np.sum((sums - got.value * sizes) ** 2) * documents / (documents - 1)
        reach = float(student.ppf(0.975, documents - 1)) * math.sqrt(spread) / sizes.sum()
        linear += abs(got.value - 1.0) <= reach
    assert 0.93 <= covered / trials <= 0.97
    assert linear < covered


def test_a_difference_of_ratios_is_that_of_its_residuals() -> None:
    generator = np.random.default_rng(1)
    sizes = generator.integers(1, 9, 12).astype(np.float64)
    first, second = generator.normal(sizes, 1.0), generator.normal(sizes, 1.0)
    same = difference_of_ratios((first, sizes), (second, sizes))
    plain = clustered_ratio(first - second, sizes)
    assert same.value == pytest.approx(plain.value)
    assert same.error == pytest.approx(plain.error)
    assert same.high == pytest.approx(plain.high)
    nothing = difference_of_ratios((first, sizes), (first, sizes))
    assert (nothing.value, nothing.low, nothing.high) == (0.0, 0.0, 0.0)


def test_intervals_of_differences_of_ratios_cover_them() -> None:
    """Two ratios over other sizes, such as keywords of two tokenizers, of 20 documents."""
    generator = np.random.default_rng(6)
    covered, trials = 0, 1500
    for _ in range(trials):
        sizes = generator.integers(20, 60, 20).astype(np.float64)
        others = np.round(sizes * generator.uniform(0.8, 1.2, 20))
        level = generator.normal(1.0, 0.3, 20)
        first = sizes * (level + 0.2 + generator.normal(0, 0.1, 20))
        second = others * (level + generator.normal(0, 0.1, 20))
        got = difference_of_ratios((first, sizes), (second, others))
        covered += got.low <= 0.2 <= got.high
    assert 0.93 <= covered / trials <= 0.97


def test_a_cluster_that_holds_everything_gives_no_interval() -> None:
    got = clustered_ratio(np.array([3.0, 0.0]), np.array([2.0, 0.0]))
    assert got.value == 1.5
    assert np.isnan(got.low)
    assert np.isnan(got.error)


@given(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=30))
def test_single_token_documents_are_independent_tokens(numbers: list[float]) -> None:
    values = np.array(numbers)
    got = clustered_mean(values, np.arange(len(values)))
    assert got.error == pytest.approx(sem(values), abs=1e-9)


def test_one_document_has_no_clustered_error() -> None:
    got = clustered_mean(np.array([1.0, 2.0]), np.zeros(2, dtype=np.intp))
    assert np.isnan(got.error)
    assert np.isnan(got.low)


def test_intervals_cover_as_they_claim_where_tokens_depend() -> None:
    """With 30 documents: clustered near 95 %, independent far below it."""
    generator = np.random.default_rng(20261121)
    trials, clustered, independent = 1500, 0, 0
    for _ in range(trials):
        values, clusters = simulated_documents(generator, documents=30)
        got = clustered_mean(values, clusters)
        clustered += got.low <= 1.0 <= got.high
        independent += bool(abs(got.value - 1.0) <= 1.96 * sem(values))
    # Four Monte-Carlo standard errors are 0.0225.
    assert 0.925 <= clustered / trials <= 0.975
    assert independent / trials < 0.75


def test_bootstrap_agrees_with_the_formula_and_repeats_itself() -> None:
    values, clusters = simulated_documents(np.random.default_rng(3), documents=60)

    def mean(values: Floats, weights: Floats) -> float:
        return float(np.average(values, weights=weights))

    se, low, high = cluster_bootstrap(mean, values, clusters, seed=7, resamples=2000)
    expected = clustered_mean(values, clusters)
    assert se == pytest.approx(expected.error, rel=0.1)
    assert low < expected.value < high
    assert (se, low, high) == cluster_bootstrap(mean, values, clusters, seed=7, resamples=2000)


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=40))
def test_quantiles_equal_numpy(numbers: list[float]) -> None:
    values = np.array(numbers)
    got = quantiles(values)
    for level in LEVELS:
        assert got[level] == pytest.approx(np.quantile(values, level), abs=1e-9)


def test_quantiles_keep_infinity() -> None:
    got = quantiles(np.array([0.0, 1.0, np.inf]), [0.0, 0.5, 1.0])
    assert got == {0.0: 0.0, 0.5: 1.0, 1.0: np.inf}
    with pytest.raises(ValueError, match="no value"):
        quantiles(np.array([]))


def test_weighted_median_and_rms() -> None:
    values = np.array([5.0, 1.0, 3.0])
    assert weighted_median(values, np.array([1.0, 1.0, 1.0])) == 3.0
    assert weighted_median(values, np.array([9.0, 1.0, 1.0])) == 5.0
    assert pooled_rms(np.array([3.0, 4.0])) == pytest.approx(np.sqrt(12.5))


def test_the_test_of_a_ratio_is_that_of_its_logarithm() -> None:
    ratio = Estimate(1.5, error=0.3, n=100, n_clusters=12, freedom=11)
    log = logarithm(ratio)
    assert log.value == pytest.approx(math.log(1.5))
    assert log.error == pytest.approx(0.2)
    assert p_value(log) == pytest.approx(2 * student.sf(math.log(1.5) / 0.2, 11))
    low, high = interval_at(log, 0.99)
    reach = student.ppf(0.995, 11) * 0.2
    assert (low, high) == pytest.approx((log.value - reach, log.value + reach))
    alone = logarithm(Estimate(1.5, error=float("nan"), n_clusters=1))
    assert all(map(math.isnan, (p_value(alone), *interval_at(alone, 0.95))))


def test_identical_variants_do_not_differ() -> None:
    a = np.arange(1.0, 21.0)
    same = logarithm(ratio_of_means(a, a, np.arange(20)))
    assert p_value(same) == 1.0
    assert interval_at(same, 0.95) == (0.0, 0.0)
    assert documents_to_separate(same) is None


def test_a_ratio_is_told_from_one_by_chance_as_often_as_promised() -> None:
    """Levels vary by half a log from document to document, and cancel in the ratio."""
    generator = np.random.default_rng(11)
    clusters, wrong, found, trials = np.arange(25), 0, 0, 2000
    for _ in range(trials):
        level = generator.normal(0, 0.5, 25)
        first, second, third = (
            np.exp(level + generator.normal(shift, 0.15, 25)) for shift in (0.0, 0.0, 0.2)
        )
        wrong += p_value(logarithm(ratio_of_means(first, second, clusters))) < 0.05
        found += p_value(logarithm(ratio_of_means(third, second, clusters))) < 0.05
    assert 0.035 <= wrong / trials <= 0.075
    assert found / trials > 0.95


def test_holm_steps_down() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    with_gap = holm([float("nan"), 0.02])
    assert np.isnan(with_gap[0])
    assert with_gap[1] == 0.02
    assert holm([]) == []


def differences(values: list[float]) -> tuple[list[Estimate], list[float]]:
    """Differences of 20 documents, of spread 1 from document to document, and their p-values."""
    noise = np.linspace(-1.7, 1.7, 20)
    found = [clustered_mean(value + noise, np.arange(20)) for value in values]
    return found, [p_value(estimate) for estimate in found]


@given(st.lists(st.floats(-2, 2), min_size=1, max_size=6), st.data())
def test_intervals_say_what_holms_method_says(values: list[float], data: st.DataObject) -> None:
    """By Student's t, and where an exact test has the last word."""
    found, p_values = differences(values)
    exact = [data.draw(st.sampled_from([p, p / 9, min(1.0, 9 * p)])) for p in p_values]
    for tested in (p_values, exact):
        intervals = holm_intervals([at_levels(estimate) for estimate in found], tested)
        for estimate, interval, p in zip(found, intervals, holm(tested), strict=True):
            assert interval.value == estimate.value
            assert (interval.low <= 0 <= interval.high) == (p >= 0.05)
            assert interval.low <= estimate.value <= interval.high


def at_levels(estimate: Estimate) -> Callable[[float], Estimate]:
    """Return what gives an estimate its interval at a level."""

    def change(level: float) -> Estimate:
        low, high = interval_at(estimate, level)
        return replace(estimate, low=low, high=high, level=level)

    return change


def test_an_interval_has_the_level_of_its_test() -> None:
    found, p_values = differences([1.0, 0.1, 0.7])
    changes = [at_levels(estimate) for estimate in found]
    levels = [interval.level for interval in holm_intervals(changes, p_values)]
    assert levels == pytest.approx([1 - 0.05 / 3, 0.95, 0.975])
    (alone,) = holm_intervals(changes[:1], p_values[:1])
    assert (alone.low, alone.high) == pytest.approx((found[0].low, found[0].high))
    (looked,) = holm_intervals(changes[:1], p_values[:1], looks=8)
    assert (looked.level, looked.interval) == (0.95, "sequence")
    ends = interval_at(found[0], at_look(0.95, 8))
    assert looked.low == pytest.approx(min(ends[0], 0.0) if looked.low <= 0.0 else ends[0])
    assert looked.high - looked.low > alone.high - alone.low
    nothing = Estimate(float("nan"))
    assert math.isnan(holm_intervals([at_levels(nothing)], [float("nan")])[0].low)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_between_raw_and_bonferroni(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    least_strict = false_discovery_control(p_values)  # Benjamini-Hochberg is never stricter
    for p, got, weaker in zip(p_values, adjusted, least_strict, strict=True):
        assert weaker - 1e-12 <= got <= min(1.0, p * len(p_values)) + 1e-12


@given(st.lists(st.floats(0, 1), max_size=12))
def test_factors_are_those_of_the_step_down_procedure(p_values: list[float]) -> None:
    """Reject the smallest of those left, as long as it is below alpha / how many are left."""
    left, expected = list(range(len(p_values))), {}
    while left:
        smallest = min(left, key=lambda i: (p_values[i], i))
        if p_values[smallest] * len(left) >= 0.05:
            break
        expected[smallest] = len(left)
        left.remove(smallest)
    expected |= dict.fromkeys(left, len(left))
    factors = holm_factors([*p_values, float("nan")], 0.05)
    assert np.isnan(factors.pop())
    assert dict(enumerate(factors)) == expected
    for p, factor, adjusted in zip(p_values, factors, holm(p_values), strict=True):
        assert (p * factor < 0.05) == (adjusted < 0.05)


def test_how_many_documents_would_separate() -> None:
    near = Estimate(0.05, n=400, n_clusters=40, error=0.05)
    more = documents_to_separate(near)
    assert more is not None
    assert more == pytest.approx(40 * (2.801585**2 - 1), rel=0.06)
    corrected = documents_to_separate(near, corrections=6.0)
    assert corrected is not None
    assert corrected > 1.4 * more
    assert documents_to_separate(Estimate(0.0001, n=400, n_clusters=40, error=0.05)) is None
    assert documents_to_separate(Estimate(1.0, n=400, n_clusters=40, error=0.05)) is None


def test_as_many_documents_as_forecast_show_a_difference_four_times_in_five() -> None:
    generator = np.random.default_rng(8)
    spread = 1.0
    seen = Estimate(0.4, -0.2, 1.0, 0.95, spread / math.sqrt(10), 100, 10, "t")
    more = documents_to_separate(seen, corrections=3.0)
    assert more is not None
    n, shown, trials = 10 + more, 0, 3000
    for _ in range(trials):
        values = generator.normal(0.4, spread, n)
        found = clustered_mean(values, np.arange(n))
        shown += 3.0 * p_value(found) < 0.05
    assert 0.77 <= shown / trials <= 0.86
