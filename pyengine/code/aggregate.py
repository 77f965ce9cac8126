"""From the answers to tasks to measurements: of a model, beside the reference, of all variants."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pyengine.code.answers import (
    Answer,
    Outcome,
    Sample,
    cut_in_thought,
    executed,
    n_passed,
    solved,
)
from pyengine.code.failures import OF_FORM, Failure, failure_of
from pyengine.code.languages import LANGUAGES
from pyengine.code.task_ratios import Change, corrected, mean_of_shares, ratio, ratio_change
from pyengine.measure.aggregate import LEVEL, measurement_of
from pyengine.measure.table import TokenTable
from pyengine.models.generation import GenerationStatistics
from pyengine.run.measurement import Measurement, group_of
from pyengine.run.metrics import ANSWERS, CHANGES, KS
from pyengine.run.record import Exhibit, ModelInfo, Note
from pyengine.statistics.estimates import Estimate
from pyengine.statistics.looks import at_look
from pyengine.statistics.success import FEWEST_RANKED, pass_at_k, spearman

SUSPICIOUS_TASKS = 10
MANY_CUT = 0.2
LARGE = 1e300  # stands for an infinite divergence where only ranks count
NO_REFERENCE = {"log_probability": 0.0, "tokens": 0, "bytes": 0, "keyword_ranks": []}
# Differences of log-probabilities per token mean nothing between two tokenizers.
SAME_TOKENS_ONLY = "reference_log_probability"
# Metric and group of what is measured of tokens.
TOKEN_MEASURES = (
    ("kl", ""),
    ("keyword_mass_shift", ""),
    ("jensen_shannon", group_of({"start": "cold"})),
    ("pkp", group_of({"start": "cold"})),
)
CODE_MEASURES = (
    *("pass_at_1", "parse_share", "reference_log_probability", "keyword_first"),
    "edit_similarity",
)


def task_table(answers: Sequence[Answer], looks: int = 1) -> TokenTable:
    """Return one row for each task: sums over its samples, and over its reference's tokens.

    Its clusters are the ideas that tasks share; `looks` is how often they may be looked at.
    """
    rows = [_sums(answer) for answer in answers]
    _, ideas = np.unique([answer["idea"] for answer in answers], return_inverse=True)
    return TokenTable(
        ideas.astype(np.intp),
        {
            name: np.array(values)
            for name, values in labels_of([(a["language"], a["level"]) for a in answers]).items()
        },
        {name: np.array([row[name] for row in rows], dtype=np.float64) for name in rows[0]},
        looks,
    )


def labels_of(tasks: Sequence[tuple[str, int]]) -> dict[str, list[str]]:
    """Return what tasks are grouped by; of each its language and level are given."""
    return {
        "language": [language for language, _ in tasks],
        "level": [str(level) for _, level in tasks],
    }


def _sums(answer: Answer) -> dict[str, float]:
    reference: dict[str, Any] = answer.get("reference") or NO_REFERENCE
    samples, ranks = answer["samples"], reference["keyword_ranks"]
    return {
        "samples": len(samples),
        "executed": len(executed(answer)),
        "pass_at_1": n_passed(answer),
        "parses": sum(sample["parses"] for sample in samples),
        "error_nodes": sum(sample["error_nodes"] for sample in samples),
        "leaves": sum(max(sample["leaves"], 1) for sample in samples),
        "repetition": sum(sample["repetition"] for sample in samples),
        "empty": sum(not sample["completion"].strip() for sample in samples),
        "edit_similarity": sum(sample["edit_similarity"] for sample in samples),
        "thought_tokens": sum(map(_thought_tokens, samples)),
        "answer_tokens": sum(sample["tokens"] - _thought_tokens(sample) for sample in samples),
        "log_p": reference["log_probability"],
        "bits": -reference["log_probability"] / math.log(2),
        "tokens": reference["tokens"],
        "n_bytes": reference["bytes"],
        "keywords": len(ranks),
        "keyword_first": sum(rank == 1 for rank in ranks),
        "keyword_log_rank": sum(math.log(rank) for rank in ranks),
    }


def _thought_tokens(sample: Sample) -> float:
    """Return the tokens of a sample's thoughts; NaN where a record of older versions lacks them."""
    return sample.get("thought_tokens", math.nan if sample["thinking"] else 0.0)


