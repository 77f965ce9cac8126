"""Turn the variants of runs into candidates."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from pyengine.choose.evaluation import standing
from pyengine.choose.scale import kl_floor
from pyengine.choose.verdicts import divergence, infinite_tokens, reference_of, variants_of
from pyengine.errors import InputError
from pyengine.run.measurement import Measurement
from pyengine.run.metrics import EVALUATE, METRICS
from pyengine.run.record import ModelInfo, Run

# Commands whose record compares variants with a reference.
COMPARED = ("compare", "sweep", "pick")
QUANTILES = {"quantile=0.5": "median", "quantile=0.99": "99", "quantile=1": "max"}
COLD = "start=cold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One variant as the choice sees it.

    Attributes:
        variant: its settings, such as "?kv=q8_0"; empty for the file alone.
        kl, kl_low, kl_high: mean KL divergence from the reference in nats per token, and its
            95 % interval; NaN where it is not known.
        kl_floor: of this file beside itself; a KL divergence below it is arithmetic.
        memory: bytes that it needs: forecast where the file is at hand, else measured where a speed
            measurement was given, else the file's size, which leaves out the context.
        memory_context: tokens of context of the forecast; 0 where there is none.
        memory_measured: whether it was measured.
        metrics: further numbers that conditions may name.
        excluded: why it cannot be chosen: "failed", "other-vocabulary", "not-measured", "infinite",
            "larger" (than the reference, which is exact) or "fewer-tasks" (surely solved than the
            reference does, where a pick asked for tasks); empty where it can.
        is_reference: of a pick, whose reference is a candidate too.
        n_infinite: tokens at which its divergence is infinite.
        message: of the error that ended its measurement.
    """

    name: str
    path: str = ""
    sha256: str = ""
    variant: str = ""
    file_type: str = ""
    size: int = 0
    bits_per_weight: float = math.nan
    kl: float = math.nan
    kl_low: float = math.nan
    kl_high: float = math.nan
    kl_floor: float | None = None
    n_tokens: int = 0
    n_documents: int = 0
    memory: int = 0
    memory_context: int = 0
    memory_measured: bool = False
    metrics: dict[str, float]
    excluded: str = ""
    n_infinite: int = 0
    message: str = ""
    is_reference: bool = False

    @property
    def identity(self) -> str:
        """What says in any record that it is the same, as `ModelInfo.identity`; "" for none."""
        return f"{self.sha256}{self.variant}"

    @property
    def flips(self) -> tuple[float, float]:
        """The ends of the interval of its share of other first choices; NaN where not known."""
        high, low = (f"same_first_choice_{end}" for end in ("low", "high"))
        return 1 - self.metrics.get(low, math.nan), 1 - self.metrics.get(high, math.nan)

    @property
    def speed(self) -> float:
        """Generated tokens per second, NaN where they were not measured."""
        return self.metrics.get("generation_speed", math.nan)

    @property
    def numbers(self) -> dict[str, float]:
        """Every number that a condition may name."""
        named = {
            "size": float(self.size),
            "memory": float(self.memory),
            "tokens": float(self.n_tokens),
            "bits_per_weight": self.bits_per_weight,
        }
        return {**named, **self.metrics}

    def content(self) -> dict[str, Any]:
        """Return all of it as plain JSON values; a number that is not known is None."""
        return {key: _plain(value) for key, value in asdict(self).items()}

    @classmethod
    def of(cls, content: dict[str, Any]) -> Candidate:
        """Read what `content` wrote."""
        known = {key: value for key, value in content.items() if value is not None}
        metrics = {key: math.nan if n is None else n for key, n in content["metrics"].items()}
        return cls(**{**known, "metrics": metrics})


def candidates_of(runs: Sequence[Run]) -> list[Candidate]:
    """Return the variants of comparisons and sweeps, and the reference of a pick.

    Timings add the memory and speed that they measured, evaluations the numbers of `code_numbers`.

    Raises InputError where a run is of another command, or they are of different references or
    texts.
    """
    compared = [run for run in runs if run.command in COMPARED and run.models]
    for run in runs:
        if run not in compared and run.command not in ("speed", "evaluate"):
            raise InputError(f"a record of {run.command!r} compares no variants")
    references = {reference_of(run).sha256: reference_of(run).id for run in compared}
    if len(references) > 1:
        raise InputError(
            f"the records are of different references ({', '.join(references.values())}), "
            "whose divergences cannot be set against each other"
        )
    if len({run.population.sha256 for run in compared if run.population}) > 1:
        raise InputError(
            "the records are of different texts (--corpus), over which the same file diverges "
            "differently"
        )
    found: dict[str, Candidate] = {}
    for candidate in (candidate for run in compared for candidate in _of_run(run)):
        found.setdefault(candidate.identity or candidate.name, candidate)
    return _with_others(_distinct(list(found.values())), runs)


def judged_in(run: Run, timings: Run | None = None) -> list[Candidate]:
    """Return what gates of a run judge, each under its own id, copies and failures too.

    These are the variants of a comparison, the file that a pick chose, or none, and the models of
    an evaluation but for its reference. Timings add speed and memory that they measured.

    Raises InputError where it is of another command, or there is none.
    """
    if run.command == "pick":
        (choice,) = run.shown("choice")
        candidates = map(Candidate.of, run.shown("candidate"))
        return [candidate for candidate in candidates if candidate.name == choice["chosen"]]
    if run.command not in (*COMPARED, "evaluate"):
        raise InputError(f"a record of {run.command!r} holds nothing that a gate could judge")
    found = list(_evaluated(run) if run.command == "evaluate" else _of_run(run))
    if not found:
        raise InputError("the record holds no variant that a gate could judge")
    return _with_others(found, [run] if timings is None else [run, timings])


