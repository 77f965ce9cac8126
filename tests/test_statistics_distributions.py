"""Student's t and the normal distribution against SciPy and closed forms."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri, stdtr, stdtrit

from pyengine.statistics import distributions
from pyengine.statistics.distributions import (
    normal_quantile,
    student_quantile,
    student_two_sided,
)

DEGREES = st.integers(1, 100_000)
PROBABILITIES = st.floats(1e-12, 1 - 1e-12)


@given(st.floats(1e-3, 1e8), DEGREES)
def test_the_tail_equals_scipys(t: float, degrees: int) -> None:
    expected = 2 * float(stdtr(degrees, -t))
    assert student_two_sided(t, degrees) == pytest.approx(expected, rel=1e-9, abs=1e-300)
    assert student_two_sided(-t, degrees) == student_two_sided(t, degrees)


@given(PROBABILITIES, DEGREES)
def test_the_quantile_equals_scipys(probability: float, degrees: int) -> None:
    expected = float(stdtrit(degrees, probability))
    assert student_quantile(probability, degrees) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_few_steps_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounding must not keep a sum from being called finished: (0.02, 4868) once took seconds."""
    monkeypatch.setattr(distributions, "_MOST_STEPS", 1_000)
    for degrees in (1, 2, 7, 100, 4868, 31_415, 100_000):
        for probability in (1e-9, 0.02, 0.3, 0.975):
            student_quantile.__wrapped__(probability, degrees)


@pytest.mark.parametrize("t", [0.0, 1e-12, 1e-8, 0.3, 1.0, 12.7, 1e6, 1e12])
def test_one_and_two_degrees_have_closed_forms(t: float) -> None:
    assert student_two_sided(t, 1) == pytest.approx(2 / math.pi * math.atan2(1, t), rel=1e-13)
    far = 2 / (2 + t * t) / (1 + t / math.sqrt(2 + t * t))  # 1 - t / sqrt(2 + t^2)
    assert student_two_sided(t, 2) == pytest.approx(far, rel=1e-13)


@pytest.mark.parametrize("degrees", [1, 2, 29, 30, 38, 39, 40, 41, 500, 12345])
@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.99, 0.999])
def test_usual_intervals_are_right_to_twelve_digits(degrees: int, level: float) -> None:
    expected = float(stdtrit(degrees, 0.5 + level / 2))
    assert student_quantile(0.5 + level / 2, degrees) == pytest.approx(expected, rel=1e-10)


@given(PROBABILITIES)
def test_the_normal_quantile_equals_scipys(probability: float) -> None:
    expected = float(ndtri(probability))
    assert normal_quantile(probability) == pytest.approx(expected, rel=1e-12, abs=1e-14)


def test_the_ends() -> None:
    assert student_two_sided(0.0, 7) == 1.0
    assert student_two_sided(math.inf, 7) == 0.0
    assert math.isnan(student_two_sided(math.nan, 7))
    assert student_quantile(0.5, 7) == 0.0
