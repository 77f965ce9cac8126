"""Averages as llama-perplexity takes them: over all tokens, as if they were independent."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float32s = npt.NDArray[np.float32]


def mean_and_error(total: float, total_of_squares: float, n: int) -> tuple[float, float]:
    """Return S/n and sqrt((S2/n - (S/n)^2) / (n-1)); error 0 up to ten tokens."""
    if n < 1:
        return 0.0, 0.0
    mean = total / n
    spread = total_of_squares / n - mean * mean
    return mean, float(np.sqrt(spread / (n - 1))) if spread > 0 and n > 10 else 0.0


def covariance(a: float, b: float, ab: float, n: int) -> float:
    """Return (S_ab/n - S_a S_b / n^2) / (n-1), the covariance of the means; 0 under ten tokens."""
    return 0.0 if n < 10 else (ab / n - (a / n) * (b / n)) / (n - 1)


@dataclass
class Totals:
    """Running sums over tokens, in its precision: float products, double sums."""

    n: int = 0
    nll: float = 0.0
    nll2: float = 0.0
    nll_base: float = 0.0
    nll_base2: float = 0.0
    nll_nll_base: float = 0.0
    kld: float = 0.0
    kld2: float = 0.0
    p_diff: float = 0.0
    p_diff2: float = 0.0
    p_diff4: float = 0.0
    same_top: int = 0

    def add(self, rows: npt.NDArray[np.void]) -> None:
        """Add the records of some tokens."""
        nll, base, kld, p_diff = rows["nll"], rows["nll_base"], rows["kld"], rows["p_diff"]
        p_diff2 = _sum_of(p_diff * p_diff)
        self.n += len(rows)
        self.nll += _sum_of(nll)
        self.nll2 += _sum_of(nll * nll)
        self.nll_base += _sum_of(base)
        self.nll_base2 += _sum_of(base * base)
        self.nll_nll_base += _sum_of(nll * base)
        self.kld += _sum_of(kld)
        self.kld2 += _sum_of(kld * kld)
        self.p_diff += _sum_of(p_diff)
        self.p_diff2 += p_diff2
        self.p_diff4 += _sum_of((p_diff * p_diff).astype(np.float64) ** 2)
        self.same_top += int(rows["same_top"].sum())


def _sum_of(values: npt.NDArray[np.floating]) -> float:
    return float(np.sum(values, dtype=np.float64))


def quantile(ordered: Float32s, fraction: float) -> float:
    """Return a quantile of sorted values, all arithmetic in float32, the index included."""
    if fraction <= 0:
        return float(ordered[0])
    if fraction >= 1:
        return float(ordered[-1])
    one = np.float32(1)
    place = np.float32(fraction) * np.float32(len(ordered) - 1)
    lower = int(place)
    part = place - np.float32(lower)
    upper = min(lower + 1, len(ordered) - 1)
    return float((one - part) * ordered[lower] + part * ordered[upper])


def median(ordered: Float32s) -> float:
    """Return the middle value, or the mean of the two in the middle."""
    half = len(ordered) // 2
    if len(ordered) % 2:
        return float(ordered[half])
    return float(np.float32(0.5) * (ordered[half] + ordered[half - 1]))
