"""E: what the paper concludes, held against each file and each pair of files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from pyengine.measure.paper.cold import Cold, same_starts
from pyengine.measure.paper.lines import Agrees, Line, difference_interval, ratio_interval
from pyengine.measure.paper.programs import UNCUT, Evaluated
from pyengine.measure.paper.published import BASELINE, COLD_MODEL, FULL, plain_name, programs
from pyengine.measure.paper.quantizations import baseline_of, changes, published_numbers
from pyengine.run.measurement import Measurement, group_of
from pyengine.run.record import ModelInfo
from pyengine.statistics.rows import pair_statistics
from pyengine.statistics.success import FEWEST_RANKED, spearman

# Of these types the paper's numbers say that they stay near Q8_0, and by how much.
STAYING = ("Q4_K_M", "Q5_0", "Q5_1", "Q5_K_S", "Q5_K_M", "Q6_K")
NEAR = {"pkp_change": 0.05, "stp_change": 0.065}
# Of these it says which way they move.
MOVING = {
    **{(name, "pkp_change"): -1 for name in ("Q2_K", "Q3_K_S", "Q4_0")},
    **{(name, "stp_change"): +1 for name in ("Q2_K", "Q3_K_S")},
}
HALF = 0.5
TUNED = re.compile(r"-(instruct|it|chat|base)$")
SIZE = re.compile(r"-\d+(\.\d+)?[bm]\b")


def kind_of_pair(a: ModelInfo, b: ModelInfo) -> str:
    """Tell by their names how two models are related.

    Returns:
        "quantized" (of one name), "distilled", "tuned", "scaled", or "other".
    """
    first, second = plain_name(a), plain_name(b)
    if first == second:
        return "quantized"
    if ("distill" in first) != ("distill" in second):
        return "distilled"
    if TUNED.sub("", first) == TUNED.sub("", second):
        return "tuned"
    return "scaled" if SIZE.sub("", first) == SIZE.sub("", second) else "other"


def divergences(reference: Cold, other: Cold, metric: str) -> dict[str, float]:
    """Return how far a model is from the reference, in nats, by start; none where none is shared.

    The natural start is the first.
    """
    mine, its = same_starts(reference, other)
    rows, others = reference.decoded.rows[mine], other.decoded.rows[its]
    found = pair_statistics(rows, others, np.zeros(len(mine), np.int32))[metric].tolist()
    return {reference.decoded.starts[i].name: x for i, x in zip(mine, found, strict=True)}


def pair_rows(reference: Cold, other: Cold) -> Iterator[Measurement]:
    """Yield both divergences at each start that both have."""
    for metric in ("jensen_shannon", "kl"):
        for start, value in divergences(reference, other, metric).items():
            group = group_of({"start": start})
            yield Measurement(metric, other.info.id, reference.info.id, group, value)


def claim_lines(
    models: Mapping[str, Cold],
    infos: Sequence[ModelInfo],
    reference: str,
    done: Sequence[Evaluated],
) -> Iterator[Line]:
    """Yield what the paper concludes (E.1 to E.7).

    Args:
        models: by id, those with weights.
        infos: of all files.
        reference: id of the model that the others are held against; empty for none.
        done: models with pass rates.
    """
    yield Line(table="E.2", quantity="ranks_are_frequencies").unless("ids-are-merges")
    yield from _altered(models, reference)
    yield from _coverage(infos, reference)
    yield _readiness(models, done)
    for one in models.values():
        yield from _guidelines(one, baseline_of(one, models))
    yield _halved(done)
    yield _below_base(done)


def _altered(models: Mapping[str, Cold], reference: str) -> Iterator[Line]:
    """Yield whether quantization moves the distribution by more than Q8_0 does (E.4)."""
    line = partial(Line, table="E.4", quantity="altered", unit="probability", paper="yes")
    first = models.get(reference)
    if first is None:
        yield line(about="Q*").unless("no-reference")
        return
    alike = [m for m in models.values() if kind_of_pair(first.info, m.info) == "quantized"]
    others = [m for m in alike if m is not first]
    floor = next((m for m in others if m.info.file_type == BASELINE), None)
    for one in others:
        made = line(about=one.info.file_type, model=one.info.id)
        moved = divergences(first, one, "jensen_shannon")
        least = {} if floor is None else divergences(first, floor, "jensen_shannon")
        shared = [start for start in moved if start in least]
        if not shared:
            yield made.unless("no-baseline" if moved else "other-start")
        elif one is not floor:
            values = np.array([moved[start] for start in shared])
            yield made.claim(values, [moved[start] > least[start] for start in shared])
    if not others:
        yield line(about="Q*").unless("no-pair")


def _coverage(infos: Sequence[ModelInfo], reference: str) -> Iterator[Line]:
    """Yield whether distillation, tuning and size change which words are whole (E.4).

    Whole words are a fact of the tokenizer: two models of one tokenizer keep the same.
    """
    first = next((info for info in infos if info.id == reference), None)
    for kind in ("distilled", "tuned", "scaled"):
        line = Line(table="E.4", quantity=f"coverage_{kind}", paper="changed")
        pairs = [one for one in infos if first is not None and kind_of_pair(first, one) == kind]
        if not pairs:
            yield line.unless("no-pair")
        for one in pairs:
            assert first is not None
            same = one.vocabulary_sha256 == first.vocabulary_sha256
            here = "same-tokenizer" if same else "changed"
            yield replace(line, model=one.id, here=here).exact()


def _readiness(models: Mapping[str, Cold], done: Sequence[Evaluated]) -> Line:
    """Say whether the keyword mass goes with the pass rate (E.5): Spearman over the files."""
    line = Line(table="E.5", quantity="readiness", unit="ratio", paper="positive")
    # Of a model that was asked in several ways the first counts, which is not the paper's.
    rates = {one.info.identity: one.passed[0] / one.passed[1] for one in reversed(done)}
    both = [(m.numbers["pkp"][0], rates.get(m.info.identity)) for m in models.values()]
    pairs = [(pkp, rate) for pkp, rate in both if rate is not None]
    if len(pairs) < FEWEST_RANKED:
        return line.unless("too-few-records")
    rho = spearman(*np.array(pairs, np.float64).T)
    decided: Agrees = "yes" if rho.low > 0 else "no" if rho.high < 0 else "cannot"
    return replace(
        line,
        here=rho.value,
        low=rho.low,
        high=rho.high,
        interval="fisher",
        agrees=decided,
        reason="" if decided != "cannot" else "undecided",
    )


def _guidelines(one: Cold, baseline: Cold | None) -> Iterator[Line]:
    """Yield which types stay near Q8_0, and which way the others move (E.6)."""
    file_type = one.info.file_type
    line = partial(Line, table="E.6", about=file_type, model=one.info.id, unit="share")
    changed = {} if baseline is None else changes(one, baseline)
    for quantity, near in NEAR.items():
        way = MOVING.get((file_type, quantity))
        if file_type not in STAYING and way is None:
            continue
        paper = published_numbers(file_type)[quantity]
        made = line(quantity=f"{quantity}_{'near' if way is None else 'way'}", paper=paper)
        ours = changed.get(quantity)
        if ours is None:
            yield made.unless("no-baseline")
        else:
            held = np.abs(ours) <= near if way is None else np.sign(ours) == way
            yield made.claim(ours, [bool(h) for h in held])


def _halved(done: Sequence[Evaluated]) -> Line:
    """Say whether Q2_K halves the pass rate (E.6): the ratio of the two, where both are known."""
    theirs = {
        row.file_type: row.passed / row.tasks for row in programs() if row.model == COLD_MODEL
    }
    line = Line(
        table="E.6",
        quantity="halved",
        about="Q2_K",
        unit="ratio",
        paper=theirs["Q2_K"] / theirs["BF16"],
    )
    for small in (one for one in done if one.info.file_type == "Q2_K"):
        for whole in (one for one in done if one.info.file_type in FULL):
            alike = plain_name(small.info) == plain_name(whole.info) and small.style == whole.style
            if alike:
                (a, m), (b, n) = whole.passed, small.passed
                if not (a and b):
                    return replace(line, model=small.info.id).unless("none-solved")
                low, high = ratio_interval((a, m), (b, n))
                decided: Agrees = "yes" if high <= HALF else "no" if low > HALF else "cannot"
                found = replace(line, here=b * m / (n * a), low=low, high=high, interval="katz")
                harness = "" if small.style == UNCUT else "other-harness"
                told = "undecided" if decided == "cannot" else harness
                return replace(found, model=small.info.id, agrees=decided, reason=told)
    return line.unless("no-record")


def _below_base(done: Sequence[Evaluated]) -> Line:
    """Say whether an instruct model solves less than its base under the paper's harness (E.7)."""
    line = Line(table="E.7", quantity="instruct_below_base", unit="share")
    asked = [one for one in done if one.style == UNCUT and one.info.file_type in FULL]
    for base in (one for one in asked if is_base(one.info)):
        for tuned in (one for one in asked if not is_base(one.info)):
            if kind_of_pair(base.info, tuned.info) == "tuned":
                theirs, ours = base.passed, tuned.passed
                low, high = difference_interval(theirs, ours)
                decided: Agrees = "yes" if high < 0 else "no" if low > 0 else "cannot"
                found = replace(line, model=tuned.info.id, low=low, high=high, interval="wilson")
                here = ours[0] / ours[1] - theirs[0] / theirs[1]
                told = "" if decided != "cannot" else "undecided"
                return replace(found, here=here, agrees=decided, reason=told)
    return line.unless("no-pair" if asked else "no-such-harness")


def is_base(model: ModelInfo) -> bool:
    """Tell by its name whether a model was not tuned to follow instructions."""
    found = TUNED.search(plain_name(model))
    return found is None or found[1] == "base"
