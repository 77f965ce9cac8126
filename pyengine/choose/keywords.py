"""What the keyword masses of a cold start support, as numbers: pure functions of a run."""

from __future__ import annotations

from dataclasses import dataclass

from pyengine.run.measurement import Measurement
from pyengine.run.record import Run
from pyengine.statistics.paired import ALPHA


@dataclass(frozen=True, slots=True)
class KeywordStanding:
    """Which languages' keywords hold more than English words of the same length and forms.

    Attributes:
        compared: languages that have such English words.
        standing_out: those whose p is below ALPHA whichever keyword is left out, the one with the
            largest mass first.
        least_p: of all that are compared.
    """

    compared: tuple[str, ...]
    standing_out: tuple[str, ...]
    least_p: float


def standing_of_keywords(run: Run, model: str) -> KeywordStanding | None:
    """Return which languages' keywords stand out at a model's first start.

    `random_p` is the largest over leaving out each keyword. Of random word sets that holds for
    less than 1 %, and for any of twelve for less than 5 % (docs/statistics.md), so it is not
    corrected for the number of languages.

    Returns:
        None where no language was compared.
    """
    p = _by_language(run, model, "random_p")
    mass = _by_language(run, model, "matched_mass")
    if not p:
        return None
    out = sorted(
        (name for name, row in p.items() if row.value < ALPHA),
        key=lambda name: (-mass[name].value, name),
    )
    return KeywordStanding(tuple(p), tuple(out), min(row.value for row in p.values()))


def _by_language(run: Run, model: str, metric: str) -> dict[str, Measurement]:
    rows = run.select(metric, model=model, dimension="language")
    return {row.members["language"]: row for row in rows}
