"""Looking at data more than once while they grow, to stop when enough is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from pyengine.statistics.distributions import normal_quantile

# Below so many documents an interval by Student's t cannot be trusted to stop by.
FEWEST_DOCUMENTS = 12
DOCUMENTS_OF_LEVELS = 0.7  # over the square of a precision, see `first_level_look`
MOST_DOCUMENTS = 1 << 40  # beyond all corpora: of looks only the places of the first count
NODES = 64  # of a quadrature; 96 change no chance by more than 1e-12
BISECTIONS = 32
SMALLEST = 1e-10  # of a chance that is one minus another


def look_points(n_documents: int) -> list[int]:
    """Return after how many documents to look: 12, 18, 24, 36, 48, 72, 96, ... and after the last.

    Each look asks for a third or a half more than the last, so that their number grows with the
    logarithm of the documents, and what looking costs stays small.
    """
    points = []
    step = FEWEST_DOCUMENTS
    while step < n_documents:
        points += [step, step + step // 2]
        step *= 2
    return [*(point for point in points if point < n_documents), n_documents]


def documents_at(look: int) -> int:
    """Return after how many documents a look is, by its number; 0 for the first of all."""
    return look_points(MOST_DOCUMENTS)[look] if look else 0


def first_level_look(precision: float, looks: int) -> int:
    """Return the number, from 0, of the first of K looks at which a level may count as known.

    A level spreads over documents by a standard deviation of some 0.36 in logarithms, so that its
    interval, of some 2.3 standard errors, is no narrower than `precision` before 0.7 / precision^2
    documents (docs/statistics.md). Earlier looks would only widen the intervals of later ones.
    """
    if looks == 1:
        return 0
    fewest = DOCUMENTS_OF_LEVELS / precision**2
    points = look_points(MOST_DOCUMENTS)[:looks]
    return min(sum(point < fewest for point in points), looks - 1)


@lru_cache(maxsize=4096)
def at_look(level: float, looks: int, first: int = 0) -> float:
    """Return the level of an interval at each of K looks, so that all together cover with `level`.

    The inverse of `over_looks`: one minus the p-value that at all looks is worth 1 - level.
    """
    if looks - first == 1 or math.isnan(level):
        return level
    wanted = 1 - level
    # At one look the p-value is worth least, so the answer lies between these.
    low, high = wanted / (looks - first), wanted
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if over_looks(middle, looks, first) < wanted else (low, middle)
    return 1 - low


@lru_cache(maxsize=65536)
def over_looks(p: float, looks: int, first: int = 0) -> float:
    """Return what a two-sided p-value, found at one of K looks, is worth at all of them.

    That is the chance that at any look the p-value is as small where there is nothing to find. A
    mean of documents, by its standard error, is at look k a standard normal Z_k, and looks at n and
    m documents share what was there before: cor(Z_n, Z_m) = sqrt(n / m), as n < m (Pocock 1977;
    Jennison and Turnbull 2000, chapters 2 and 19). The chance is computed by integrating from look
    to look (Armitage, McPherson and Rowe 1969). Never more than K p, Bonferroni's bound, and that
    where p is too small to compute the difference to 1.

    Args:
        first: number of the first look, from 0; nothing is asked at those before it.
    """
    if looks - first == 1 or math.isnan(p):
        return p
    bound = min((looks - first) * p, 1.0)
    if p >= 1.0 or bound < SMALLEST:
        return bound
    found = crossing(normal_quantile(1 - p / 2), look_points(MOST_DOCUMENTS)[first:looks])
    return min(max(found, p), bound)


def crossing(z: float, points: Sequence[int]) -> float:
    """Return the chance that |Z_k| exceeds z at any of some looks, after so many documents each.

    With W_k = Z_k sqrt(n_k), which grows by independent normal steps of variance n_k - n_(k-1),
    the density of W_k without a crossing so far is that of W_(k-1) times the step's, integrated
    over [-z sqrt(n_(k-1)), z sqrt(n_(k-1))] by Gauss and Legendre.
    """
    nodes, weights = _quadrature()
    half = z * math.sqrt(points[0])
    places, sizes = half * nodes, half * weights
    density = _normal_density(places, points[0])
    for before, after in pairwise(points):
        half = z * math.sqrt(after)
        next_places = half * nodes
        steps = _normal_density(next_places[:, None] - places, after - before)
        density = steps @ (density * sizes)
        places, sizes = next_places, half * weights
    return 1.0 - float(density @ sizes)


@lru_cache(maxsize=1)
def _quadrature() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    return nodes, weights


def _normal_density(values: npt.NDArray[np.float64], variance: float) -> npt.NDArray[np.float64]:
    found: npt.NDArray[np.float64] = np.exp(-(values**2) / (2 * variance))
    return found / math.sqrt(2 * math.pi * variance)
