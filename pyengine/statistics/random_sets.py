"""The mass that random token sets have: what a keyword set's mass must be held against."""

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]


def random_mass(
    probabilities: Doubles, size: int, observed: float, *, draws: int, seed: int
) -> tuple[float, float, float, float]:
    """Draw token sets of a size without replacement and sum their probabilities.

    Args:
        probabilities: of the tokens to draw from, float64 (n,).
        size: members of every set, at most n.
        observed: the mass to compare with.
        draws: number of sets.
        seed: of NumPy's PCG64.

    Returns:
        mean over the draws, its 2.5 % and 97.5 % quantiles, and (1 + number of draws with at least
        the observed mass) / (1 + draws), the permutation p-value of Phipson and Smyth (2010),
        which is never 0.
    """
    if size == 0:
        return 0.0, 0.0, 0.0, 1.0
    rng = np.random.default_rng(seed)
    masses = probabilities[_distinct_rows(rng, len(probabilities), size, draws)].sum(axis=1)
    hits = int(np.count_nonzero(masses >= observed))
    low, high = np.quantile(masses, [0.025, 0.975]).tolist()
    return float(masses.mean()), low, high, (1 + hits) / (1 + draws)


def _distinct_rows(
    rng: np.random.Generator, n: int, size: int, draws: int
) -> npt.NDArray[np.int64]:
    """Return (draws, size) indices below n, distinct within each row, all sets equally likely."""
    if size * size > n:
        return np.stack([rng.choice(n, size, replace=False) for _ in range(draws)])
    rows = rng.integers(n, size=(draws, size))
    while True:
        ordered = np.sort(rows, axis=1)
        repeated = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
        if not repeated.any():
            return rows
        # Rejecting whole rows leaves every set of distinct indices equally likely.
        rows[repeated] = rng.integers(n, size=(int(repeated.sum()), size))