def n_ideas(answers: Sequence[Answer]) -> int:
    """Return how many ideas some tasks have: tasks that ask for the same are one."""
    return len({answer["idea"] for answer in answers})


def measurements(answers: Sequence[Answer], *, model: str, looks: int = 1) -> Iterator[Measurement]:
    """Yield all measures of all tasks, then of each language and level where there are several.

    Intervals hold at so many looks together.
    """
    table = task_table(answers, looks)
    yield from _group(answers, table, model, {})
    for dimension, labels in table.labels.items():
        members = list(dict.fromkeys(labels.tolist()))
        for member in members if len(members) > 1 else ():
            chosen = labels == member
            some = [answer for answer, kept in zip(answers, chosen, strict=True) if kept]
            yield from _group(some, table.where(chosen), model, {dimension: member})


def _group(
    answers: Sequence[Answer], table: TokenTable, model: str, members: dict[str, str]
) -> Iterator[Measurement]:
    group = group_of(members)
    ran = [answer for answer in answers if executed(answer)]
    n_solved = sum(n_passed(answer) > 0 for answer in ran)
    n, n_clusters = len(ran), n_ideas(ran)
    yield Measurement("tasks_solved", model, "", group, n_solved, n=n, n_clusters=n_clusters)
    yield from passes(ran, model=model, group=group, looks=table.looks)
    for metric in ANSWERS:
        found = ratio(metric.id, table)
        if math.isfinite(found.value):
            yield measurement_of(found, metric.id, model, group=group, looks=table.looks)
    samples = [sample for answer in answers for sample in answer["samples"]]
    n, n_clusters = len(samples), n_ideas(answers)
    outcomes = Counter(sample["outcome"] for sample in samples)
    failures = Counter(failure.value for one in samples if (failure := failure_of(one)))
    for dimension, counts, codes in (
        ("outcome", outcomes, Outcome),
        ("failure", failures, Failure),
    ):
        for code in (code.value for code in codes if code.value in counts):
            named = group_of({**members, dimension: code})
            yield Measurement("samples", model, "", named, counts[code], n=n, n_clusters=n_clusters)


def passes(
    ran: Sequence[Answer], *, model: str, group: str = "", looks: int = 1
) -> Iterator[Measurement]:
    """Yield pass@k for each k that the number of samples allows, of tasks that were executed."""
    n = min((len(executed(answer)) for answer in ran), default=0)
    ideas = [answer["idea"] for answer in ran]
    for k in (k for k in KS if k <= n):
        shares = [pass_at_k(len(executed(answer)), n_passed(answer), k) for answer in ran]
        found = mean_of_shares(np.array(shares), ideas, looks=looks)
        yield measurement_of(found, f"pass_at_{k}", model, group=group, looks=looks)


def notes_of(answers: Sequence[Answer], *, model: str) -> Iterator[Note]:
    """Yield what a reader should know before believing the numbers."""
    samples = [sample for answer in answers for sample in answer["samples"]]
    ran = [answer for answer in answers if executed(answer)]
    counted = Counter(sample["outcome"] for answer in ran for sample in executed(answer))
    if counted[Outcome.PASSED.value] == 0 and len(ran) >= SUSPICIOUS_TASKS:
        common, n = max(sorted(counted.items()), key=lambda item: item[1])
        values = {"n_tasks": len(ran), "outcome": common, "n": n, "n_samples": counted.total()}
        yield Note(code="none-solved", model=model, values=values)
    thinking = sum(map(cut_in_thought, samples))
    if thinking:
        values = {"n": thinking, "n_samples": len(samples)}
        yield Note(code="ended-in-thinking", model=model, values=values)
    cut = sum(sample["finish"] == "length" for sample in samples) - thinking
    if samples and cut / len(samples) > MANY_CUT:
        values = {"n": cut, "n_samples": len(samples)}
        yield Note(code="ended-by-budget", model=model, values=values)


