"""The typed record of `pyengine recommend`."""

from __future__ import annotations

from pyengine.results import Record, Result


class Candidate(Record):
    """One variant as the choice sees it.

    Attributes:
        kl, kl_low, kl_high: mean KL divergence from the reference in nats per token, and its
            95 % interval.
        kl_floor: the null control's; a KL divergence below it cannot be told from zero.
        memory: bytes that it needs: measured where a speed measurement was given, else the file's
            size, which leaves out the context.
        memory_measured: which of the two.
        metrics: further numbers that conditions may name.
        excluded: why it cannot be chosen, or None.
    """

    name: str
    path: str | None
    sha256: str | None
    file_type: str | None
    size: int
    bits_per_weight: float | None
    kl: float
    kl_low: float
    kl_high: float
    kl_floor: float | None
    n_tokens: int
    memory: int
    memory_measured: bool
    metrics: dict[str, float]
    excluded: str | None

    @property
    def numbers(self) -> dict[str, float]:
        """Return every number that a condition may name."""
        named = {
            "kl": self.kl,
            "kl_low": self.kl_low,
            "kl_high": self.kl_high,
            "size": float(self.size),
            "memory": float(self.memory),
            "tokens": float(self.n_tokens),
        }
        if self.bits_per_weight is not None:
            named["bits_per_weight"] = self.bits_per_weight
        return {**named, **self.metrics}


class RecommendResult(Result):
    """What to use, why, and what would change the answer.

    Attributes:
        chosen: name of the variant; None where none fits.
        qualified: whether it meets the margin.
        variant: the one that was asked about; None where all were.
        fail_if: the condition for failing that was given; failed: whether it holds.
    """

    kind: str = "recommend"
    reference: str
    margin: float
    margin_given: bool
    memory_limit: int | None
    size_limit: int | None
    chosen: str | None
    qualified: bool
    why: str
    what_would_change: str
    candidates: list[Candidate]
    variant: str | None = None
    fail_if: str | None = None
    failed: bool = False
