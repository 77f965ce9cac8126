"""What is said of the file that was picked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pyengine.choose.candidates import Candidate
from pyengine.choose.evaluation import standing
from pyengine.choose.recommend import Limits, neighbours
from pyengine.choose.scale import daily
from pyengine.choose.verdicts import Pair, pairs, reference_of
from pyengine.report.sentences.choice import named_words
from pyengine.report.sentences.code import side_sentence
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
    told = {"damage": _changes_words(run, chosen), "fit": _fit_words(run), "speed": speed}
    return say("pick", "answer", chosen=chosen, filled=_filled(run, chosen.name), **told)


def _filled(run: Run, name: str) -> int | None:
    """Return how many tokens of context a file was timed with; None where it was not timed."""
    options, timings = run.options.get("timing"), run.shown("timing", name)
    if options is None or not timings:
        return None
    return int(timings[0]["depth"] + options["prompt_tokens"] + options["generated_tokens"])


def repacked_words(run: Run) -> str | None:
    """Say that weights were repacked where a file was timed so."""
    timings = run.shown("timing")
    return say("pick", "repacked") if any(t["repacked"] for t in timings) else None


def layers_sentence(run: Run) -> str:
    """Say how fast the picked file is with other numbers of layers on the GPU; often nothing."""
    (choice,), told = run.shown("choice"), []
    for row in run.select("generation_speed", model=choice["chosen"] or "", dimension="gpu_layers"):
        layers = say("pick", f"layers-{row.members['gpu_layers']}")
        speeds = {"speed": row.value, "low": row.low, "high": row.high}
        told.append(say("pick", "layers", layers=layers, chosen=row.model, **speeds))
    return " ".join(told)


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
    """Say how much faster or slower a file is; nothing where the ranges of both overlap.

    Nor where they were timed otherwise than alike: with less in the cache, or other kernels.
    """
    ways = [[(t["depth"], t["repacked"]) for t in run.shown("timing", m)] for m in (name, beside)]
    if ways[0] != ways[1]:
        return None
    own, other = (run.find("generation_speed", model) for model in (name, beside))
    if own is None or other is None or not (own.low > other.high or own.high < other.low):
        return None
    share = own.value / other.value - 1
    return say("beside", "faster" if share > 0 else "slower", share=abs(share))


def task_sentences(run: Run) -> list[str]:
    """Say of each file that solved tasks how it stands to the reference, and what becomes of it."""
    reference, told = reference_of(run).id, []
    for name in by_tasks(run):
        found = standing(run, name)
        assert found is not None, "it solved tasks"
        side = side_sentence(found, name, reference)
        told.append(say("pick", "passed-over", side=side) if found.side == "fewer" else side)
        solved = run.find("pass_at_1", name)
        if solved and found.change and math.isclose(solved.value, found.change.value):
            told.append(say("pick", "no-loss", reference=reference))
    return told


def by_tasks(run: Run) -> list[str]:
    """Return the files that solved tasks, in the order in which they were tried."""
    return [row.model for row in run.select("mcnemar_p")]


def unmet_pick_sentence(run: Run) -> str:
    """Say which conditions that were asked for are not met, and by how much; nothing if all are."""
    (choice,), limits = run.shown("choice"), Limits.of(run.options)
    told = []
    wanted, context = run.options.get("context_asked"), run.options["context"]
    if wanted is not None and context is not None and wanted > context:
        told.append(_over("context", "", context, wanted))
    if choice["chosen"] is None:
        told += _unfit(run, limits) or [say("gates", "none-fits")]
        return "; ".join(told)
    chosen, reference = candidates_by_name(run)[choice["chosen"]], reference_of(run).id
    if not choice["qualified"] and (run.options["max_kl_given"] or limits.flips is not None):
        if limits.kl is not None and not chosen.kl_high <= limits.kl:
            told.append(_over("kl", chosen.name, chosen.kl_high, limits.kl))
        if limits.flips is not None and not chosen.flips[1] <= limits.flips:
            told.append(_over("flips", chosen.name, chosen.flips[1], limits.flips))
    if run.options.get("evaluate") is not None and not chosen.is_reference:
        found = standing(run, chosen.name)
        if found is None or found.side == "none-executed":
            names = {"name": chosen.name, "reference": reference}
            told.append(say("unmet-conditions", "unevaluated", **names))
    return "; ".join(told)


def _unfit(run: Run, limits: Limits) -> list[str]:
    """Say why no file was chosen, by each limit that none of them keeps."""
    usable = [offer for offer in run.shown("offer") if offer["why"] != "failed"]
    told = []
    least = min(usable, key=lambda offer: (offer["size"], offer["name"]))
    for what in ("memory", "size"):
        limit = getattr(limits, what)
        if limit is not None and least[what] > limit:
            told.append(_over(what, least["name"], least[what], limit))
    timed = [offer for offer in usable if offer["speed"] is not None]
    if limits.speed is not None and timed:
        fastest = max(timed, key=lambda offer: float(offer["speed"]))
        if fastest["speed"] < limits.speed:
            told.append(_over("speed", fastest["name"], fastest["speed"], limits.speed))
    fewer = {name: standing(run, name) for name in by_tasks(run)}
    if fewer and not told:
        name, found = list(fewer.items())[-1]
        change = None if found is None else found.change
        points = None if change is None else abs(100 * change.value)
        names = {"name": name, "reference": reference_of(run).id}
        told.append(say("unmet-conditions", "tasks", points=points, **names))
    return told


def _over(what: str, name: str, n: float, limit: float) -> str:
    return say("unmet-conditions", what, name=name, n=n, limit=limit, more=abs(n - limit))


def offer_words(run: Run, offer: Mapping[str, Any]) -> str:
    """Say whether a file was picked, how far it is from the reference, or why it could not win."""
    if offer["name"] == run.shown("choice")[0]["chosen"]:
        return say("offers", "chosen")
    if offer["why"] != "tasks" and any(model.id == offer["name"] for model in run.models[1:]):
        return damage_words(run, offer["name"], short=True)
    early = any(note.code == "interrupted" for note in run.notes)
    return say("offers", "open" if early and offer["why"] == "could-win" else offer["why"])


def foretold_sentences(run: Run) -> list[str]:
    """Say what was predicted of recipes; nothing where there is none."""
    predicted = any(offer.get("predicted") is not None for offer in run.shown("offer"))
    return [say("recipes", "foretold")] if predicted else []
