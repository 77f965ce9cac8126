"""What the Hugging Face hub reads of results: a model card's metadata, and evaluation results.

Both are YAML: `model-index` stands at the top of a model's README.md, and what is below lies in its
folder `.eval_results`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pyengine.choose.candidates import COMPARED
from pyengine.errors import InputError
from pyengine.plain_text import safe
from pyengine.report.sentences import hub
from pyengine.run.measurement import Measurement
from pyengine.run.metrics import METRICS, PASSES
from pyengine.run.record import ModelInfo, Run

TASK = "text-generation"
OF_COMPARISONS = ("kl", "same_first_choice", "bits_per_byte", "ppl")
OF_EVALUATIONS = tuple(metric.id for metric in PASSES)
DIGITS = 6


def model_index(run: Run) -> str:
    """Write a model card's `model-index`: the numbers of every file that was measured.

    Raises InputError where the record has none.
    """
    entries = [
        {"name": model.id, "results": [_result(run, rows)]}
        for model in run.models
        if (rows := _rows(run, model))
    ]
    if not entries:
        raise InputError(f"a record of {run.command!r} has no results for a model card")
    return yaml({"model-index": entries})


def _result(run: Run, rows: Sequence[Measurement]) -> dict[str, Any]:
    return {"task": {"type": TASK}, "dataset": _dataset(run), "metrics": list(map(_metric, rows))}


def _dataset(run: Run) -> dict[str, Any]:
    if run.population is None:
        source = str(run.options["tasks"])
        name, kind = source, run.options.get("dataset") or hub.OWN_TASKS
        digest = str(run.options["tasks_sha256"])
    else:
        name, kind = hub.corpus_words(run.population), hub.CORPUS
        digest = run.population.sha256
    return {"name": name, "type": kind, "args": {"sha256": digest}}


def _metric(row: Measurement) -> dict[str, Any]:
    ends = {"low": row.low, "high": row.high, "level": row.level}
    known = {name: _short(n) for name, n in ends.items() if math.isfinite(n)}
    found = {"type": row.metric, "name": METRICS[row.metric].title, "value": _short(row.value)}
    counts = {"n": row.n, "n_clusters": row.n_clusters}
    return {**found, "args": {**known, **counts}, "verified": False}


def _rows(run: Run, model: ModelInfo) -> list[Measurement]:
    wanted = OF_COMPARISONS if run.command in COMPARED else OF_EVALUATIONS
    found = run.select(model=model.id, group="")
    return [row for row in found if row.metric in wanted and math.isfinite(row.value)]


def eval_results(run: Run) -> str:
    """Write a file for the folder `.eval_results` of a model on the hub: pass@1 of each model.

    Raises InputError where the record is not of tasks that are a data set of the hub.
    """
    dataset = run.options.get("dataset") if run.command == "evaluate" else None
    rows = run.select("pass_at_1", group="") if dataset is not None else []
    if not rows:
        raise InputError(
            f"a record of {run.command!r} over {run.options.get('tasks', 'documents')} is of no "
            "data set of the hub, to which such results belong; --model-index takes it"
        )
    return yaml(
        [
            {
                "dataset": {"id": dataset, "task_id": "default"},
                "value": _short(row.value),
                "notes": hub.notes_words(run, row),
            }
            for row in rows
        ]
    )


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def yaml(value: Mapping[str, Any] | Sequence[Any]) -> str:
    """Write mappings, lists, texts and numbers as YAML."""
    return "".join(f"{line}\n" for line in _lines(value))


def _lines(value: object) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            if isinstance(inner, Mapping | list) and inner:
                yield f"{key}:"
                yield from (f"  {line}" for line in _lines(inner))
            else:
                yield f"{key}: {_scalar(inner)}"
    elif isinstance(value, list) and value:
        for inner in value:
            first, *rest = _lines(inner)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)
    else:
        yield _scalar(value)


def _scalar(value: object) -> str:
    """Write one value; YAML 1.1 takes 1e-05 for a text."""
    if isinstance(value, float):
        digits, _, power = repr(value).partition("e")
        return f"{digits if '.' in digits else digits + '.0'}e{power}" if power else digits
    return json.dumps(safe(value) if isinstance(value, str) else value, ensure_ascii=False)
