"""What is said in words of comparisons and sweeps, each with the condition that allows it.

All of it is made from codes and numbers of a run when it is shown; the words are in `words.json`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pyengine.choose.scale import LIMITS, STEPS, Damage, daily
from pyengine.choose.verdicts import (
    FEWEST_DOCUMENTS,
    Pair,
    change,
    damage,
    divergence,
    has_interval,
    infinite_tokens,
    pairs,
    reference_of,
    smaller_and_closer,
    standing_out,
    steps,
    variants_of,
)
from pyengine.report.measured import cluster_name
from pyengine.report.numbers import counted, significant
from pyengine.report.words import WORDS, note_sentence, say
from pyengine.run.measurement import Measurement, group_of
from pyengine.run.record import Population, Run

Labels = Mapping[str, str]
# Notes that stand where the answer does.
ANSWERING = (
    *("other-vocabulary", "variant-failed", "beyond-trained-context", "fitted-to-positions"),
    *("documents-left-out", "fewer-tokens", "not-known"),
)


def compare_sentences(run: Run, margin: float) -> list[str]:
    """Say of every variant how far it is from the reference, then how they stand to each other."""
    told = damage_sentences(run) + list(step_sentences(run, margin).values())
    if any(divergence(run, model.id) for model in variants_of(run)):
        told.insert(0, say("answers", "compare", **_over(run)))
    told += [note_sentence(note) for note in run.notes if note.code in ANSWERING]
    return told or [say("answers", "starts-only")]


def sweep_sentence(run: Run, labels: Labels) -> str:
    """Say which is the smallest variant that is surely hardly changed, or that none is."""
    known = {m.id: kl for m in variants_of(run) if (kl := divergence(run, m.id))}
    over = _over(run)
    if not known:
        return say("answers", "sweep-nothing", **over)
    if not any(has_interval(kl) for kl in known.values()):
        return say("answers", "sweep-no-interval", **over)
    hurt = {name: found for name in known if (found := damage(run, name))}
    good = [run.model(name) for name, found in hurt.items() if found.surely_hardly]
    if not good:
        least = min(hurt, key=lambda name: (hurt[name].kl.value, name), default="")
        told = damage_words(run, least) if least else ""
        return say("answers", "sweep-none", least=labels.get(least), steps=told, **over)
    best = min(good, key=lambda model: (model.file_bytes, hurt[model.id].kl.value, model.id))
    told = damage_sentence(run, best.id, labels)
    return say("answers", "sweep", model=best, label=labels[best.id], told=told, **over)


def _over(run: Run) -> dict[str, Any]:
    return {"n": len(variants_of(run)) + len(failed_ids(run)), "scored": scored_words(run)}


def scored_words(run: Run) -> str:
    """Say over how much was measured: 8,000 tokens of 18 documents; nothing where over no text.

    Where variants stopped at different documents, that is what the longest has.
    """
    p = run.population
    if p is None:
        return ""
    counts = {kl.n for m in variants_of(run) if (kl := divergence(run, m.id))}
    most = "at most " if len(counts) > 1 else ""
    return f"{most}{counted(p.n_tokens, 'token')} of {counted(p.n_scored_documents, 'document')}"


def over_words(run: Run, row: Measurement) -> str:
    """Say over how much a number is, where that is not what was scored as a whole."""
    words = f"{counted(row.n, 'token')} of {counted(row.n_clusters, cluster_name(run))}"
    return "" if words == scored_words(run) else words


def damage_sentences(run: Run) -> list[str]:
    """Say of every variant how far it is from the reference, or why that is not known."""
    told = []
    for model in variants_of(run):
        if divergence(run, model.id) is not None:
            told.append(damage_sentence(run, model.id))
        if sentence := bits_sentence(run, model.id):
            told.append(sentence)
    return told


def damage_sentence(run: Run, model: str, labels: Labels | None = None) -> str:
    """Say how far one variant is from the reference; it must have been measured over text.

    Infinite divergence at a token comes before everything; a step of damage needs an interval, and
    the floor is said alone only where the whole interval lies below it.
    """
    kl, found, infinite = divergence(run, model), damage(run, model), infinite_tokens(run)
    assert kl is not None
    if model in infinite:
        code = "infinite"
    elif found is None:
        code = "no-interval"
    else:
        code = "floor" if found.most == "floor" else "known"
    values = {
        "name": (labels or {}).get(model, model),
        "kl": kl,
        "low": max(kl.low, 0.0),
        "over": over_words(run, kl),
        "n_infinite": infinite.get(model),
        "floor": found.floor if found else None,
        "steps": steps_words(found) if found else "",
    }
    return say("damage", code, **values) + daily_sentence(run, model)


def steps_words(found: Damage, *, short: bool = False) -> str:
    """Name the steps that an interval reaches: one where it is sure, both ends where it is not."""
    words: Mapping[str, str] = WORDS["steps"]
    changed = "" if short or found.most == "floor" else " changed"
    if found.least == found.most:
        return f"{words[found.least]}{changed}"
    joined = "or" if STEPS.index(found.most) - STEPS.index(found.least) == 1 else "to"
    return f"{words[found.least]} {joined} {words[found.most]}{changed}"


def daily_sentence(run: Run, model: str) -> str:
    """Say what a divergence is where tokens are written, as far as that was measured."""
    found, n = daily(run, model), run.find("same_first_choice", model)
    if found.changed is None or n is None:
        return ""
    shares = {
        "changed": (found.changed, n.n),
        "clearly": (found.clearly, n.n),
        "itself": (found.itself, found.n_itself),
    }
    values = {
        name: None if share is None else of_positions(share, among)
        for name, (share, among) in shares.items()
    }
    return " " + say("daily", "writes", n_itself=found.n_itself, **values)


def of_positions(share: float, n: int) -> str:
    """Write a share of n positions as so many of 100, or of 1,000 and so on where it is small."""
    if round(share * n) == 0:
        return f"none of {n:,}"
    among = 100
    while share * among < 0.95:
        among *= 10
    return f"{round(share * among):,} of {among:,}"


def damage_words(run: Run, model: str, *, short: bool = False) -> str:
    """Say in a few words how far a variant is from the reference, or why that is not known."""
    topic = "short-verdicts" if short else "plain-verdicts"
    for note in run.notes:
        if note.model == model and note.code in ("variant-failed", "other-vocabulary"):
            return say(topic, note.code, message=note.values.get("message"))
    infinite, found = infinite_tokens(run), damage(run, model)
    if divergence(run, model) is None:
        return say(topic, "not-measured")
    if model in infinite:
        return say(topic, "infinite", n_tokens=infinite[model])
    return say(topic, "no-interval") if found is None else steps_words(found, short=short)


def step_sentences(run: Run, margin: float, labels: Labels | None = None) -> dict[str, str]:
    """Say of every variant but the closest how its damage stands to the best of its group."""
    found = steps(run, margin)
    return {variant: pair_sentence(run, pair, margin, labels) for variant, pair in found.items()}


def pair_sentence(run: Run, pair: Pair, margin: float, labels: Labels | None = None) -> str:
    """Say what the same tokens tell of two variants; "cannot be told apart" only by the test."""
    named = {name: (labels or {}).get(name, name) for name in (pair.first, pair.second)}
    code = pair.verdict
    if code == "undecided" and pair.more_documents is None:
        return say("pairs", "undecided/small", **_pair_values(pair, named, margin))
    if code == "different" and pair.within:
        return say("pairs", "different/within", **_pair_values(pair, named, margin))
    infinite = infinite_tokens(run)
    at = [
        say("pairs", "infinite-at", name=named[name], n_tokens=infinite[name])
        for name in named
        if name in infinite
    ]
    return say("pairs", code, at=at, **_pair_values(pair, named, margin))


def _pair_values(pair: Pair, named: Labels, margin: float) -> dict[str, object]:
    return {
        "first": named[pair.first],
        "second": named[pair.second],
        "ratio": pair.ratio,
        "ends": None if pair.ratio is None else ratio_ends(pair.ratio),
        "margin": f"{100 * margin:g} %",
        "more": pair.more_documents,
    }


def step_words(pair: Pair, margin: float) -> str:
    """Say in a few words how a variant's damage stands to that of a closer one."""
    words = say("step-verdicts", pair.verdict)
    if pair.verdict == "different" and pair.within:
        return say("step-verdicts", "within", words=words, margin=f"{100 * margin:g} %")
    if pair.more_documents is not None:
        return say("step-verdicts", "forecast", words=words, more=pair.more_documents)
    return words