def skipped(answers: Sequence[Answer]) -> list[Note]:
    """Return the languages whose programs were not executed, and which toolchain is missing."""
    found = {a["language"] for a in answers if len(executed(a)) < len(a["samples"])}
    missing = {name: LANGUAGES[name].missing() for name in LANGUAGES if name in found}
    return [
        Note(code="language-skipped", values={"language": name, "tools": list(tools)})
        for name, tools in missing.items()
        if tools
    ]


def writing_cost(
    answers: Sequence[Answer], statistics: GenerationStatistics, *, model: str
) -> list[Measurement]:
    """Return what was read and written.

    Prompt tokens, seconds and speed are of what was generated in this run: there is no speed
    where every task was finished before.
    """
    seconds = statistics.prompt_s + statistics.generation_s
    values: dict[str, float] = {
        "prompt_tokens": statistics.prompt_tokens,
        "written_tokens": sum(s["tokens"] for answer in answers for s in answer["samples"]),
        "writing_seconds": seconds,
    }
    if seconds:
        values["writing_speed"] = statistics.generated_tokens / seconds
    return _of_all_samples(answers, values, model)


def judging_cost(answers: Sequence[Answer], *, model: str) -> list[Measurement]:
    """Return the time that programs took, and the shares of samples that thought or were cut."""
    samples = [sample for answer in answers for sample in answer["samples"]]
    n = len(samples)
    values = {
        "execution_seconds": sum(sample["wall_s"] for sample in samples),
        "thinking_share": sum(bool(sample["thinking"]) for sample in samples) / n,
        "thought_cut_share": sum(map(cut_in_thought, samples)) / n,
        "trimmed_share": sum(sample["trimmed"] for sample in samples) / n,
        "length_share": sum(sample["finish"] == "length" for sample in samples) / n,
        "loop_share": sum(bool(sample.get("loop")) for sample in samples) / n,
        "looping_tokens": sum(sample.get("wasted", 0) for sample in samples),
    }
    return _of_all_samples(answers, values, model)


def _of_all_samples(
    answers: Sequence[Answer], values: Mapping[str, float], model: str
) -> list[Measurement]:
    n, ideas = sum(len(answer["samples"]) for answer in answers), n_ideas(answers)
    return [
        Measurement(metric, model, "", "", value, n=n, n_clusters=ideas)
        for metric, value in values.items()
    ]


def of_answers(
    series: Sequence[tuple[ModelInfo, Sequence[Answer]]], *, beside_first: bool, looks: int = 1
) -> tuple[list[Measurement], list[Exhibit]]:
    """Return all that follows from the answers of some models: of each, and beside the first."""
    rows: list[Measurement] = []
    for model, answers in series:
        rows += measurements(answers, model=model.id, looks=looks)
        rows += judging_cost(answers, model=model.id)
    if not beside_first:
        return rows, []
    changes, exhibits = beside(series[1:], *series[0], looks=looks)
    return [*rows, *changes], exhibits


def beside(
    variants: Sequence[tuple[ModelInfo, Sequence[Answer]]],
    reference: ModelInfo,
    others: Sequence[Answer],
    *,
    looks: int = 1,
) -> tuple[list[Measurement], list[Exhibit]]:
    """Compare variants' answers with the reference's, on the same tasks and seeds.

    Returns:
        every measure of each variant less that of the reference, its interval by Holm's method
        over the variants and over so many looks; tasks_lost, tasks_gained and mcnemar_p over the
        tasks that were executed for both; and the exhibits "flips" with the names of the tasks
        that change sides: lost and gained. And flip_agreement, see `_damage_beside_flips`.
    """
    theirs = task_table(others)
    tables = {model.id: task_table(answers) for model, answers in variants}
    rows: list[Measurement] = []
    for metric in (change.id.removesuffix("_change") for change in CHANGES):
        changes = {
            model.id: found
            for model, _ in variants
            if metric != SAME_TOKENS_ONLY or model.vocabulary_sha256 == reference.vocabulary_sha256
            if math.isfinite((found := _change(metric, tables[model.id], theirs))[0](LEVEL).value)
        }
        intervals = corrected(metric, [*changes.values()], looks=looks)
        for name, change in zip(changes, intervals, strict=True):
            rows.append(measurement_of(change, f"{metric}_change", name, reference.id))
    exhibits = []
    for model, answers in variants:
        _, p = _change("pass_at_1", tables[model.id], theirs)
        counts, flips = _flips(answers, others)
        for metric, row in {**counts, "mcnemar_p": replace(counts["tasks_lost"], value=p)}.items():
            rows.append(replace(row, metric=metric, model=model.id, reference=reference.id))
        along = _damage_beside_flips(answers, others, level=at_look(LEVEL, looks))
        if math.isfinite(along.value):
            row = measurement_of(along, "flip_agreement", model.id, reference.id, looks=looks)
            rows.append(row)
        exhibits.append(Exhibit(kind="flips", model=model.id, content=flips))
    return rows, exhibits


