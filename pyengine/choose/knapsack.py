"""One choice of each group, so that the losses sum to the least that a budget allows: exactly.

The multiple-choice knapsack. Groups are taken one after the other, and of all ways to choose among
those taken only such stay as no other beats in both size and loss (Nemhauser and Ullmann 1969) and
as could still beat the best one known: what the groups that are left lose at least within the rest
of the budget is told by the relaxation in which choices may be mixed (Sinha and Zoltners 1979).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Sizes: TypeAlias = npt.NDArray[np.int64]
Losses: TypeAlias = npt.NDArray[np.float64]
# Sums of the same losses in another order differ by less.
ROUNDING = 1e-9


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
    groups = [
        _undominated(np.asarray(s, dtype=np.int64), np.asarray(x, dtype=np.float64))
        for s, x in zip(sizes, losses, strict=True)
    ]
    # Where much is to be gained comes first: bad choices show early.
    order = sorted(range(len(groups)), key=lambda g: -float(np.ptp(groups[g][1])))
    ordered = [groups[g] for g in order]
    rest = _relaxed_rests([(size, loss) for size, loss, _ in ordered])
    if budget < rest[0].sizes[0]:
        return None
    chosen = _search(ordered, rest, budget)
    found = [0] * len(groups)
    for group, choice in zip(order, chosen, strict=True):
        found[group] = int(groups[group][2][choice])
    return found


def _undominated(sizes: Sizes, losses: Losses) -> tuple[Sizes, Losses, Sizes]:
    """Keep the choices that no other beats in both, by rising size, with their indices."""
    if not np.isfinite(losses).all():
        raise ValueError("a loss is not finite")
    order = np.lexsort((losses, sizes))
    kept = order[_gains(losses[order])]
    return sizes[kept], losses[kept], kept


def _gains(losses: Losses) -> npt.NDArray[np.bool_]:
    """Return where a loss is less than all before it."""
    before = np.minimum.accumulate(np.concatenate([[math.inf], losses[:-1]]))
    return losses < before


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


def _greedy(groups: Sequence[tuple[Sizes, Losses, Sizes]], budget: int) -> float:
    """Return the loss of one good choice: the steepest gains first, as long as they fit."""
    at = [0] * len(groups)
    room = budget - sum(int(sizes[0]) for sizes, _, _ in groups)
    steps = [
        (-float((losses[a] - losses[b]) / (sizes[b] - sizes[a])), g, b)
        for g, (sizes, losses, _) in enumerate(groups)
        for a, b in pairwise(_hull(sizes, losses))
    ]
    for _, g, b in sorted(steps):
        more = int(groups[g][0][b] - groups[g][0][at[g]])
        if more <= room:
            room -= more
            at[g] = b
    return sum(float(groups[g][1][choice]) for g, choice in enumerate(at))


def _search(
    groups: Sequence[tuple[Sizes, Losses, Sizes]], rest: Sequence[_Relaxed], budget: int
) -> list[int]:
    """Return the best choice of each group, as indices into what `_undominated` kept."""
    best = _greedy(groups, budget)
    most = best + ROUNDING * (1 + abs(best))
    size, loss = np.zeros(1, dtype=np.int64), np.zeros(1)
    taken: list[tuple[Sizes, Sizes]] = []
    for (sizes, losses, _), left in zip(groups, rest[1:], strict=True):
        all_sizes = (size[:, None] + sizes).ravel()
        all_losses = (loss[:, None] + losses).ravel()
        hopeful = np.flatnonzero(all_losses + left.least(budget - all_sizes) <= most)
        order = hopeful[np.lexsort((all_losses[hopeful], all_sizes[hopeful]))]
        kept = order[_gains(all_losses[order])]
        size, loss = all_sizes[kept], all_losses[kept]
        taken.append((kept // len(sizes), kept % len(sizes)))
    state, chosen = len(loss) - 1, []
    for parents, choices in reversed(taken):
        chosen.append(int(choices[state]))
        state = int(parents[state])
    return chosen[::-1]
