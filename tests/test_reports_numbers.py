"""How numbers are written."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyengine.report import numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.123456, "0.123"),
        (12.3456, "12.3"),
        (99_999, "1.00e+05"),
        (99_949, "99,949"),
        (0.00012345, "0.000123"),
        (0.00001234, "1.23e-05"),
        (-0.5, "−0.500"),
        (0.9999, "1.00"),
        (math.inf, "∞"),
        (math.nan, "–"),
    ],
)
def test_significant(value: float, text: str) -> None:
    assert numbers.significant(value) == text


@given(st.floats(min_value=1e-300, max_value=1e300))
def test_significant_digits_are_right(value: float) -> None:
    written = float(numbers.significant(value).replace(",", ""))
    assert written == pytest.approx(value, rel=0.0051)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.123456, 0.00123, "0.1235 ± 0.0012"),
        (1234.5, 67.8, "1,234 ± 68"),
        (123456, 1234, "123,500 ± 1,200"),
        (0.5, 0.0996, "0.50 ± 0.10"),
        (-0.01, 0.02, "−0.010 ± 0.020"),
        (0.5, math.nan, "0.500 ± ?"),
        (0.5, 0.0, "0.500 ± 0"),
        (1e-9, 1e-10, "1.00e-09 ± 1.0e-10"),
    ],
)
def test_the_error_chooses_the_digits(value: float, error: float, text: str) -> None:
    assert numbers.with_error(value, error) == text


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_value_and_error_lose_less_than_a_tenth_of_the_error(value: float, error: float) -> None:
    shown, _, spread = numbers.with_error(value, error).replace("−", "-").partition(" ± ")
    assert abs(float(shown.replace(",", "")) - value) <= 0.06 * error
    assert float(spread.replace(",", "")) == pytest.approx(error, rel=0.051)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.5, "50.0 %"),
        (1.0, "100.0 %"),
        (0.9995, "99.950 %"),
        (0.999999, "99.99990 %"),
        (0.0, "0 %"),
        (1e-8, "1.00e-06 %"),
    ],
)
def test_a_share_near_one_never_reads_one(share: float, text: str) -> None:
    assert numbers.percent(share) == text


def test_units() -> None:
    assert numbers.size(1023) == "1023 B"
    assert numbers.size(1 << 30) == "1.00 GiB"
    assert numbers.size((1 << 30) - 1) == "1.00 GiB"
    assert numbers.parameters(494_032_768) == "494 M"
    assert numbers.seconds(0.0000123) == "12.3 µs"
    assert numbers.seconds(3725) == "1 h 02 min"
    assert numbers.at_most(1e-7, 1e-5) == "≤ 1.0e-05"
    assert numbers.at_most(1e-3, 1e-5) == "0.00100"
    assert numbers.interval(0.0123, 0.0145) == "0.0123 … 0.0145"
    assert numbers.signed(-0.0001) == "0.00"
    assert numbers.signed(0.5) == "+0.50"


def test_things_are_counted_in_words() -> None:
    found = [numbers.counted(n, "thread") for n in (0, 1, 2, 1000)]
    assert found == ["0 threads", "1 thread", "2 threads", "1,000 threads"]
