"""The statistics of rows again: slow, obvious, in float64, from their definitions."""

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

Floats = npt.NDArray[np.float64]


def log_softmax(row: npt.NDArray[np.float32], padding: list[int] | None = None) -> Floats:
    kept = row.astype(np.float64)
    kept[padding or []] = -np.inf
    return np.asarray(kept - logsumexp(kept))


def entropy(log_p: Floats) -> float:
    return float(-sum(np.exp(a) * a for a in log_p if a > -np.inf))


def kl(log_p: Floats, log_q: Floats) -> float:
    total = 0.0
    for a, b in zip(log_p, log_q, strict=True):
        if a > -np.inf:
            total += np.exp(a) * (a - b) if b > -np.inf else np.inf
    return float(total)


def jensen_shannon(log_p: Floats, log_q: Floats) -> float:
    log_m = np.logaddexp(log_p, log_q) - np.log(2)
    return (kl(log_p, log_m) + kl(log_q, log_m)) / 2


def total_variation(log_p: Floats, log_q: Floats) -> float:
    return float(np.abs(np.exp(log_p) - np.exp(log_q)).sum() / 2)


def hellinger(log_p: Floats, log_q: Floats) -> float:
    gap = np.exp(log_p / 2) - np.exp(log_q / 2)
    return float(np.sqrt((gap**2).sum() / 2))


def order(row: npt.NDArray[np.float32]) -> list[int]:
    return sorted(range(len(row)), key=lambda i: (-row[i], i))


def overlap(row_p: npt.NDArray[np.float32], row_q: npt.NDArray[np.float32], k: int) -> float:
    k = min(k, len(row_p))
    return len(set(order(row_p)[:k]) & set(order(row_q)[:k])) / k