def _with_others(candidates: list[Candidate], runs: Sequence[Run]) -> list[Candidate]:
    """Add what timings and evaluations say of the same files."""
    memory = {
        run.model(row.model).identity: int(row.value)
        for run in runs
        for row in run.select("peak_memory", group="")
    }
    speeds = {
        run.model(row.model).identity: {row.metric: row.value}
        for run in runs
        for row in run.select("generation_speed", group="")
    }
    code = code_numbers(runs)
    return [
        replace(
            each,
            metrics={
                **code.get(each.identity, {}),
                **speeds.get(each.identity, {}),
                **each.metrics,
            },
            memory=memory.get(each.identity, each.memory),
            memory_measured=each.identity in memory,
        )
        for each in candidates
    ]


def code_numbers(runs: Sequence[Run]) -> dict[str, dict[str, float]]:
    """Return what evaluations say of each variant, by its identity: numbers conditions may name.

    They are named as those of comparisons are, such as pass_at_1 and pass_at_1_low. What an
    evaluation says of tokens beside its reference is left out: comparisons say it over more text.
    """
    own = {metric.id for metric in EVALUATE}
    return {
        model.identity: dict(_named([m for m in run.select(model=model.id) if m.metric in own]))
        for run in runs
        if run.command == "evaluate"
        for model in run.models
    }


def _distinct(candidates: list[Candidate]) -> list[Candidate]:
    """Add to a name that several files have the beginning of each file's hash."""
    names = Counter(candidate.name for candidate in candidates)
    return [
        candidate
        if names[candidate.name] == 1
        else replace(candidate, name=f"{candidate.name} ({(candidate.sha256 or 'damaged')[:8]})")
        for candidate in candidates
    ]


def _of_run(run: Run) -> Iterator[Candidate]:
    failed: dict[str, str] = {}
    for note in run.notes:
        if note.code == "variant-failed":
            failed.setdefault(note.model, str(note.values.get("message", "")))
    others = {note.model for note in run.notes if note.code == "other-vocabulary"}
    infinite = infinite_tokens(run)
    if run.command == "pick":
        yield _itself(run, reference_of(run))
    for model in variants_of(run):
        kl = divergence(run, model.id)
        if model.file_bytes > reference_of(run).file_bytes:
            excluded = "larger"
        elif model.id in failed:
            excluded = "failed"
        elif model.id in infinite:
            excluded = "infinite"
        elif kl is None or not math.isfinite(kl.value):
            excluded = "other-vocabulary" if model.id in others else "not-measured"
        else:
            found = standing(run, model.id)
            excluded = "fewer-tasks" if found is not None and found.side == "fewer" else ""
        yield Candidate(
            **_of_file(model),
            kl=kl.value if kl else math.nan,
            kl_low=kl.low if kl else math.nan,
            kl_high=kl.high if kl else math.nan,
            kl_floor=kl_floor(run, model.id),
            n_tokens=kl.n if kl else 0,
            n_documents=kl.n_clusters if kl else 0,
            metrics=dict(_named(run.select(model=model.id))),
            excluded=excluded,
            n_infinite=infinite.get(model.id, 0),
            message=failed.get(model.id, ""),
        )
    known = {model.id for model in run.models}
    for name, message in failed.items():
        if name not in known:
            yield Candidate(name=name, metrics={}, excluded="failed", message=message)


def _evaluated(run: Run) -> Iterator[Candidate]:
    failed = {n.model: str(n.values["message"]) for n in run.notes if n.code == "model-failed"}
    for model in run.models[0 if run.options.get("reference") is None else 1 :]:
        if model.id not in failed:
            yield Candidate(**_of_file(model), metrics=dict(_named(run.select(model=model.id))))
    for name, message in failed.items():
        yield Candidate(name=name, metrics={}, excluded="failed", message=message)


def _itself(run: Run, reference: ModelInfo) -> Candidate:
    """Return the reference as a candidate, which nothing separates from itself."""
    ends = ("", "_low", "_high")
    same = {f"same_first_choice{end}": 1.0 for end in ends} | {f"kl{end}": 0.0 for end in ends}
    rows = run.select(model=reference.id)
    return Candidate(
        **_of_file(reference),
        kl=0.0,
        kl_low=0.0,
        kl_high=0.0,
        metrics={**dict(_named(rows)), **same},
        is_reference=True,
    )


def _of_file(model: ModelInfo) -> dict[str, Any]:
    return {
        "name": model.id,
        "path": model.path,
        "sha256": model.sha256,
        "variant": model.variant,
        "file_type": model.file_type,
        "size": model.file_bytes,
        "bits_per_weight": model.bits_per_weight,
        "memory": model.file_bytes,
    }


def _named(rows: Sequence[Measurement]) -> Iterator[tuple[str, float]]:
    """Yield the numbers that conditions may name: metrics by their ids.

    An interval's ends are ID_low and ID_high, NaN where one document gives none; of quantiles there
    are ID_median, ID_99 and ID_max; what the cold start gave is cold_ID.
    """
    for row in rows:
        if row.group == "":
            yield row.metric, row.value
            mean = METRICS[row.metric].estimator in ("mean", "mean_of_finite", "ratio")
            if math.isfinite(row.low) or (mean and row.n_clusters > 0):
                yield f"{row.metric}_low", row.low
                yield f"{row.metric}_high", row.high
        elif row.group in QUANTILES:
            yield f"{row.metric}_{QUANTILES[row.group]}", row.value
        elif row.group == COLD:
            yield f"cold_{row.metric}", row.value


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value if not isinstance(value, float) or math.isfinite(value) else None
