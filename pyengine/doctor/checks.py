"""What a check found, as the content of an exhibit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

Status: TypeAlias = Literal["good", "note", "warn", "bad"]
Check: TypeAlias = dict[str, Any]


def check(
    topic: str,
    name: str,
    found: str,
    values: Mapping[str, Any],
    advice: str | None = None,
    *,
    status: Status | None = None,
) -> Check:
    """Return one check as plain values.

    Args:
        topic: software, machine or models.
        name: what was looked at.
        found: code of what was found; `pyengine.report.sentences.machine` has the words.
        values: what the words need.
        advice: code of what to do about it; None: nothing.
        status: in order, something optional is missing, works with something to look at, broken;
            None: something to look at where there is advice, else in order.
    """
    return {
        "topic": topic,
        "name": name,
        "status": status or ("warn" if advice else "good"),
        "found": found,
        "values": dict(values),
        "advice": advice,
    }
