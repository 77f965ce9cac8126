"""How much damage a divergence is, in plain steps: the one place where their limits stand.

The limits are mean KL divergences from the reference, nats per token. What they are in daily life:

- 0.02: by Pinsker's inequality, |P(A) - Q(A)| <= sqrt(KL / 2), nothing that can be asked of the
  next token changes its probability by more than 10 points at a position of that divergence. Of
  100 first choices 6 are others, of 1,000 some 4 where the reference was surer of its own than of
  all other tokens together.
- 0.1: 22 points. 14 of 100 first choices are others, 2 where the reference was sure.
- 0.5: 50 points: at such a position the variant may want the opposite. 32 of 100 first choices are
  others, 8 where the reference was sure.

The shares are those of twelve types of SmolLM2-135M over 2,688 tokens of code: from Q8_0 to Q2_K
the share of other first choices is 0.41 to 0.47 times sqrt(KL). Below all limits is what the order
of computation alone gives, of every file its own. On that ladder Q8_0 and Q6_K are hardly changed
(0.0055 and 0.014), Q5_K_M and Q4_K_M a little (0.06 and 0.08), Q3_K_M clearly (0.26), Q2_K badly
(0.59).
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pyengine.run.floors import Floors
from pyengine.run.measurement import Measurement
from pyengine.run.record import Run

Step: TypeAlias = Literal["floor", "hardly", "little", "clearly", "badly"]
STEPS: tuple[Step, ...] = ("floor", "hardly", "little", "clearly", "badly")
# Where "hardly", "little" and "clearly" end, nats per token.
LIMITS = (0.02, 0.1, 0.5)
HARDLY = LIMITS[0]
# Share of other first choices over the root of the KL divergence, see above.
FLIPS_OF_ROOT_KL = 0.44


@dataclass(frozen=True, slots=True)
class Damage:
    """On which steps a variant may be: those of both ends of its interval; equal where it is sure.

    Attributes:
        kl: its mean KL divergence.
        floor: what arithmetic alone gives; None where that is not known.
    """

    least: Step
    most: Step
    kl: Measurement
    floor: float | None

    @property
    def surely_hardly(self) -> bool:
        """Whether it is at most hardly changed, by its whole interval."""
        return self.most in ("floor", "hardly")


@dataclass(frozen=True, slots=True)
class Daily:
    """What a divergence is where tokens are written; None where it was not measured.

    Attributes:
        changed: share of positions at which the variant's first choice is another.
        clearly: share at which it is, though the reference gives its own more than half.
        itself: share at which the variant's first choice is another than its own, computed in
            another order.
        n_itself: positions of which that is a share.
    """

    changed: float | None
    clearly: float | None
    itself: float | None
    n_itself: int


def step_of(kl: float, floor: float | None) -> Step:
    """Return the step of a divergence; a limit belongs to the step that it ends."""
    if kl <= (0.0 if floor is None else floor):
        return "floor"
    return STEPS[1 + bisect_left(LIMITS, kl)]


def damage_of(kl: Measurement, floor: float | None) -> Damage:
    """Return the steps that the interval of a divergence reaches; it must have one."""
    return Damage(step_of(kl.low, floor), step_of(kl.high, floor), kl, floor)


def kl_floor(run: Run, model: str) -> float | None:
    """Return the noise floor of a model's KL divergence; None where there was no control."""
    kl = run.find("kl", model)
    return None if kl is None else Floors(run).of(kl)


def daily(run: Run, model: str) -> Daily:
    """Return what a variant's divergence is in daily life."""
    same, clearly = (run.find(metric, model) for metric in ("same_first_choice", "clear_change"))
    again = run.select("same_first_choice", model=model, reference=model, group="")
    return Daily(
        None if same is None else 1 - same.value,
        None if clearly is None else clearly.value,
        1 - again[0].value if again else None,
        again[0].n if again else 0,
    )
