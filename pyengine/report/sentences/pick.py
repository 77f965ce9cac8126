"""What is said of the file that was picked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pyengine.choose.candidates import Candidate
from pyengine.choose.recommend import Limits, neighbours
from pyengine.choose.scale import daily
from pyengine.choose.verdicts import Pair, pairs, reference_of
from pyengine.report.sentences.choice import named_words
from pyengine.report.sentences.comparison import damage_words, of_positions, ratio_ends
from pyengine.report.sentences.scored import scored_words
from pyengine.report.words import say
from pyengine.run.record import Run


def candidates_by_name(run: Run) -> dict[str, Candidate]:
    """Return the files that were measured, and the reference, by their names."""
    return {content["name"]: Candidate.of(content) for content in run.shown("candidate")}


def pick_sentence(run: Run) -> str:
    """Say which file to run, what it writes differently, whether it fits and how fast it is."""
    (choice,) = run.shown("choice")
    if choice["chosen"] is None:
        return say("pick", "none", why=unmet_pick_sentence(run))
    chosen = candidates_by_name(run)[choice["chosen"]]
    speed = None if math.isnan(chosen.speed) else chosen.speed
    damage = _changes_words(run, chosen)
    return say("pick", "answer", chosen=chosen, damage=damage, fit=_fit_words(run), speed=speed)


def _changes_words(run: Run, chosen: Candidate) -> str:
    """Say what a file writes differently from the reference."""
    if chosen.is_reference:
        return say("pick", "reference" if len(run.models) > 1 else "alone")
    found, n = daily(run, chosen.name), run.find("same_first_choice", chosen.name)
    assert found.changed is not None, "it was measured over text"
    assert n is not None, "so was this"
    clearly = None if found.clearly is None else of_positions(found.clearly, n.n)
    changed = of_positions(found.changed, n.n)
    reference = reference_of(run).id
    return say("pick", "writes", reference=reference, changed=changed, clearly=clearly)


def _fit_words(run: Run) -> str:
    """Say what memory the picked file needs, and of how much."""
    (choice,), options = run.shown("choice"), run.options
    code = "fits" if options["memory_is_free"] else "fits-given"
    if options["memory"] is None:
        code = "needs"
    needed = candidates_by_name(run)[choice["chosen"]].memory
    return say("pick", code, needed=needed, memory=options["memory"], context=options["context"])


def against_sentence(run: Run) -> str:
    """Say against what damage is told, and which files with more bits do not fit."""
    reference = reference_of(run)
    bits = next(o["bits_per_weight"] for o in run.shown("offer") if o["why"] == "reference")
    larger = [o["name"] for o in run.shown("offer") if o["bits_per_weight"] > bits]
    amount = scored_words(run) or None
    return say("pick", "against", reference=reference, larger=larger or None, amount=amount)


def neighbour_sentence(run: Run) -> str:
    """Say how the next smaller and the next larger file stand to the picked one."""
    (choice,), candidates = run.shown("choice"), candidates_by_name(run)
    if choice["chosen"] is None:
        return ""
    chosen = candidates[choice["chosen"]]
    known = {frozenset((p.first, p.second)): p for p in pairs(run, float(run.options["margin"]))}
    told = []
    for other in neighbours(chosen.name, list(candidates.values())):
        pair = known.get(frozenset((chosen.name, other.name)))
        if pair is not None and pair.ratio is not None:
            pair = pair if pair.first == other.name else pair.reversed()
            told.append(_beside_words(run, pair, other))
    return f"{'; '.join(told)}." if told else ""


def _beside_words(run: Run, pair: Pair, other: Candidate) -> str:
    """Say how a file stands to the picked one, by the ratio of their damage and their speeds."""
    ratio, pace = pair.ratio, _pace_words(run, other.name, pair.second)
    code = "alike"
    if pair.apart and ratio is not None:
        code = "worse" if ratio.value > 1 else "better"
        turned = pair.reversed().ratio if code == "better" else ratio
        assert turned is not None, "the ratio is there both ways"
        value, ends = turned.value, ratio_ends(turned)
        return say("beside", code, named=named_words(other), ratio=value, ends=ends, pace=pace)
    return say("beside", code, named=named_words(other), pace=pace)


def _pace_words(run: Run, name: str, beside: str) -> str | None:
    """Say how much faster or slower a file is; nothing where the ranges of both overlap."""
    own, other = (run.find("generation_speed", model) for model in (name, beside))
    if own is None or other is None or not (own.low > other.high or own.high < other.low):
        return None
    share = own.value / other.value - 1
    return say("beside", "faster" if share > 0 else "slower", share=abs(share))


def unmet_pick_sentence(run: Run) -> str:
    """Say which condition that was asked for is not met, and by how much; nothing where all are."""
    (choice,), limits = run.shown("choice"), Limits.of(run.options)
    candidates = candidates_by_name(run)
    if choice["chosen"] is None:
        return _unfit_words(run.shown("offer"), limits)
    asked = run.options["max_kl_given"] or limits.flips is not None
    if choice["qualified"] or not asked:
        return ""
    chosen = candidates[choice["chosen"]]
    if limits.kl is not None and not chosen.kl_high <= limits.kl:
        return _over("kl", chosen.name, chosen.kl_high, limits.kl)
    assert limits.flips is not None, "one of both is not met"
    return _over("flips", chosen.name, chosen.flips[1], limits.flips)


def _unfit_words(offers: Sequence[Mapping[str, Any]], limits: Limits) -> str:
    for what in ("memory", "size"):
        limit = getattr(limits, what)
        least = min(offers, key=lambda offer: (offer["size"], offer["name"]))
        if limit is not None and least[what] > limit:
            return _over(what, least["name"], least[what], limit)
    timed = [offer for offer in offers if offer["speed"] is not None]
    if limits.speed is None or not timed:
        return say("gates", "none-fits")
    fastest = max(timed, key=lambda offer: float(offer["speed"]))
    return _over("speed", fastest["name"], fastest["speed"], limits.speed)


def _over(what: str, name: str, n: float, limit: float) -> str:
    return say("unmet-conditions", what, name=name, n=n, limit=limit, more=abs(n - limit))


def offer_words(run: Run, offer: Mapping[str, Any]) -> str:
    """Say whether a file was picked, how far it is from the reference, or why it could not win."""
    if offer["name"] == run.shown("choice")[0]["chosen"]:
        return say("offers", "chosen")
    if any(model.id == offer["name"] for model in run.models[1:]):
        return damage_words(run, offer["name"], short=True)
    early = any(note.code == "interrupted" for note in run.notes)
    return say("offers", "open" if early and offer["why"] == "could-win" else offer["why"])