def _flips(
    answers: Sequence[Answer], others: Sequence[Answer]
) -> tuple[dict[str, Measurement], dict[str, list[str]]]:
    """Count and name the tasks that change sides, of those that were executed for both."""
    pairs = zip(answers, others, strict=True)
    both = [(a, b) for a, b in pairs if executed(a) and executed(b)]
    lost = [a for a, b in both if solved(b) and not solved(a)]
    gained = [a for a, b in both if solved(a) and not solved(b)]
    flips = {
        "lost": [answer["task"] for answer in lost],
        "gained": [answer["task"] for answer in gained],
        "lost_by_form": [answer["task"] for answer in lost if _without_form(answer)],
    }
    n, n_clusters = len(both), n_ideas([a for a, _ in both])
    counts = {
        f"tasks_{side}": Measurement("", "", "", "", len(flips[side]), n=n, n_clusters=n_clusters)
        for side in ("lost", "gained")
    }
    return counts, flips


def _damage_beside_flips(
    answers: Sequence[Answer], others: Sequence[Answer], *, level: float
) -> Estimate:
    """Return the rank correlation over ideas of the divergence on references and of lost tasks.

    Of an idea counts the mean over its tasks: of the variant's divergence on their references, and
    of what it solves less than the reference, -1, 0 or 1.
    """
    ideas: dict[str, list[tuple[float, int]]] = {}
    for a, b in zip(answers, others, strict=True):
        kl = (a.get("reference") or {}).get("kl", math.nan)
        if executed(a) and executed(b) and not math.isnan(kl):
            ideas.setdefault(a["idea"], []).append((min(kl, LARGE), solved(b) - solved(a)))
    means = np.array([np.mean(pairs, axis=0) for pairs in ideas.values()]).reshape(-1, 2)
    return spearman(means[:, 0], means[:, 1], level=level)


def _without_form(answer: Answer) -> bool:
    """Return whether at least half of the samples that failed have no form that runs."""
    failures = [failure for sample in executed(answer) if (failure := failure_of(sample))]
    return 2 * sum(failure in OF_FORM for failure in failures) >= len(failures)


def _change(metric: str, table: TokenTable, other: TokenTable) -> Change:
    """Compare two models' ratios; samples that pass over the tasks that were executed for both."""
    if metric == "pass_at_1":
        both = (table.columns["executed"] > 0) & (other.columns["executed"] > 0)
        table, other = table.where(both), other.where(both)
    return ratio_change(metric, table, other)


def link(measurements: Sequence[Measurement]) -> Iterator[Measurement]:
    """Yield the rank correlation of every token measure with every code measure.

    Over the variants that have token measures: the reference, whose divergence is zero by
    definition, is left out. Nothing below four variants.
    """
    known = {(row.metric, row.group, row.model): row.value for row in measurements}
    variants = [row.model for row in measurements if (row.metric, row.group) == TOKEN_MEASURES[0]]
    if len(variants) < FEWEST_RANKED:
        return
    for token_metric, token_group in TOKEN_MEASURES:
        x = [known.get((token_metric, token_group, model), math.nan) for model in variants]
        for code_metric in CODE_MEASURES:
            y = [known.get((code_metric, "", model), math.nan) for model in variants]
            found = spearman(np.array(x), np.array(y))
            group = group_of({"token": token_metric, "code": code_metric})
            yield measurement_of(found, "rank_agreement", "", group=group)
