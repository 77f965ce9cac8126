"""Random sets of like members, against all sets that there are, and their level."""

import itertools

import numpy as np
import pytest

from pyengine.measure.cold_start import cold_start
from pyengine.measure.keyword_mass import like_masses
from pyengine.statistics.paired import ALPHA
from pyengine.statistics.random_sets import Stratum, matched_null
from pyengine.vocabulary.controls import english_like_words, like_words
from pyengine.vocabulary.keywords import load_tables

DRAWS = 20_000


def every_sum(strata: list[Stratum]) -> np.ndarray:
    """The sum of every set with as many members from each stratum."""
    by_stratum = [
        [sum(chosen) for chosen in itertools.combinations([*s.members, *s.others], len(s.members))]
        for s in strata
    ]
    return np.array([sum(parts) for parts in itertools.product(*by_stratum)])


def exact_p(strata: list[Stratum]) -> float:
    observed = sum(s.members.sum() for s in strata)
    return float((every_sum(strata) >= observed * (1 - 1e-12)).mean())


def without_each(strata: list[Stratum]) -> list[list[Stratum]]:
    found = []
    for number, one in enumerate(strata):
        for member in range(len(one.members)):
            left = Stratum(np.delete(one.members, member), one.others)
            found.append([*strata[:number], left, *strata[number + 1 :]])
    return found


@pytest.mark.parametrize("seed", range(6))
def test_p_is_the_largest_over_leaving_out_each_member(seed: int) -> None:
    rng = np.random.default_rng(seed)
    strata = [
        Stratum(rng.lognormal(0.8, 1, size), rng.lognormal(0, 1, others))
        for size, others in ((2, 4), (1, 3), (3, 3))
    ]
    null = matched_null(strata, draws=DRAWS, seed=seed)
    exact = max(map(exact_p, [strata, *without_each(strata)]))
    assert null.p == pytest.approx(exact, abs=5 * np.sqrt(exact * (1 - exact) / DRAWS) + 1e-4)
    sums = every_sum(strata)
    assert null.mean == pytest.approx(sums.mean(), rel=0.02)
    assert null.low == pytest.approx(np.quantile(sums, 0.025), rel=0.05)
    assert null.high == pytest.approx(np.quantile(sums, 0.975), rel=0.05)
    assert null.observed == pytest.approx(sum(s.members.sum() for s in strata))
    assert null.others == pytest.approx(sum(len(s.members) * s.others.mean() for s in strata))


def test_one_heavy_member_does_not_stand_out() -> None:
    others = np.full(40, 0.001)
    heavy = Stratum(np.array([0.5, *np.full(9, 0.001)]), others)
    assert exact_p([Stratum(np.array([0.5]), others)]) < ALPHA  # it would alone
    assert matched_null([heavy], draws=500, seed=0).p == 1.0
    many = Stratum(np.full(10, 0.05), others)
    assert matched_null([many], draws=500, seed=0).p == 1 / 501


def test_equal_seeds_draw_equal_sets() -> None:
    strata = [Stratum(np.array([0.1, 0.2]), np.arange(10) / 100)]
    one, again, other = (matched_null(strata, draws=50, seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert one != other


def test_random_word_sets_stand_out_less_often_than_promised() -> None:
    """Draw sets of English words as keywords, at the cold start of the embedded model."""
    start = cold_start("embedded:base", threads=1)
    p = np.exp(start.log_probabilities)
    english = english_like_words(start.vocabulary, load_tables())
    words = sorted(word for alike in english.values() for word in alike)
    rng = np.random.default_rng(0)
    families, sets, single, any_of = 60, 12, 0, 0
    for family in range(families):
        found = []
        for _ in range(sets):
            drawn = rng.choice(words, int(rng.integers(15, 100)), replace=False)
            strata = like_masses(like_words(start.vocabulary, drawn), english, p)
            found.append(matched_null(strata, draws=120, seed=family).p < ALPHA)
        single += sum(found)
        any_of += any(found)
    assert single <= 0.05 * families * sets / 2
    assert any_of <= 0.05 * families + 2 * np.sqrt(0.05 * 0.95 * families)
