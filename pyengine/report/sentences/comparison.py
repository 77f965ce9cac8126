"""What is said of comparisons and sweeps: how far variants are, how they stand."""

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
from pyengine.report.sentences.notes import note_sentences
from pyengine.report.sentences.scored import over_words, scored_words
from pyengine.report.words import member_name, say
from pyengine.run.measurement import Measurement, group_of
from pyengine.run.record import Run

Labels = Mapping[str, str]
# Notes that stand where the answer does.
ANSWERING = (
    *("other-vocabulary", "variant-failed", "beyond-trained-context", "fitted-to-positions"),
    *("documents-left-out", "turns-left-out", "fewer-tokens", "not-known"),
    *("sliding-window", "recurrent-state"),
)


def compare_sentences(run: Run, margin: float) -> list[str]:
    """Say of every variant how far it is from the reference, then how they stand to each other."""
    told = damage_sentences(run) + list(step_sentences(run, margin).values())
    if any(divergence(run, model.id) for model in variants_of(run)):
        told.insert(0, say("comparison", "compare", **_over(run)))
    told += joint_sentences(run) + depth_sentences(run) + draft_sentences(run)
    told += note_sentences(run.notes, ANSWERING)
    return told or [say("comparison", "starts-only")]


def joint_sentences(run: Run) -> list[str]:
    """Say what weights and settings do together beside what each does alone."""
    told = []
    for d in run.select("kl_beyond_sum", dimension="weights"):
        (total,) = (row for row in run.select("kl_sum", model=d.model) if row.group == d.group)
        kl = total.value + d.value
        values: dict[str, object] = {**d.members, "both": d.model, "sum": total, "kl": kl}
        code = "unknown"
        if has_interval(d):
            code = "more" if d.low > 0 else "less" if d.high < 0 else "equal"
            values["interval"] = say("joint", "interval", kl=kl, d=d)
        told.append(say("joint", code, **values))
    return told


def draft_sentences(run: Run) -> list[str]:
    """Say how many of a smaller model's tokens the reference would accept as a draft.

    Of a token that is drawn from Q, speculative sampling keeps min(1, P / Q): 1 - TV(P, Q) on
    average (Leviathan et al. 2023); at temperature 0 it keeps the reference's own first choice.
    """
    told = []
    for exhibit in run.exhibits:
        if exhibit.kind != "axis" or exhibit.content["kind"] != "scaling":
            continue
        tv, same = (run.find(m, exhibit.model) for m in ("total_variation", "same_first_choice"))
        smaller = run.model(exhibit.model).n_params < reference_of(run).n_params
        if tv is not None and same is not None and smaller:
            values = {"sampled": 1 - tv.value, "greedy": same.value, "model": exhibit.model}
            told.append(say("draft", "accepted", reference=reference_of(run).id, **values))
    return told


def depth_sentences(run: Run) -> list[str]:
    """Say where in a context settings cost more than other weights do."""
    by_pair: dict[tuple[str, str], list[Measurement]] = {}
    for row in run.select("kl_difference", dimension="position"):
        by_pair.setdefault((row.model, row.members["against"]), []).append(row)
    return [_depths(*pair, rows) for pair, rows in by_pair.items()]


def _depths(settings: str, weights: str, rows: Sequence[Measurement]) -> str:
    """Say how two variants stand by depth, as far as intervals tell."""
    known = [row for row in rows if has_interval(row)]
    less, more = [row for row in known if row.high < 0], [row for row in known if row.low > 0]
    places = {row.group: row.members["position"] for row in rows}
    values: dict[str, object] = {"settings": settings, "weights": weights}
    values["end"] = int(rows[-1].members["position"].rpartition("–")[2])
    if len(less) == len(rows) or len(more) == len(rows):
        return say("depths", "less" if less else "more", **values)
    if [*less, *more] == list(rows):
        before = places[less[-1].group].rpartition("–")[2]
        place = places[more[0].group].partition("–")[0]
        return say("depths", "crosses", place=place, before=before, **values)
    for name, some in (("less", less), ("more", more)):
        values[name] = [places[row.group] for row in some] or None
    unsure = [places[row.group] for row in rows if row not in less and row not in more]
    return say("depths", "open", unsure=unsure, **values)


def sweep_sentence(run: Run, labels: Labels) -> str:
    """Say which is the smallest variant that is surely hardly changed, or that none is."""
    known = {m.id: kl for m in variants_of(run) if (kl := divergence(run, m.id))}
    over = _over(run)
    if not known:
        return say("comparison", "sweep-nothing", **over)
    if not any(has_interval(kl) for kl in known.values()):
        return say("comparison", "sweep-no-interval", **over)
    hurt = {name: found for name in known if (found := damage(run, name))}
    good = [run.model(name) for name, found in hurt.items() if found.surely_hardly]
    if not good:
        least = min(hurt, key=lambda name: (hurt[name].kl.value, name), default="")
        told = damage_words(run, least) if least else ""
        return say("comparison", "sweep-none", least=labels.get(least), steps=told, **over)
    best = min(good, key=lambda model: (model.file_bytes, hurt[model.id].kl.value, model.id))
    told = damage_sentence(run, best.id, labels)
    return say("comparison", "sweep", model=best, label=labels[best.id], told=told, **over)


