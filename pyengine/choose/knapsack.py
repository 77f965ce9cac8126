"""One choice of each group, so that the losses sum to the least that budgets allow: exactly.

The multiple-choice knapsack. Groups are taken one after the other, and of all ways to choose among
those taken only such stay as no other beats in all that counts (Nemhauser and Ullmann 1969) and as
could still beat the best one known: what the groups that are left lose at least within the rest
of the budget is told by the relaxation in which choices may be mixed (Sinha and Zoltners 1979).

Of a second budget, of time, the relaxation knows nothing. So it is asked about losses with times at
a price, too: no way to choose that keeps both budgets has a smaller sum, whatever the price is
(Everett 1963). The prices are those around which the best way at a price comes to keep the budget.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Sizes: TypeAlias = npt.NDArray[np.int64]
Losses: TypeAlias = npt.NDArray[np.float64]
# Sums of the same losses in another order differ by less.
ROUNDING = 1e-9
# The price of time is looked for in so many steps at most, to so much of it.
STEPS, ENOUGH = 60, 1e-3
FEW = 1000  # ways that are kept where a good one is looked for


class _Ways(NamedTuple):
    """What each of some ways to choose takes and loses, aligned."""

    sizes: Sizes
    times: Sizes
    losses: Losses

    def some(self, which: Sizes) -> _Ways:
        """Return those of some indices."""
        return _Ways(self.sizes[which], self.times[which], self.losses[which])

    def and_each(self, more: _Ways) -> _Ways:
        """Return each of them with each of the others."""
        return _Ways(
            (self.sizes[:, None] + more.sizes).ravel(),
            (self.times[:, None] + more.times).ravel(),
            (self.losses[:, None] + more.losses).ravel(),
        )


class _Group(NamedTuple):
    """The choices of a group that no other beats in size, time and loss, by rising size.

    Attributes:
        number: of the group, and `choices` of each choice, as they were given.
    """

    number: int
    choices: Sizes
    ways: _Ways


@dataclass(frozen=True, eq=False)
class _Relaxed:
    """The least that groups lose at each size, where choices may be mixed: points of a line.

    Below the first size nothing can be chosen; beyond the last one nothing is gained.
    """

    sizes: Losses
    losses: Losses

    def least(self, room: Sizes) -> Losses:
        """Return what is lost at least within so many bytes."""
        return np.interp(room, self.sizes, self.losses, left=math.inf)


class _Bound:
    """What losses, with times at a price, may sum to; or times alone.

    Args:
        groups: in the order in which they are taken.
        most: the limit.
        of_loss, of_time: what a unit of each counts.
    """

    def __init__(
        self, groups: Sequence[_Group], most: float, *, of_loss: float = 1.0, of_time: float = 0.0
    ) -> None:
        self._of_loss, self._of_time = of_loss, of_time
        self._most = most + ROUNDING * (1 + abs(most))
        priced = [_plain(group.ways.sizes, self._sum(group.ways)) for group in groups]
        self._rest = _relaxed_rests(priced)

    def _sum(self, ways: _Ways) -> Losses:
        return self._of_loss * ways.losses + self._of_time * ways.times

    def beyond(self, n_taken: int, ways: _Ways, budget: int) -> Losses:
        """Return by how much ways to choose of the first groups exceed it in the end at least."""
        return self._sum(ways) + self._rest[n_taken].least(budget - ways.sizes) - self._most


def choose(
    sizes: Sequence[npt.ArrayLike], losses: Sequence[npt.ArrayLike], budget: int
) -> list[int] | None:
    """Choose one of each group, so that the sum of losses is least within the budget.

    Of equal losses the smaller sum of sizes counts.

    Args:
        sizes: of each group an array of bytes of its choices, integers; one choice at least.
        losses: of each group an array of what its choices lose, finite, aligned with the sizes.
        budget: in bytes.

    Returns:
        the index of the choice of each group; None where even the smallest are too large.
    """
    groups = _groups(sizes, [np.zeros_like(size) for size in sizes], losses)
    if budget < sum(int(group.ways.sizes[0]) for group in groups):
        return None
    best = _greedy([(group.ways.sizes, group.ways.losses) for group in groups], budget)
    return _search(groups, budget, [_Bound(groups, best)])


def choose_in_time(
    sizes: Sequence[npt.ArrayLike],
    losses: Sequence[npt.ArrayLike],
    budget: int,
    times: Sequence[npt.ArrayLike],
    most: int,
) -> list[int] | None:
    """Choose one of each group, so that the sum of losses is least within both budgets.

    Args:
        sizes, losses, budget: as in `choose`.
        times: of each group an array of what its choices take of the second budget, integers.
        most: the second budget.

    Returns:
        the index of the choice of each group; None where the fastest within the budget are too
        slow.
    """

    given = [_given(*one) for one in zip(sizes, times, losses, strict=True)]

    def sums(way: Sequence[int]) -> tuple[int, float]:
        chosen = list(zip(given, way, strict=True))
        time = sum(int(ways.times[n]) for ways, n in chosen)
        return time, math.fsum(ways.losses[n] for ways, n in chosen)

    fastest = choose(sizes, times, budget)
    if fastest is None or sums(fastest)[0] > most:
        return None
    low, high, best = 0.0, math.inf, sums(fastest)[1]
    price = sum(float(np.ptp(ways.losses)) for ways in given)
    price /= max(1, sum(int(np.ptp(ways.times)) for ways in given))
    for _ in range(STEPS):
        priced = [ways.losses + price * ways.times for ways in given]
        time, loss = sums(choose(sizes, priced, budget) or fastest)
        if time <= most:
            high, best = price, min(best, loss)
        else:
            low = price
        if high - low <= ENOUGH * high:
            break
        price = 2 * price if math.isinf(high) else (low + high) / 2
    groups = _groups(sizes, times, losses)
    in_time = _Bound(groups, most, of_loss=0.0, of_time=1.0)

    def bounds(best: float) -> list[_Bound]:
        prices = [price for price in (low, high, 0.0) if math.isfinite(price)]
        return [*(_Bound(groups, best + p * most, of_time=p) for p in prices), in_time]

    # A good way is soon found among few; the better it is, the fewer are left to look at.
    good = _search(groups, budget, bounds(best), n_kept=FEW)
    return _search(groups, budget, bounds(best if good is None else min(best, sums(good)[1])))


def _given(sizes: npt.ArrayLike, times: npt.ArrayLike, losses: npt.ArrayLike) -> _Ways:
    found = _Ways(
        np.asarray(sizes, np.int64), np.asarray(times, np.int64), np.asarray(losses, np.float64)
    )
    if not np.isfinite(found.losses).all():
        raise ValueError("a loss is not finite")
    return found


def _groups(
    sizes: Sequence[npt.ArrayLike], times: Sequence[npt.ArrayLike], losses: Sequence[npt.ArrayLike]
) -> list[_Group]:
    """Return the groups in the order in which they are taken."""
    groups = []
    for number, one in enumerate(zip(sizes, times, losses, strict=True)):
        ways = _given(*one)
        kept = _unbeaten(ways)
        groups.append(_Group(number, kept, ways.some(kept)))
    # Where much is to be gained comes first: bad choices show early.
    return sorted(groups, key=lambda group: -float(np.ptp(group.ways.losses)))


def _unbeaten(ways: _Ways) -> Sizes:
    """Return the ways that no other beats in all three, as indices, by rising size."""
    order = np.lexsort((ways.losses, ways.times, ways.sizes))
    times, losses = ways.times[order], ways.losses[order]
    if not times.size or times.min() == times.max():
        return order[_gains(losses)]
    kept = np.zeros(len(order), dtype=np.bool_)
    # Of those before, all smaller, the ones that none of them beats: rising times, falling losses.
    front_times: list[int] = []
    front_losses: list[float] = []
    for n, (time, loss) in enumerate(zip(times.tolist(), losses.tolist(), strict=True)):
        end = bisect_right(front_times, time)
        if end and front_losses[end - 1] <= loss:
            continue
        while end < len(front_losses) and front_losses[end] >= loss:
            end += 1
        begin = bisect_left(front_times, time)
        front_times[begin:end], front_losses[begin:end] = [time], [loss]
        kept[n] = True
    return order[kept]


def _gains(losses: Losses) -> npt.NDArray[np.bool_]:
    """Return where a loss is less than all before it."""
    before = np.minimum.accumulate(np.concatenate([[math.inf], losses[:-1]]))
    return losses < before


def _plain(sizes: Sizes, losses: Losses) -> tuple[Sizes, Losses]:
    """Return the sizes and losses of what nothing else beats in both, by rising size."""
    order = np.lexsort((losses, sizes))
    kept = order[_gains(losses[order])]
    return sizes[kept], losses[kept]


def _relaxed_rests(groups: Sequence[tuple[Sizes, Losses]]) -> list[_Relaxed]:
    """Return for each number of groups that were taken what those that are left lose at least."""
    steps: list[tuple[float, int, float]] = []
    smallest, loss = 0, 0.0
    rests = [_Relaxed(np.zeros(1), np.zeros(1))]
    for sizes, losses in reversed(groups):
        corners = _hull(sizes, losses)
        for a, b in pairwise(corners):
            bytes_more, gain = int(sizes[b] - sizes[a]), float(losses[a] - losses[b])
            steps.append((-gain / bytes_more, bytes_more, gain))
        smallest, loss = smallest + int(sizes[0]), loss + float(losses[0])
        steps.sort()
        more = np.cumsum([0, *(step[1] for step in steps)])
        gained = np.cumsum([0.0, *(step[2] for step in steps)])
        rests.append(_Relaxed((smallest + more).astype(np.float64), loss - gained))
    return rests[::-1]


def _hull(sizes: Sizes, losses: Losses) -> list[int]:
    """Return the choices at the corners of the lower convex hull, by rising size."""
    corners: list[int] = []
    for i in range(len(sizes)):
        while len(corners) > 1:
            a, b = corners[-2], corners[-1]
            before = (losses[b] - losses[a]) * float(sizes[i] - sizes[b])
            after = (losses[i] - losses[b]) * float(sizes[b] - sizes[a])
            if before < after:
                break
            corners.pop()
        corners.append(i)
    return corners


def _greedy(groups: Sequence[tuple[Sizes, Losses]], budget: int) -> float:
    """Return the loss of one good choice: the steepest gains first, as long as they fit."""
    at = [0] * len(groups)
    room = budget - sum(int(sizes[0]) for sizes, _ in groups)
    steps = [
        (-float((losses[a] - losses[b]) / (sizes[b] - sizes[a])), g, b)
        for g, (sizes, losses) in enumerate(groups)
        for a, b in pairwise(_hull(sizes, losses))
    ]
    for _, g, b in sorted(steps):
        more = int(groups[g][0][b] - groups[g][0][at[g]])
        if more <= room:
            room -= more
            at[g] = b
    return sum(float(groups[g][1][choice]) for g, choice in enumerate(at))


def _search(
    groups: Sequence[_Group], budget: int, bounds: Sequence[_Bound], n_kept: int | None = None
) -> list[int] | None:
    """Return the best choice of each group within all bounds; None where there is none.

    Args:
        n_kept: ways to choose that are kept at most, those that the first bound leaves the most
            room; None for all, with which what is returned is the best.
    """
    ways = _given([0], [0], [0.0])
    taken: list[tuple[Sizes, Sizes]] = []
    for n_taken, group in enumerate(groups, start=1):
        ways = ways.and_each(group.ways)
        kept = np.arange(len(ways.sizes))
        for bound in bounds:
            kept = kept[bound.beyond(n_taken, ways.some(kept), budget) <= 0]
        kept = kept[_unbeaten(ways.some(kept))]
        if n_kept is not None:
            kept = kept[np.argsort(bounds[0].beyond(n_taken, ways.some(kept), budget))[:n_kept]]
        if not kept.size:
            return None
        ways = ways.some(kept)
        taken.append((kept // len(group.choices), kept % len(group.choices)))
    way, found = int(np.argmin(ways.losses)), [0] * len(groups)
    for group, (parents, choices) in zip(reversed(groups), reversed(taken), strict=True):
        found[group.number] = int(group.choices[choices[way]])
        way = int(parents[way])
    return found
