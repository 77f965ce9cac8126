"""Student's t and the normal distribution in a few lines, held against SciPy in the tests.

SciPy has them too, among 143 MB of others.
"""

import math
from functools import lru_cache
from statistics import NormalDist

_MOST_STEPS = 10_000  # some hundred are enough for 100,000 degrees of freedom
_NOT_ZERO = 1e-300
_LARGE = 20.0
# Of ln(Gamma(a + 1/2) / Gamma(a)) = ln(a) / 2 + sum c_k a^-(2k - 1), from Stirling's series.
_RATIO_SERIES = (-1 / 8, 1 / 192, -1 / 640, 17 / 14336, -31 / 18432)


def normal_quantile(probability: float) -> float:
    """Return the z that a standard normal variable stays below with this probability."""
    return NormalDist().inv_cdf(probability)


def student_two_sided(t: float, degrees: float) -> float:
    """Return the probability that |T| >= |t| for Student's T: I_x(n/2, 1/2), x = n / (n + t^2).

    (Abramowitz and Stegun 1964, 26.5.27 and 26.7.1.) Nothing cancels, however small it is.
    """
    if math.isnan(t):
        return math.nan
    a, ratio = degrees / 2, t * t / degrees
    if ratio == 0.0 or math.isinf(ratio):
        return 1.0 if ratio == 0.0 else 0.0
    x, rest = 1 / (1 + ratio), ratio / (1 + ratio)
    front = math.exp(-a * math.log1p(ratio) + math.log(rest) / 2 - _log_beta_half(a))
    if x < (a + 1) / (a + 2.5):
        return front * _beta_fraction(a, 0.5, x) / a
    return 1 - front * _beta_fraction(0.5, a, rest) * 2


@lru_cache(maxsize=4096)
def student_quantile(probability: float, degrees: float) -> float:
    """Return the t that Student's T stays below with this probability.

    By Newton's method from the normal quantile, which lies nearer to zero: the probability of
    more than t is convex, so that no step goes too far.

    Args:
        probability: between 0 and 1, both excluded.
    """
    tail = 2 * min(probability, 1 - probability)
    t = abs(normal_quantile(probability))
    for _ in range(_MOST_STEPS):
        log_density = -(degrees + 1) / 2 * math.log1p(t * t / degrees)
        log_density -= math.log(degrees) / 2 + _log_beta_half(degrees / 2)
        step = (student_two_sided(t, degrees) - tail) / (2 * math.exp(log_density))
        if not step > 1e-15 * t:
            return math.copysign(t, probability - 0.5)
        t += step
    raise ArithmeticError(f"the quantile does not converge at {probability}, {degrees}")


def _log_beta_half(a: float) -> float:
    """Return ln B(a, 1/2); large logarithms of gamma functions would cancel."""
    if a < _LARGE:
        return math.lgamma(a) + math.lgamma(0.5) - math.lgamma(a + 0.5)
    series = sum(c * a ** -(2 * k + 1) for k, c in enumerate(_RATIO_SERIES))
    return math.log(math.pi) / 2 - math.log(a) / 2 - series


def _beta_fraction(a: float, b: float, x: float) -> float:
    """Return the continued fraction of I_x(a, b) by Lentz's method (Press et al. 2007, 6.4)."""
    c, d = 1.0, 1 / _not_zero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _MOST_STEPS):
        for step in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _not_zero(1 + step * d)
            c = _not_zero(1 + step / c)
            value *= c * d
        if abs(c * d - 1) < 4e-16:  # two roundings: less may never be reached
            return value
    raise ArithmeticError(f"the incomplete beta function does not converge at {a}, {b}, {x}")


def _not_zero(value: float) -> float:
    return value if abs(value) > _NOT_ZERO else _NOT_ZERO
