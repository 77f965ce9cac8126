"""From the answers to tasks to measurements: of all tasks, of each language and of each level."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pyengine.code.answers import Answer, executed, n_passed
from pyengine.code.outcomes import Outcome
from pyengine.measure.resampled import known_rows, mean_of_shares, ratio
from pyengine.measure.table import TokenTable
from pyengine.run.measurement import Measurement, group_of
from pyengine.run.metrics import ANSWERS, KS
from pyengine.run.record import Note
from pyengine.statistics.success import pass_at_k

SUSPICIOUS_TASKS = 10
MANY_CUT = 0.2
# How likely the references are, by task; see `likelihood.Scoring.contents`.
References = Mapping[str, Mapping[str, Any]]
NO_REFERENCE: Mapping[str, Any] = {
    "log_probability": 0.0,
    "tokens": 0,
    "bytes": 0,
    "keyword_ranks": [],
}


def task_table(answers: Sequence[Answer], references: References) -> TokenTable:
    """Return one row for each task: sums over its samples, and over its reference's tokens."""
    rows = [_sums(answer, references.get(answer["task"], NO_REFERENCE)) for answer in answers]
    return TokenTable(
        np.arange(len(rows), dtype=np.intp),
        {
            name: np.array(values)
            for name, values in labels_of([(a["language"], a["level"]) for a in answers]).items()
        },
        {name: np.array([row[name] for row in rows], dtype=np.float64) for name in rows[0]},
    )


def labels_of(tasks: Sequence[tuple[str, int]]) -> dict[str, list[str]]:
    """Return what tasks are grouped by; of each its language and level are given."""
    return {
        "language": [language for language, _ in tasks],
        "level": [str(level) for _, level in tasks],
    }


def _sums(answer: Answer, reference: Mapping[str, Any]) -> dict[str, float]:
    samples, ranks = answer["samples"], reference["keyword_ranks"]
    return {
        "samples": len(samples),
        "parses": sum(sample["parses"] for sample in samples),
        "error_nodes": sum(sample["error_nodes"] for sample in samples),
        "leaves": sum(max(sample["leaves"], 1) for sample in samples),
        "repetition": sum(sample["repetition"] for sample in samples),
        "empty": sum(not sample["completion"].strip() for sample in samples),
        "edit_similarity": sum(sample["edit_similarity"] for sample in samples),
        "log_p": reference["log_probability"],
        "bits": -reference["log_probability"] / math.log(2),
        "tokens": reference["tokens"],
        "n_bytes": reference["bytes"],
        "keywords": len(ranks),
        "keyword_first": sum(rank == 1 for rank in ranks),
        "keyword_log_rank": sum(math.log(rank) for rank in ranks),
    }


def measurements(
    answers: Sequence[Answer], references: References, *, model: str, seed: int
) -> Iterator[Measurement]:
    """Yield all measures of all tasks, then of each language and level where there are several."""
    table = task_table(answers, references)
    yield from _group(answers, table, model, {}, seed)
    for dimension, labels in table.labels.items():
        members = list(dict.fromkeys(labels.tolist()))
        for member in members if len(members) > 1 else ():
            chosen = labels == member
            some = [answer for answer, kept in zip(answers, chosen, strict=True) if kept]
            yield from _group(some, table.where(chosen), model, {dimension: member}, seed)


def _group(
    answers: Sequence[Answer],
    table: TokenTable,
    model: str,
    members: dict[str, str],
    seed: int,
) -> Iterator[Measurement]:
    group = group_of(members)
    ran = [answer for answer in answers if executed(answer)]
    n_solved = sum(n_passed(answer) > 0 for answer in ran)
    yield Measurement("tasks_solved", model, "", group, n_solved, n=len(ran), n_clusters=len(ran))
    yield from passes(ran, model=model, group=group, seed=seed)
    names = (metric.id for metric in ANSWERS)
    yield from known_rows(ratio(n, table, model=model, group=group, seed=seed) for n in names)
    counts = Counter(sample["outcome"] for answer in answers for sample in answer["samples"])
    for outcome in (outcome.value for outcome in Outcome if outcome.value in counts):
        named = group_of({**members, "outcome": outcome})
        n = counts.total()
        yield Measurement("samples", model, "", named, counts[outcome], n=n, n_clusters=len(table))


def passes(
    ran: Sequence[Answer], *, model: str, group: str = "", seed: int
) -> Iterator[Measurement]:
    """Yield pass@k for each k that the number of samples allows, of tasks that were executed.

    One sample for each task: Wilson's interval. More: the bootstrap over tasks, or Wilson's again
    where all samples of all tasks pass, or none.
    """
    n = min((len(executed(answer)) for answer in ran), default=0)
    for k in (k for k in KS if k <= n):
        shares = [pass_at_k(len(executed(answer)), n_passed(answer), k) for answer in ran]
        yield mean_of_shares(
            np.array(shares),
            f"pass_at_{k}",
            model=model,
            group=group,
            seed=seed,
            single=n == 1,
        )


def notes_of(answers: Sequence[Answer], *, model: str) -> Iterator[Note]:
    """Yield what a reader should know before believing the numbers."""
    samples = [sample for answer in answers for sample in answer["samples"]]
    ran = [answer for answer in answers if executed(answer)]
    counted = Counter(sample["outcome"] for answer in ran for sample in executed(answer))
    if counted[Outcome.PASSED.value] == 0 and len(ran) >= SUSPICIOUS_TASKS:
        common, n = max(sorted(counted.items()), key=lambda item: item[1])
        values = {"n_tasks": len(ran), "outcome": common, "n": n, "n_samples": counted.total()}
        yield Note(code="none-solved", model=model, values=values)
    thought = sum(bool(s["thinking"]) and not s["completion"].strip() for s in samples)
    if thought:
        values = {"n": thought, "n_samples": len(samples)}
        yield Note(code="ended-in-thinking", model=model, values=values)
    cut = sum(sample["finish"] == "length" for sample in samples)
    if samples and cut / len(samples) > MANY_CUT:
        values = {"n": cut, "n_samples": len(samples)}
        yield Note(code="ended-by-budget", model=model, values=values)
