"""What looking several times costs: chances against published constants and drawn paths."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyengine.statistics.distributions import normal_quantile
from pyengine.statistics.estimates import Estimate
from pyengine.statistics.looks import at_look, crossing, first_level_look, look_points, over_looks
from pyengine.statistics.paired import judge_ratios, p_value

P = st.floats(1e-8, 0.999)
LOOKS = st.integers(1, 16)


@pytest.mark.parametrize(
    ("looks", "boundary"),
    [(1, 1.960), (2, 2.178), (3, 2.289), (5, 2.413), (10, 2.555), (20, 2.672)],
)
def test_equal_steps_have_the_boundaries_that_pocock_published(looks: int, boundary: float) -> None:
    """Pocock 1977, table 1, of a two-sided test at 5 %."""
    assert crossing(boundary, range(1, looks + 1)) == pytest.approx(0.05, abs=1e-4)


@pytest.mark.parametrize("z", [0.5, 1.5, 2.4, 3.0])
def test_chances_are_those_of_drawn_paths(z: float) -> None:
    points = look_points(400)
    generator = np.random.default_rng(3)
    steps = np.diff([0, *points])
    paths = np.cumsum(generator.normal(size=(200_000, len(points))) * np.sqrt(steps), axis=1)
    drawn = np.mean(np.any(np.abs(paths) > z * np.sqrt(points), axis=1))
    error = np.sqrt(drawn * (1 - drawn) / len(paths))
    assert crossing(z, points) == pytest.approx(drawn, abs=4 * error)


@given(P, LOOKS)
def test_a_p_value_is_worth_between_itself_and_bonferroni(p: float, looks: int) -> None:
    assert p <= over_looks(p, looks) <= min(looks * p, 1.0)
    assert over_looks(p, 1) == p


@given(P, P, LOOKS)
def test_more_looks_and_larger_p_values_are_worth_more(p: float, q: float, looks: int) -> None:
    low, high = sorted((p, q))
    assert over_looks(low, looks) <= over_looks(high, looks) + 1e-12
    assert over_looks(p, looks) <= over_looks(p, looks + 1) + 1e-12


@given(st.floats(0.5, 0.9999), LOOKS)
def test_the_level_at_a_look_is_what_all_looks_make_of_the_level(level: float, looks: int) -> None:
    nominal = at_look(level, looks)
    assert level <= nominal <= 1 - (1 - level) / looks + 1e-12
    assert over_looks(1 - nominal, looks) == pytest.approx(1 - level, rel=1e-7)


@pytest.mark.parametrize(
    ("precision", "looks", "first"),
    [(0.2, 9, 1), (0.1, 9, 5), (0.05, 20, 9), (0.1, 4, 3), (0.1, 1, 0), (0.0, 1, 0), (2.0, 9, 0)],
)
def test_levels_are_asked_when_they_can_be_known(precision: float, looks: int, first: int) -> None:
    """12, 18, 24, 36, 48, 72, 96, 144, 192, 288: from 18 at 20 %, 72 at 10 %, 288 at 5 %."""
    assert first_level_look(precision, looks) == first


@given(st.floats(0.5, 0.9999), st.integers(2, 16), st.data())
def test_looks_without_levels_cost_levels_nothing(
    level: float, looks: int, data: st.DataObject
) -> None:
    first = data.draw(st.integers(1, looks - 1))
    points = look_points(1 << 20)[first:looks]
    nominal = at_look(level, looks, first)
    assert level <= nominal < at_look(level, looks)
    z = normal_quantile(0.5 + nominal / 2)
    if len(points) > 1:
        assert crossing(z, points) == pytest.approx(1 - level, rel=1e-6)


def test_tiny_and_unknown_p_values() -> None:
    assert over_looks(1e-14, 5) == 5e-14
    assert over_looks(0.0, 5) == 0.0
    assert over_looks(1.0, 5) == 1.0
    assert np.isnan(over_looks(np.nan, 5))
    assert np.isnan(at_look(np.nan, 5))


@given(st.floats(1.001, 3.0), st.floats(0.01, 0.5), LOOKS)
def test_an_interval_leaves_out_one_exactly_where_the_test_tells(
    ratio: float, error: float, looks: int
) -> None:
    estimate = Estimate(ratio, error=ratio * error, n_clusters=20, freedom=19.0)
    (found,) = judge_ratios([estimate], margin=0.1, looks=looks)
    told = found.low > 1 or found.high < 1
    assert told == (found.p < 0.05)
    assert found.level == pytest.approx(at_look(0.95, looks))
    log = Estimate(np.log(ratio), error=error, n_clusters=20, freedom=19.0)
    assert found.p == pytest.approx(over_looks(p_value(log), looks))


def test_looking_eight_times_at_nothing_finds_it_no_oftener_than_promised() -> None:
    """Documents of unequal spread, mean by Student's t, the first look that tells counts."""
    generator = np.random.default_rng(4)
    points, missed, runs = look_points(200), 0, 1500
    quantiles = [at_look(0.95, len(points))] * len(points)
    for _ in range(runs):
        values = generator.laplace(size=200)
        for n, level in zip(points, quantiles, strict=True):
            some = values[:n]
            error = some.std(ddof=1) / np.sqrt(n)
            estimate = Estimate(
                float(some.mean()), error=float(error), n_clusters=n, freedom=n - 1.0
            )
            if p_value(estimate) < 1 - level:
                missed += 1
                break
    # 5 % and 1.65 standard errors of a simulation of so many
    assert missed / runs < 0.05 + 1.65 * np.sqrt(0.05 * 0.95 / runs)
    assert missed / runs > 0.02  # and it is no bound that wastes what was promised
