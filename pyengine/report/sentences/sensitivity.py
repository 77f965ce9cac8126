"""What is said of groups of tensors: which lose most when they are rounded, and how they add up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pyengine.report.numbers import interval
from pyengine.report.words import say
from pyengine.run.record import Run

Group = dict[str, Any]


def sensitivity_sentences(run: Run, leaves: Sequence[Group]) -> list[str]:
    """Say which group loses most, which most for its size, and how the groups add up."""
    total = sum(group["kl"] for group in leaves)
    if not total > 0:
        return [say("sensitivity", "nothing")]
    most = max(leaves, key=lambda group: group["kl"])
    least = min(leaves, key=lambda group: group["kl"])
    known = math.isfinite(most["low"]) and math.isfinite(most["high"])
    within = sum(group["kl"] >= most["low"] for group in leaves if group is not most)
    told = [
        say(
            "sensitivity",
            "answer",
            most=group_words(most),
            kl=most["kl"],
            share=most["kl"] / total,
            n=len(leaves),
            least=None if least is most else group_words(least),
            least_kl=least["kl"],
            interval=interval(most["low"], most["high"]) if known else None,
            within=within or None,
        )
    ]
    dear = max(leaves, key=per_million)
    if dear is not most:
        told.append(say("sensitivity", "dear", dear=group_words(dear), kl=per_million(dear)))
    joint = run.find("kl", run.models[-1].id)
    if joint is not None and joint.value > 0:
        ratio = total / joint.value
        told.append(say("sensitivity", "joint", joint=joint.value, sum=total, ratio=ratio))
    return told


def per_million(group: Group) -> float:
    """Return the divergence for each million of a group's weights, in nats."""
    return float(1e6 * group["kl"] / group["n_weights"])


def group_words(group: Group) -> str:
    """Name a group, with its layers where it has some."""
    first, last = group["first_layer"], group["last_layer"]
    several = "several" if first != last else "one"
    code = "outside" if first is None else several
    return say("tensor-group", code, kind=group["kind"], first=first, last=last)