def _over(run: Run) -> dict[str, Any]:
    return {"n": len(variants_of(run)) + len(failed_ids(run)), "scored": scored_words(run)}


def failed_ids(run: Run) -> list[str]:
    """Return the variants of which nothing was measured: they could not be opened."""
    known = {model.id for model in run.models}
    failed = [note.model for note in run.notes if note.code == "variant-failed"]
    return [variant for variant in failed if variant not in known]


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
    values: dict[str, object] = {"name": (labels or {}).get(model, model), "kl": kl}
    if model in infinite:
        told = say("damage", "infinite", n_infinite=infinite[model], **values)
    elif found is None:
        told = say("damage", "no-interval", **values)
    else:
        code = "floor" if found.most == "floor" else "known"
        low, over = max(kl.low, 0.0), over_words(run, kl)
        values["interval"] = say("damage", "interval", kl=kl, low=low, over=over)
        told = say("damage", code, floor=found.floor, steps=steps_words(found), **values)
    return told + daily_sentence(run, model)


def steps_words(found: Damage, *, short: bool = False) -> str:
    """Name the steps that an interval reaches: one where it is sure, both ends where it is not."""
    places = STEPS.index(found.most) - STEPS.index(found.least)
    return say(
        "reached",
        ("one", "next")[places] if places < 2 else "far",
        least=say("steps", found.least),
        most=say("steps", found.most),
        changed=None if short or found.most == "floor" else say("reached", "changed"),
    )


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
    return " " + say("damage", "writes", n_itself=found.n_itself, **values)


def of_positions(share: float, n: int) -> str:
    """Write a share of n positions as so many of 100, or of 1,000 and so on where it is small."""
    if round(share * n) == 0:
        return say("damage", "none-of", n=n)
    among = 100
    while share * among < 0.95:
        among *= 10
    return say("damage", "some-of", k=round(share * among), n=among)


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


def standing_words(run: Run, model: str) -> str:
    """Say the same shortest, and whether a file that is no larger is closer to the reference."""
    words = damage_words(run, model, short=True)
    behind = model in smaller_and_closer(run)
    return say("short-verdicts", "beaten", words=words) if behind else words


def scale_sentence() -> str:
    """Say where the steps of damage end."""
    hardly, little, clearly = LIMITS
    return say("damage", "scale", hardly=hardly, little=little, clearly=clearly)


def bits_sentence(run: Run, model: str) -> str:
    """Say how two models with different vocabularies compare on the same bytes, or nothing."""
    group = group_of({"documents": "whole"})
    known = {(row.metric, row.model): row for row in run.select(group=group)}
    own = known.get(("bits_per_byte", model))
    first = known.get(("bits_per_byte", reference_of(run).id))
    difference = known.get(("bits_per_byte_change", model))
    if own is None or first is None or difference is None:
        return ""
    code = change(difference)
    interval = None if code == "no-interval" else say("bits", "interval", d=difference)
    how = say("bits", code, d=difference, interval=interval)
    return say("bits", "bits", model=model, own=own.value, first=first.value, how=how)


def source_bits_sentences(run: Run) -> list[str]:
    """Say the bits per byte of the source, from which those of the variants are told."""
    bits = run.find("bits_per_byte", reference_of(run).id)
    changes = run.select("bits_per_byte_change", group="")
    return [say("bits", "source", bits=bits)] if bits and changes else []


def step_sentences(run: Run, margin: float, labels: Labels | None = None) -> dict[str, str]:
    """Say of every variant but the closest how its damage stands to the best of its group."""
    found = steps(run, margin)
    return {variant: pair_sentence(run, pair, margin, labels) for variant, pair in found.items()}


def pair_sentence(run: Run, pair: Pair, margin: float, labels: Labels | None = None) -> str:
    """Say what the same tokens tell of two variants; "cannot be told apart" only by the test."""
    named = {name: (labels or {}).get(name, name) for name in (pair.first, pair.second)}
    infinite = infinite_tokens(run)
    at = [
        say("pairs", "infinite-at", name=named[name], n_tokens=infinite[name])
        for name in named
        if name in infinite
    ]
    return say("pairs", pair.verdict, at=at, **_pair_values(pair, named, margin))


def _pair_values(pair: Pair, named: Labels, margin: float) -> dict[str, object]:
    return {
        "first": named[pair.first],
        "second": named[pair.second],
        "ratio": pair.ratio,
        "ends": None if pair.ratio is None else ratio_ends(pair.ratio),
        "margin": _percent(margin),
        "within": _percent(margin) if pair.within else None,
        "more": pair.more_documents,
    }


