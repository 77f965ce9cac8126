"""What the numbers of a comparison support, given what difference is of no interest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyengine.errors import OptionError
from pyengine.run.small_table import SmallTable

if TYPE_CHECKING:
    from pyengine.run.measurement import Measurement
    from pyengine.run.record import Run


@dataclass(frozen=True, slots=True)
class VariantVerdict:
    """What can be said of one variant.

    Attributes:
        kl: its mean KL divergence from the reference, nats per token; None where it was not
            measured over text.
        place: "noise" (no larger than that of the reference beside itself), "within" or "beyond"
            the margin by its whole interval, "undecided", "no-interval" or "not-measured".
        closer: the variant of the next smaller divergence; empty for the closest.
        step: "different" from that one on the same tokens, "equivalent" within the margin, or
            "undecided".
    """

    model: str
    kl: Measurement | None
    place: str
    closer: str = ""
    step: str = ""


@dataclass(frozen=True, repr=False)
class Verdicts(SmallTable):
    """The verdicts on all variants, the closest to the reference first.

    Attributes:
        margin: nats per token.
    """

    margin: float
    rows: tuple[VariantVerdict, ...]

    def __getitem__(self, model: str) -> VariantVerdict:
        for row in self.rows:
            if row.model == model:
                return row
        raise KeyError(model)

    def columns_of_values(self) -> tuple[Sequence[str], Mapping[str, Sequence[Any]]]:
        """Return the variants, and the values of each column."""
        numbers = {
            name: [math.nan if row.kl is None else getattr(row.kl, field) for row in self.rows]
            for name, field in (("kl", "value"), ("kl_low", "low"), ("kl_high", "high"))
        }
        codes = {
            name: [getattr(row, name) for row in self.rows] for name in ("place", "closer", "step")
        }
        return [row.model for row in self.rows], {**numbers, **codes}

    def lines(self) -> list[list[str]]:
        """Return the texts of the head and of each row."""
        index, columns = self.columns_of_values()
        cells = zip(index, *columns.values(), strict=True)
        return [["model", *columns], *([_text(value) for value in row] for row in cells)]


def verdicts(run: Run, margin: float | None = None) -> Verdicts:
    """Judge every variant of a comparison by a margin; nothing is measured again.

    Args:
        run: of `compare` or `sweep`.
        margin: mean KL divergence, nats per token, that is of no interest; None for that of the
            measurement.

    Returns:
        a table of the variants, the closest first, that prints itself; its rows hold the
        measurement and the verdicts as codes.

    Raises:
        OptionError: the margin is negative, or the run compares no models.

    Example:
        pyengine.verdicts(run, margin=0.1)["Q4_K_M"].place
    """
    from pyengine.choose.verdicts import (
        by_divergence,
        divergence,
        kl_floor,
        place,
        steps,
        variants_of,
    )

    if run.command not in ("compare", "sweep") or "margin" not in run.options:
        raise OptionError(f"a run of {run.command!r} compares no models, so nothing can be judged")
    chosen = float(run.options["margin"] if margin is None else margin)
    if not chosen >= 0:
        raise OptionError(f"the margin must not be negative: {margin}")
    found, known = steps(run, chosen), by_divergence(run)
    rows = []
    for name in (*known, *(m.id for m in variants_of(run) if m.id not in known)):
        kl, step = divergence(run, name), found.get(name)
        rows.append(
            VariantVerdict(
                name,
                kl,
                "not-measured" if kl is None else place(kl, chosen, kl_floor(run, name)),
                "" if step is None else step.second,
                "" if step is None else step.verdict,
            )
        )
    return Verdicts(chosen, tuple(rows))


def _text(value: float | str) -> str:
    if isinstance(value, str):
        return value or "–"
    return f"{value:.4g}" if math.isfinite(value) else "–"
