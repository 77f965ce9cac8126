"""A run held against an earlier one: which metrics of the same files got worse, as codes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np

from pyengine.choose.candidates import COMPARED, Candidate
from pyengine.choose.gates import Check
from pyengine.choose.verdicts import infinite_tokens
from pyengine.errors import InputError
from pyengine.run.floors import Floors
from pyengine.run.measurement import Measurement
from pyengine.run.metrics import METRICS
from pyengine.run.record import ModelInfo, Run
from pyengine.statistics.estimates import Estimate
from pyengine.statistics.looks import at_look
from pyengine.statistics.paired import ALPHA
from pyengine.statistics.success import clustered_share_change

# Intervals of estimates; others are ranges of timings or of chance.
ESTIMATED = ("t", "iid", "bootstrap", "sequence", "wilson")
# What makes two runs over text, or over tasks, samples of the same.
OF_TEXT = ("sha256", "seed", "document_tokens", "lead", "n_ctx", "stride")
OF_TASKS = (
    *("tasks_sha256", "samples", "max_tokens", "thinking_tokens", "temperature", "top_k", "top_p"),
    *("min_p", "seed"),
)
PAIRED = "pass_at_1"


@dataclass(frozen=True, slots=True)
class Difference:
    """One metric of one file in two runs.

    Attributes:
        before, after: in the earlier run, and in this one.
        change: after less before.
        low, high: ends of its interval at 95 %.
        worse: the whole interval lies in the direction that is worse, and `after` above what
            arithmetic alone gives.
    """

    before: Measurement
    after: Measurement
    change: float
    low: float
    high: float
    worse: bool

    @property
    def metric(self) -> str:
        """The id of the metric."""
        return self.after.metric


def baseline_checks(
    run: Run, earlier: Run, candidates: Sequence[Candidate], asked: str
) -> list[Check]:
    """Judge whether each candidate is no worse than the file of its name or type in another run.

    Args:
        candidates: of `run`, see `judged_in`.
        asked: what the earlier run is called.

    Raises:
        InputError: the runs are over other text or tasks, or have no file in common.
    """
    _require_same_population(run, earlier, asked)
    checks = [_check(run, earlier, candidate, asked) for candidate in candidates]
    if checks and all(check.skipped for check in checks):
        raise InputError(f"{asked}: has no file of the name or type of any that was measured")
    return checks


def _check(run: Run, earlier: Run, candidate: Candidate, asked: str) -> Check:
    code: str
    values: dict[str, Any]
    before = _counterpart(candidate, earlier)
    if candidate.excluded == "failed" or candidate.message:
        code, values = "failed", {"message": candidate.message}
    elif before is None:
        code, values = "new", {}
    else:
        n_before = infinite_tokens(earlier).get(before.id, 0)
        found = list(differences(run, candidate.name, earlier, before.id))
        code = "worse" if any(difference.worse for difference in found) else "not-worse"
        values = {"differences": found}
        if not found and not candidate.is_reference:
            code, values = "nothing", {}
        if candidate.n_infinite > n_before:
            code, values = "infinite", {"n_tokens": candidate.n_infinite, "n_before": n_before}
    return Check("baseline", asked, candidate.name, code, values)


def differences(run: Run, model: str, earlier: Run, before: str) -> Iterator[Difference]:
    """Yield what is known of a file in two runs: metrics that have a better direction.

    Their values are over all data, and both have an interval at 95 %. The interval of the change is
    of the two, d - sqrt((a - l_a)^2 + (u_b - b)^2) to d + sqrt((u_a - a)^2 + (b - l_b)^2), for
    samples that are independent (Zou and Donner 2008); over the same documents both errors go the
    same way, and it is wider than it need be. Of pass@1 the same tasks are paired.
    """
    floors = Floors(run)
    then = {row.metric: row for row in earlier.select(model=before, group="")}
    for after in run.select(model=model, group=""):
        found = then.get(after.metric)
        if found is None or not (_is_known(after) and _is_known(found)):
            continue
        change, low, high = _change(found, after)
        if after.metric == PAIRED and (paired := _paired(run, model, earlier, before)):
            change, low, high = paired.value, paired.low, paired.high
        worse = low > 0 if METRICS[after.metric].better == "less" else high < 0
        floor = floors.of(after)
        noise = floor is not None and abs(after.value) <= floor
        yield Difference(found, after, change, low, high, worse and not noise)


def _is_known(row: Measurement) -> bool:
    """Tell whether a number has a better direction, and an interval that says how sure it is.

    One of no width does so of distances alone, which are 0 where files are equal in every row: an
    event that was never seen may yet be.
    """
    metric = METRICS[row.metric]
    if metric.better == "neither" or row.interval not in ESTIMATED:
        return False
    if not all(map(math.isfinite, (row.value, row.low, row.high))):
        return False
    return row.low < row.high or metric.floor in ("divergence", "distance")


def _change(before: Measurement, after: Measurement) -> tuple[float, float, float]:
    change = after.value - before.value
    down = math.hypot(after.value - after.low, before.high - before.value)
    up = math.hypot(after.high - after.value, before.value - before.low)
    return change, change - down, change + up


def _paired(run: Run, model: str, earlier: Run, before: str) -> Estimate | None:
    """Return the change of pass@1 over the tasks of both runs that as many samples executed.

    None where these are of fewer than two ideas.
    """
    first, second = _solved(run, model), _solved(earlier, before)
    both = [name for name in first if name in second and first[name][1] == second[name][1] > 0]
    if not both:
        return None
    _, ideas = np.unique([first[name][2] for name in both], return_inverse=True)
    changes = np.array([first[name][0] - second[name][0] for name in both], dtype=np.float64)
    sizes = np.array([first[name][1] for name in both], dtype=np.float64)
    looks = max(one.options.get("looks", 1) for one in (run, earlier))
    sums, counts = (
        np.bincount(ideas, weights=weights).astype(np.float64) for weights in (changes, sizes)
    )
    found = clustered_share_change(sums, counts, level=at_look(1 - ALPHA, looks))
    return found if math.isfinite(found.low) else None


def _solved(run: Run, model: str) -> dict[str, tuple[int, int, str]]:
    """Return of each task how many samples pass, of how many executed, and its idea."""
    found = {}
    for answer in run.shown("answer", model):
        outcomes = [sample["outcome"] for sample in answer["samples"]]
        executed = len(outcomes) - outcomes.count("skipped")
        found[answer["task"]] = (outcomes.count("passed"), executed, answer["idea"])
    return found


def _counterpart(candidate: Candidate, earlier: Run) -> ModelInfo | None:
    """Return the file of the same name and settings, else the only one of the same type."""
    name = PurePath(candidate.path).name
    models = [model for model in earlier.models if model.variant == candidate.variant]
    alike = [model for model in models if name and PurePath(model.path).name == name]
    if not alike:
        alike = [model for model in models if model.file_type == candidate.file_type]
        alike = alike if len(alike) == 1 else []
    return next(iter(alike), None)


def _require_same_population(run: Run, earlier: Run, asked: str) -> None:
    of_tasks = run.command == "evaluate"
    if earlier.command not in (("evaluate",) if of_tasks else COMPARED):
        raise InputError(
            f"{asked}: a record of {earlier.command!r} has no numbers to hold those of "
            f"{run.command!r} against"
        )
    now, then = (_population(one, asked) for one in (run, earlier))
    other = [name for name in now if now[name] != then[name]]
    if other:
        raise InputError(
            f"{asked}: was measured over other {'tasks' if of_tasks else 'text'} "
            f"({', '.join(other)} differ), so nothing can be held against it; measure it again"
        )


def _population(run: Run, asked: str) -> dict[str, Any]:
    """Return what says of which text or tasks a run is a sample."""
    if run.command == "evaluate":
        return {name: run.options.get(name) for name in OF_TASKS}
    if run.population is None:
        raise InputError(f"{asked}: without text there is nothing to be held against it")
    return {name: getattr(run.population, name) for name in OF_TEXT}
