"""What recipes find, on its way into a run: rows of one model, and parts of every kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from pyengine.run.measurement import Measurement, group_of
from pyengine.run.record import Exhibit, Note

Finding: TypeAlias = Measurement | Exhibit | Note
_WHOLE: Mapping[str, str] = MappingProxyType({})


def measured(
    model: str, metric: str, value: float, n: int = 0, members: Mapping[str, str] = _WHOLE
) -> Measurement:
    """Return a number of one model alone, of a group of n things."""
    return Measurement(metric, model, "", group_of(members), float(value), n=n)


def by_kind(found: Iterable[Finding]) -> dict[str, Any]:
    """Return the measurements, exhibits and notes of a `Run`."""
    every = list(found)
    return {
        "measurements": [one for one in every if isinstance(one, Measurement)],
        "exhibits": [one for one in every if isinstance(one, Exhibit)],
        "notes": [one for one in every if isinstance(one, Note)],
    }
