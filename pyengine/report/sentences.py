"""What is said in words of a comparison: made from codes and numbers when it is shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pyengine.choose.verdicts import (
    Pair,
    Unmet,
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

# Three sets of tokens can stand for a language's keywords, and their probabilities differ.
BARE = "bare: one token that is the word and nothing else"
ANY_SPACING = "any spacing: bare or after one space, newline or tab"
ALL_FORMS = (
    "all forms: bare, after one space, newline or tab, and other cases bare or after a space"
)
NO_INTERVAL = "one document gives no interval"


def nats(value: float) -> str:
    """Write a divergence with three significant figures, small ones in powers of ten."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    return f"{value:.2e}" if abs(value) < 1e-4 else f"{value:#.3g}".rstrip(".")


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
    if kind == "noise":
        return (
            f"{name} cannot be told from the reference at {kl.n:,} tokens: its KL divergence of "
            f"{nats(kl.value)} nats per token is not above the noise floor of {nats(floor or 0.0)}."
        )
    if kind == "no-interval":
        return (
            f"{name} differs from the reference by {nats(kl.value)} nats of KL divergence per "
            f"token; {NO_INTERVAL}."
        )
    ends = f"{nats(max(kl.low, 0.0))} to {nats(kl.high)}"
    where = {"within": "within", "beyond": "beyond", "undecided": "on both sides of"}[kind]
    return (
        f"{name}: KL divergence {nats(kl.value)} nats per token (95 % interval {ends}), {where} "
        f"the margin of {margin:g}, at {kl.n:,} tokens of {counted(kl.n_clusters, cluster)}."
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
    words = f"{model}: {own.value:.3f} bits per byte, the reference {first.value:.3f}"
    kind = change(difference)
    if kind == "no-interval":
        return f"{words}; {NO_INTERVAL}."
    interval = (
        f"the 95 % interval of the difference is {nats(difference.low)} to {nats(difference.high)}"
    )
    if kind == "undecided":
        return f"{words}; they cannot be told apart on {difference.n:,} bytes: {interval}."
    return f"{words}; {interval}, on {difference.n:,} bytes."


def pair_sentence(pair: Pair, margin: float) -> str:
    """Say what the same tokens tell of two variants."""
    first, second, d = pair.first, pair.second, pair.difference
    if not math.isfinite(d.error):
        return f"{first} and {second}: one document gives no interval of their difference."
    interval = f"the 95 % interval of the difference is {nats(d.low)} to {nats(d.high)}"
    if pair.verdict == "different":
        closer, farther = (first, second) if d.value < 0 else (second, first)
        return f"{closer} is closer to the reference than {farther} at {d.n:,} tokens; {interval}."
    if pair.verdict == "equivalent":
        return (
            f"{first} and {second} are equivalent within {margin:g} nats at {d.n:,} tokens; "
            f"{interval}."
        )
    words = f"{first} and {second} cannot be told apart at {d.n:,} tokens; {interval}"
    if pair.more_tokens is None:
        return f"{words}; the difference is too small to say how many tokens would separate them."
    return f"{words}; about {pair.more_tokens:,} more tokens would separate them."


def plain_verdict(kl: Measurement, margin: float, floor: float | None) -> str:
    """Say in plain words how a mean KL divergence stands to the margin."""
    times = kl.value / margin if margin > 0 else math.inf
    return say("plain-verdicts", place(kl, margin, floor), margin=margin, times=times)


def standing_out_sentence(name: str, less: Sequence[str], more: Sequence[str]) -> str:
    """Say which parts a variant changes less or more than the average token, or nothing."""
    if not less and not more:
        return ""
    return (
        f"{name} changes less than the average token: {', '.join(less) or 'none'}; more: "
        f"{', '.join(more) or 'none'} (by the whole 95 % interval, one at a time)."
    )


def unmet_sentence(found: Unmet, max_kl: float) -> str:
    """Say why a variant does not meet a threshold of its KL divergence."""
    reason = say("unmet", found.code, max_kl=max_kl, **found.values)
    return f"{found.model}: {reason}"


def axis_sentence(content: dict[str, Any]) -> str:
    """Say what separates a variant from the reference, and how that is known."""
    kind, changed = content["kind"], content["tensors_of_other_type"]
    meaning, reason = say("axes", kind), say("axis-reasons", content["reason"])
    also = f"; {counted(changed, 'tensor')} of another type" if changed else ""
    return f"{kind}: {meaning} ({reason}{also})"


def scored_sentence(population: Population) -> str:
    """Say how much was scored, and how it was cut."""
    p = population
    scored = (
        f"{counted(p.n_tokens, 'token')} in {counted(p.n_windows, 'window')} of "
        f"{counted(p.n_scored_documents, 'document')}"
    )
    return f"{scored}. {windows_sentence(p)}"


def windows_sentence(population: Population) -> str:
    """Say how documents are cut into windows, and what every token is scored after."""
    p = population
    start = (
        f"each window begins with token {p.prefix[0]}"
        if p.prefix
        else "no start token is added, and a document's first token is not scored"
    )
    if p.document_tokens:
        return (
            f"At most {p.document_tokens:,} tokens of each document, from a random place, after "
            f"{p.lead} that are read and not scored; languages take turns; {start}."
        )
    return (
        f"Windows of {p.n_ctx} tokens, {p.stride} apart, within one document each; {start}. A "
        f"document's first window scores all its tokens, later ones their last {p.stride}, so "
        f"every token is scored once, with at least {max(p.n_ctx - p.stride - len(p.prefix), 0)} "
        "tokens before it, or all that the document has."
    )
