"""What is said in words of a comparison: made from codes and numbers when it is shown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pyengine.choose.verdicts import (
    Pair,
    change,
    divergence,
    kl_floor,
    place,
    reference_of,
)
from pyengine.report.numbers import counted
from pyengine.report.words import say
from pyengine.run.measurement import Measurement, group_of
from pyengine.run.record import Population, Run


def verdict_sentences(run: Run, margin: float) -> list[str]:
    """Say of every variant how far it is from the reference, or why that is not known."""
    told = []
    for model in run.models[1:]:
        kl = divergence(run, model.id)
        if kl is not None:
            told.append(
                divergence_sentence(model.id, kl, margin, kl_floor(run, model.id), clusters(run))
            )
        sentence = bits_sentence(run, model.id)
        if sentence:
            told.append(sentence)
    return told


def clusters(run: Run) -> str:
    """Name what measurements are clustered by: windows, where there is one document only."""
    one = run.population is not None and run.population.n_scored_documents == 1
    return "window" if one else "document"


def divergence_sentence(
    name: str, kl: Measurement, margin: float, floor: float | None, cluster: str = "document"
) -> str:
    """Say how far one variant is from the reference."""
    kind = place(kl, margin, floor)
    return say(
        "divergence",
        kind,
        name=name,
        kl=kl,
        low=max(kl.low, 0.0),
        floor=floor or 0.0,
        margin=margin,
        clusters=counted(kl.n_clusters, cluster),
    )


def bits_sentence(run: Run, model: str) -> str:
    """Say how two models with different vocabularies compare on the same bytes, or nothing."""
    group = group_of({"documents": "whole"})
    rows = run.select(group=group)
    known = {(row.metric, row.model): row for row in rows}
    own = known.get(("bits_per_byte", model))
    first = known.get(("bits_per_byte", reference_of(run).id))
    difference = known.get(("bits_per_byte_change", model))
    if own is None or first is None or difference is None:
        return ""
    kind = change(difference)
    code = kind if kind in ("no-interval", "undecided") else "told"
    return say("bits", code, model=model, own=own.value, first=first.value, d=difference)


def pair_sentence(pair: Pair, margin: float) -> str:
    """Say what the same tokens tell of two variants."""
    first, second, d = pair.first, pair.second, pair.difference
    code: str = pair.verdict if math.isfinite(d.error) else "no-interval"
    if code == "undecided" and pair.more_documents is None:
        code = "undecided/small"
    closer, farther = (first, second) if d.value < 0 else (second, first)
    named = {"first": first, "second": second, "closer": closer, "farther": farther}
    return say("pairs", code, d=d, margin=margin, more=pair.more_documents, **named)


def plain_verdict(kl: Measurement, margin: float, floor: float | None) -> str:
    """Say in plain words how a mean KL divergence stands to the margin."""
    times = kl.value / margin if margin > 0 else math.inf
    return say("plain-verdicts", place(kl, margin, floor), margin=margin, times=times)


def standing_out_sentence(name: str, less: Sequence[str], more: Sequence[str]) -> str:
    """Say which parts a variant changes less or more than the average token, or nothing."""
    if not less and not more:
        return ""
    return say("scored", "standing-out", name=name, less=less, more=more)


def unmet_sentence(model: str, code: str, values: Mapping[str, Any], max_kl: float) -> str:
    """Say why a variant does not meet a threshold of its KL divergence."""
    reason = say("unmet", code, max_kl=max_kl, **values)
    return f"{model}: {reason}"


def axis_sentence(content: dict[str, Any]) -> str:
    """Say what separates a variant from the reference, and how that is known."""
    kind, changed = content["kind"], content["tensors_of_other_type"]
    meaning, reason = say("axes", kind), say("axis-reasons", content["reason"])
    also = f"; {counted(changed, 'tensor')} of another type" if changed else ""
    return f"{kind}: {meaning} ({reason}{also})"


def scored_sentence(population: Population) -> str:
    """Say how much was scored, and how it was cut."""
    languages = len(population.scored_languages)
    windows = windows_sentence(population)
    return say("scored", "scored", p=population, languages=languages, windows=windows)


def windows_sentence(population: Population) -> str:
    """Say how documents are cut into windows, and what every token is scored after."""
    p = population
    start = say("scored", "start" if p.prefix else "no-start", p=p)
    if p.document_tokens:
        return say("scored", "pieces", p=p, start=start)
    before = max(p.n_ctx - p.stride - len(p.prefix), 0)
    return say("scored", "windows", p=p, start=start, before=before)