def ratio_ends(ratio: Measurement) -> str:
    """Write both ends of a ratio's interval: as many digits as keep them apart from each other."""
    digits = 2 if ratio.high > 1.1 * ratio.low else 3
    return f"{significant(ratio.low, digits)} to {significant(ratio.high, digits)}"


def beaten_sentences(run: Run, labels: Labels) -> list[str]:
    """Say which variants another beats: one that is no larger, and closer by the paired test."""
    ratios = {frozenset((pair.first, pair.second)): pair for pair in pairs(run, 0.0)}
    told = []
    for variant, by in smaller_and_closer(run).items():
        pair = ratios[frozenset((variant, by))]
        pair = pair if pair.first == variant else pair.reversed()
        named = {name: labels.get(name, name) for name in (variant, by)}
        if pair.ratio is None:
            told.append(say("pairs", "beaten-exact", first=named[variant], second=named[by]))
        else:
            told.append(say("pairs", "beaten", **_pair_values(pair, named, 0.0)))
    return told


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


def standing_out_sentences(run: Run, models: Sequence[str], dimension: str) -> list[str]:
    """Say which parts each variant changes less or more than the average token, and how sure."""
    told = []
    for model in models:
        less, more = standing_out(run, model, dimension)
        if less or more:
            told.append(say("scored", "standing-out", name=model, less=less, more=more))
    return [*told, say("scored", "standing-out-how", fewest=FEWEST_DOCUMENTS)] if told else []


