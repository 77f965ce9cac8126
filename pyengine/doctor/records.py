"""The typed record of `pyengine doctor`."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pyengine.results import Record, Result

Status: TypeAlias = Literal["good", "note", "warn", "bad"]


class Check(Record):
    """One thing that was looked at: what was found, and what to do about it (None: nothing)."""

    topic: str
    name: str
    status: Status
    found: str
    advice: str | None = None


class DoctorResult(Result):
    """What `pyengine doctor` found, in reading order."""

    kind: str = "doctor"
    checks: list[Check]

    @property
    def worst(self) -> Status:
        """Return the gravest status of all checks."""
        order: tuple[Status, ...] = ("good", "note", "warn", "bad")
        return max((check.status for check in self.checks), key=order.index, default="good")
