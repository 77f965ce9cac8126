"""What the numbers of a comparison support, given by how much variants may differ and be alike."""

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
        least, most: the steps of damage that its interval reaches: "floor" (no more than the same
            file computed in another order), "hardly", "little", "clearly" or "badly"; empty where
            there is no interval, or infinite divergence at a token.
        against: the best of the variants that it cannot be told from or, where it begins such a
            group, the best of the group before; empty for the closest variant.
        verdict: what the same tokens say of both: "different", "alike" within the margin,
            "undecided", or why there is no test; see `pyengine.choose.verdicts.Pair`.
        ratio: its KL divergence / that of `against`, with an interval corrected for the number
            of pairs and looks; None where there is none.
        beaten_by: a variant that is no larger, and closer by the same test; else empty.
    """

    model: str
    kl: Measurement | None
    least: str
    most: str
    against: str = ""
    verdict: str = ""
    ratio: Measurement | None = None
    beaten_by: str = ""


@dataclass(frozen=True, repr=False)
class Verdicts(SmallTable):
    """The verdicts on all variants, the closest to the reference first.

    Attributes:
        margin: by which ratios may differ from 1 and be alike: 0.1 for 10 %.
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
        columns: dict[str, list[Any]] = {}
        for part in ("kl", "ratio"):
            found = [getattr(row, part) for row in self.rows]
            for name, field in ((part, "value"), (f"{part}_low", "low"), (f"{part}_high", "high")):
                columns[name] = [math.nan if one is None else getattr(one, field) for one in found]
        for name in ("least", "most", "against", "verdict", "beaten_by"):
            columns[name] = [getattr(row, name) for row in self.rows]
        return [row.model for row in self.rows], columns

    def lines(self) -> list[list[str]]:
        """Return the texts of the head and of each row."""
        index, columns = self.columns_of_values()
        cells = zip(index, *columns.values(), strict=True)
        return [["model", *columns], *([_text(value) for value in row] for row in cells)]


def verdicts(run: Run, margin: float | None = None) -> Verdicts:
    """Say how far every variant is from the reference and from others; nothing is measured again.

    Args:
        run: of `compare` or `sweep`.
        margin: part by which the divergences of two variants may differ and be alike: 0.1 for
            10 %; None for that of the measurement.

    Returns:
        a table of the variants, the closest first, that prints itself; its rows hold measurements
        and codes.

    Raises:
        OptionError: the margin is negative, or the run compares no models.

    Examples:
        >>> pyengine.verdicts(run, margin=0.2)["Q4_K_M"].least
    """
    from pyengine.choose.verdicts import (
        by_damage,
        damage,
        divergence,
        smaller_and_closer,
        steps,
        variants_of,
    )

    if run.command not in ("compare", "sweep") or "margin" not in run.options:
        raise OptionError(f"a run of {run.command!r} compares no models, so nothing can be judged")
    chosen = float(run.options["margin"] if margin is None else margin)
    if not chosen >= 0:
        raise OptionError(f"the margin must not be negative: {margin}")
    found, known, beaten = steps(run, chosen), by_damage(run), smaller_and_closer(run)
    rows = []
    for name in (*known, *(m.id for m in variants_of(run) if m.id not in known)):
        step, pair = damage(run, name), found.get(name)
        rows.append(
            VariantVerdict(
                name,
                divergence(run, name),
                "" if step is None else step.least,
                "" if step is None else step.most,
                "" if pair is None else pair.second,
                "" if pair is None else pair.verdict,
                None if pair is None else pair.ratio,
                beaten.get(name, ""),
            )
        )
    return Verdicts(chosen, tuple(rows))


def _text(value: float | str) -> str:
    if isinstance(value, str):
        return value or "–"
    return f"{value:.4g}" if math.isfinite(value) else "–"
