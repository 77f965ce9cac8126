"""Which files are measured, so that the choice is soon known: those that could win, best first.

Damage grows as files shrink, nearly without exception, so a file that is surely too far rules out
smaller ones, and one within the limit rules out larger ones: a bisection, whose first guess is
what bits per weight usually cost.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, TypeAlias

from pyengine.choose.candidates import Candidate
from pyengine.choose.recommend import Limits, side_of
from pyengine.choose.scale import FLIPS_OF_ROOT_KL
from pyengine.models.settings import Settings

Why: TypeAlias = Literal[
    "could-win", "memory", "size", "speed", "larger", "tasks", "reference", "failed"
]

# Two files whose sizes differ by less may be out of order: types of equal size damage differently.
OUT_OF_ORDER = 0.05
# One that is so many times beyond the limit rules out even those.
FAR_BEYOND = 2.0
# KL = AT_ZERO exp(-PER_BIT bits) (n / OF_PARAMETERS)^-PER_SIZE nats: a guess for the order alone,
# drawn through the ladder of SmolLM2-135M and through what is published of models of 7 billion.
AT_ZERO, PER_BIT, PER_SIZE, OF_PARAMETERS = 27.0, 1.2, 0.43, 135e6

LEAST = 1e-9  # nats; a logarithm needs some


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A file that could be chosen, as its header describes it.

    Attributes:
        name: by which the record means it.
        reference: what a command takes to use it: a path, or where it is to be had.
        size: bytes of the file, of all parts.
        imatrix: whether an importance matrix was used in making it.
        predicted: KL divergence in nats that its recipe predicts; None where it follows none.
        memory: bytes that it needs with the context asked for.
        here: whether the file is on this machine.
        speed: generated tokens per second, where that was measured.
        why: "could-win", or why it cannot: "memory", "size" (beyond what may be taken), "speed"
            (it is too slow), "larger" (no smaller than the reference), "tasks" (it solves fewer
            than the reference), "reference", "failed".
        settings: that it would be computed with.
    """

    name: str
    reference: str
    file_type: str
    size: int
    n_params: int
    bits_per_weight: float
    imatrix: bool = False
    predicted: float | None = None
    memory: int = 0
    here: bool = True
    speed: float | None = None
    why: Why = "could-win"
    settings: Settings = field(default_factory=Settings)

    def content(self) -> dict[str, Any]:
        """Return all of it as plain JSON values."""
        return {**asdict(replace(self, settings=Settings())), "settings": self.settings.text}

    @property
    def by_recipe(self) -> bool:
        """Whether a recipe chose its types."""
        return self.predicted is not None

    @property
    def expected(self) -> float:
        """ln KL as its recipe predicts it, else as it is usual for its bits and parameters."""
        if self.predicted is not None:
            return math.log(max(self.predicted, LEAST))
        # Tensors that fell back to a larger type add bits that help little: Q4_K_M counts 4.9.
        digit = re.search(r"Q(\d)", self.file_type)
        bits = min(self.bits_per_weight, int(digit[1]) + 0.9 if digit else math.inf)
        size = math.log(max(self.n_params, 1) / OF_PARAMETERS)
        return math.log(AT_ZERO) - PER_BIT * bits - PER_SIZE * size


def next_to_measure(
    offers: Sequence[Offer], found: Mapping[str, Candidate], limits: Limits
) -> list[Offer]:
    """Return what to measure next: the best guess and its neighbours; nothing where all is known.

    Args:
        offers: those that could win.
        found: by name, those that were measured.
    """
    known = [(offer, found[offer.name]) for offer in offers if offer.name in found]
    still_open = [
        offer
        for offer in offers
        if offer.name not in found and not any(_closes(*one, offer, limits) for one in known)
    ]
    if not still_open:
        return []
    still_open.sort(key=lambda offer: (offer.size, offer.name))
    limit = math.log(_limit_of_kl(limits))
    # Of a recipe more is known than of a type, and of a size it is the better one.
    foretold = [offer for offer in still_open if offer.by_recipe] or still_open
    hopeful = [offer for offer in foretold if _expected(offer, known) <= limit]
    guess = hopeful[0] if hopeful else still_open[-1]
    place = still_open.index(guess)
    below = [offer for offer in still_open[:place] if offer.by_recipe == guess.by_recipe]
    # Both neighbours at first: they are what the answer is told beside. Each costs one pass more,
    # where a round of its own would cost the reference's too.
    return [*below[-1:], *still_open[place : place + (1 if found else 2)]]


def _limit_of_kl(limits: Limits) -> float:
    """Return the divergence at which the limits usually end; above 0."""
    by_flips = math.inf if limits.flips is None else (limits.flips / FLIPS_OF_ROOT_KL) ** 2
    return max(min(math.inf if limits.kl is None else limits.kl, by_flips), LEAST)


def _closes(one: Offer, found: Candidate, other: Offer, limits: Limits) -> bool:
    """Tell whether what was found of one offer leaves nothing to ask of another.

    What damage a size does is told by files that are computed as usual. One within the limits
    rules out those that are no smaller; one that is not rules out smaller ones that were made no
    better: by recipe, or with an importance matrix. Beside a recipe a type counts as smaller than
    it is.
    """
    side = "failed" if found.excluded not in ("", "infinite") else side_of(found, limits)
    if side == "within":
        return one.size + bool(one.settings.text) <= other.size
    better_made = other.imatrix > one.imatrix or other.by_recipe > one.by_recipe
    if side == "failed" or better_made or one.settings.text:
        return False
    size = other.size * (1 - OUT_OF_ORDER) if one.by_recipe > other.by_recipe else other.size
    far = found.kl_low > FAR_BEYOND * _limit_of_kl(limits)
    return size <= one.size * (1 if far else 1 - OUT_OF_ORDER)


def _expected(offer: Offer, known: Sequence[tuple[Offer, Candidate]]) -> float:
    """Return the ln KL that is expected, moved to what was found of the nearest of its kind."""
    near = [
        (abs(o.bits_per_weight - offer.bits_per_weight), o, c)
        for o, c in known
        if c.kl > 0 and o.by_recipe == offer.by_recipe
    ]
    if not near:
        return offer.expected
    _, nearest, found = min(near, key=lambda one: one[0])
    return offer.expected - nearest.expected + math.log(found.kl)