def _percent(margin: float) -> str:
    return f"{100 * margin:g} %"


def pair_words(pair: Pair) -> str:
    """Name the verdict on two variants."""
    return say("verdicts", pair.verdict, within=None)


def step_words(pair: Pair, margin: float) -> str:
    """Say in a few words how a variant's damage stands to that of a closer one."""
    code = {"different": "worse", "one-exact": "worse", "exact": "equal"}.get(pair.verdict)
    words = say("verdicts", code or pair.verdict, within=_percent(margin) if pair.within else None)
    if pair.more_documents is not None:
        return say("verdicts", "forecast", words=words, more=pair.more_documents)
    return words


def ratio_ends(ratio: Measurement) -> str:
    """Write both ends of a ratio's interval: as many digits as keep them apart, and off 1."""
    wide = ratio.high > 1.1 * ratio.low
    for digits in range(2 if wide else 3, 5):
        low, high = significant(ratio.low, digits), significant(ratio.high, digits)
        if not {low, high} & {"1.0", "1.00", "1.000"}:
            break
    return f"{low} to {high}"


def beaten_sentences(run: Run, labels: Labels) -> list[str]:
    """Say which variants another beats: one that is no larger, and closer by the paired test."""
    ratios = {frozenset((pair.first, pair.second)): pair for pair in pairs(run, 0.0)}
    told = []
    for variant, by in smaller_and_closer(run).items():
        pair = ratios[frozenset((variant, by))]
        pair = pair if pair.first == variant else pair.reversed()
        named = {name: labels.get(name, name) for name in (variant, by)}
        code = "beaten-exact" if pair.ratio is None else "beaten"
        told.append(say("pairs", code, **_pair_values(pair, named, 0.0)))
    return told


def pairs_sentence(run: Run, margin: float) -> str:
    """Say for what the intervals of ratios hold."""
    looks = 1 if run.population is None else run.population.looks
    return say("pairs", "hold", looks=looks if looks > 1 else None, margin=_percent(margin))


def standing_out_sentences(run: Run, models: Sequence[str], dimension: str) -> list[str]:
    """Say which parts each variant changes less or more than the average token, and how sure."""
    told = []
    for model in models:
        less, more = (
            [member_name(dimension, part) for part in parts]
            for parts in standing_out(run, model, dimension)
        )
        if less or more:
            told.append(say("parts", "standing-out", name=model, less=less, more=more))
    return [*told, say("parts", "how", fewest=FEWEST_DOCUMENTS)] if told else []


def padding_sentences(run: Run) -> list[str]:
    """Say how much tokens that stand for nothing would hold, where they would hold anything."""
    masses = [row.value for row in run.select("padding_mass", group="")]
    if not masses or max(masses) <= 0:
        return []
    return [say("below-tables", "padding", mass=max(masses))]


def perplexity_sentences(run: Run) -> list[str]:
    """Say the perplexity of the reference, where it was measured."""
    ppl = run.find("ppl", reference_of(run).id)
    return [] if ppl is None else [say("below-tables", "perplexity", ppl=ppl)]


def quantile_sentences(run: Run, means: Sequence[str], cells: Iterable[str]) -> list[str]:
    """Say what Δp is with its means, over how many documents, and what ≤ means where it stands."""
    kl = next(iter(run.select("delta_p", group="")), None)
    over = "" if kl is None else counted(kl.n_clusters, cluster_name(run))
    told = [say("below-tables", "delta-p", means=means, over=over)]
    if any(text.startswith("≤") for text in cells):
        told.append(say("below-tables", "quantile-floor"))
    return told


def card_sentence(run: Run) -> str:
    """Say how the numbers of a model card were measured."""
    values = {"source": reference_of(run).id, "scale": scale_sentence(), "made": run.provenance}
    scored = scored_words(run) or say("comparison", "no-text")
    return say("comparison", "model-card", scored=scored, **values)


def unmet_sentence(model: str, code: str, values: Mapping[str, Any], max_kl: float) -> str:
    """Say why a variant does not meet a threshold of its KL divergence."""
    reason = say("unmet", code, max_kl=max_kl, **values)
    return f"{model}: {reason}"


def speed_sentence(timings: Run) -> str:
    """Say of how many models there are timings, where the record of their sweep is not at hand."""
    return say("comparison", "speed", n=len(timings.models))


def axis_sentence(content: Mapping[str, Any]) -> str:
    """Say what separates a variant from the reference, and how that is known."""
    kind, changed = content["kind"], content["tensors_of_other_type"] or None
    meaning, reason = say("axes", kind), say("axis-reasons", content["reason"])
    return say("axes", "axis", kind=kind, meaning=meaning, reason=reason, changed=changed)