def infinite_sentences(run: Run) -> list[str]:
    """Say of which variants tokens are left out of the mean."""
    return [note_sentence(note) for note in run.notes if note.code == "infinite-divergence"]


def padding_sentences(run: Run) -> list[str]:
    """Say how much tokens that stand for nothing would hold, where they would hold anything."""
    masses = [row.value for row in run.select("padding_mass", group="")]
    if not masses or max(masses) <= 0:
        return []
    return [say("answers", "padding", mass=max(masses))]


def perplexity_sentences(run: Run) -> list[str]:
    """Say the perplexity of the reference, where it was measured."""
    ppl = run.find("ppl", reference_of(run).id)
    return [] if ppl is None else [say("answers", "perplexity", ppl=ppl)]


def source_bits_sentences(run: Run) -> list[str]:
    """Say the bits per byte of the source, from which those of the variants are told."""
    bits = run.find("bits_per_byte", reference_of(run).id)
    changes = run.select("bits_per_byte_change", group="")
    return [say("answers", "bits-of-source", bits=bits)] if bits and changes else []


def quantile_sentences(run: Run, means: Sequence[str], cells: Iterable[str]) -> list[str]:
    """Say what Δp is with its means, over how many documents, and what ≤ means where it stands."""
    kl = next(iter(run.select("delta_p", group="")), None)
    over = "" if kl is None else counted(kl.n_clusters, cluster_name(run))
    told = [say("answers", "delta-p", means=means, over=over)]
    if any(text.startswith("≤") for text in cells):
        told.append(say("answers", "quantile-floor"))
    return told


def pairs_sentence(run: Run, margin: float) -> str:
    """Say for what the intervals of ratios hold."""
    looks = 1 if run.population is None else run.population.looks
    return say("answers", "pairs", looks=looks if looks > 1 else None, margin=f"{100 * margin:g} %")


def card_sentence(run: Run) -> str:
    """Say how the numbers of a model card were measured."""
    values = {"source": reference_of(run).id, "scale": scale_sentence(), "made": run.provenance}
    return say("answers", "model-card", scored=scored_words(run) or "no text", **values)


def ended_sentences(run: Run) -> list[str]:
    """Say what ended a measurement before its last document, where something did."""
    return [note_sentence(note) for note in run.notes if note.code == "stopped-early"]


def unmet_sentence(model: str, code: str, values: Mapping[str, Any], max_kl: float) -> str:
    """Say why a variant does not meet a threshold of its KL divergence."""
    reason = say("unmet", code, max_kl=max_kl, **values)
    return f"{model}: {reason}"


def speed_sentence(timings: Run) -> str:
    """Say of how many models there are timings, where the record of their sweep is not at hand."""
    return say("answers", "speed", n=len(timings.models))


def failed_ids(run: Run) -> list[str]:
    """Return the variants of which nothing was measured: they could not be opened."""
    known = {model.id for model in run.models}
    failed = [note.model for note in run.notes if note.code == "variant-failed"]
    return [variant for variant in failed if variant not in known]


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


def scale_sentence() -> str:
    """Say where the steps of damage end."""
    hardly, little, clearly = LIMITS
    return say("scored", "scale", hardly=hardly, little=little, clearly=clearly)
