"""The mass that random sets of like members have: what a set's own mass must be held against."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
# Equal sets may be summed in another order.
_ROUNDING = 1e-12


class Stratum(NamedTuple):
    """Members of a set, and others that are like them: float64 (n,), float64 (m,)."""

    members: Doubles
    others: Doubles


@dataclass(frozen=True)
class MatchedNull:
    """A set's mass beside that of random sets of like members.

    Attributes:
        observed: sum over the members.
        others: sum over the members of the mean of the others of their stratum.
        mean, low, high: of the sums of the random sets, with their 2.5 % and 97.5 % quantiles.
        p: see `matched_null`.
    """

    observed: float
    others: float
    mean: float
    low: float
    high: float
    p: float


def matched_null(strata: Sequence[Stratum], *, draws: int, seed: int) -> MatchedNull:
    """Hold a set's mass against that of random sets with as many members from each stratum.

    Were the members like the others of their stratum, which of them are members would be a
    matter of chance. So a random set draws as many as there are members from members and others
    together, stratum by stratum, without replacement. p = (1 + random sets with at least the
    observed mass) / (1 + draws), the permutation p-value of Phipson and Smyth (2010), is never 0.
    It is computed for the set and for the set without each one of its members; the largest is
    given, so that no single member decides.

    Only the heaviest member of a stratum has to be left out: without it p is at least what it is
    without a lighter one, because the observed mass falls by the difference of both, and a random
    set's mass by no more.

    Args:
        strata: each with at least one member and one other.
        draws: number of random sets.
        seed: of NumPy's PCG64.
    """
    rng = np.random.default_rng(seed)
    sums = [_random_sums(rng, one.members, one.others, draws) for one in strata]
    total = np.sum(sums, axis=0)
    observed = sum(float(one.members.sum()) for one in strata)
    p = _p_value(total, observed)
    for one, own in zip(strata, sums, strict=True):
        heaviest = int(one.members.argmax())
        left = np.delete(one.members, heaviest)
        without = total - own + _random_sums(rng, left, one.others, draws)
        p = max(p, _p_value(without, observed - float(one.members[heaviest])))
    low, high = np.quantile(total, [0.025, 0.975]).tolist()
    others = sum(len(one.members) * float(one.others.mean()) for one in strata)
    return MatchedNull(observed, others, float(total.mean()), low, high, p)


def _random_sums(
    rng: np.random.Generator, members: Doubles, others: Doubles, draws: int
) -> Doubles:
    """Return the sums of random sets as large as the members, all sets equally likely."""
    pool, size = np.concatenate([members, others]), len(members)
    if size == 0:
        return np.zeros(draws)
    order = rng.random((draws, len(pool))).argpartition(size - 1, axis=1)
    sums: Doubles = pool[order[:, :size]].sum(axis=1)
    return sums


def _p_value(sums: Doubles, observed: float) -> float:
    hits = int(np.count_nonzero(sums >= observed * (1 - _ROUNDING)))
    return (1 + hits) / (1 + len(sums))
