"""Gates: what every variant of a run must keep, judged one by one, as codes and numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, TypeAlias

from pyengine.choose.candidates import COLD, QUANTILES, Candidate
from pyengine.choose.conditions import holds, names_in, unknown
from pyengine.choose.evaluation import below
from pyengine.choose.verdicts import unmet
from pyengine.errors import InputError, OptionError
from pyengine.run.metrics import METRICS
from pyengine.run.record import Run

Gate: TypeAlias = Literal["fail-if", "max-kl", "fail-under", "baseline"]
# Of a condition: it holds or not, or why that is not known.
Held: TypeAlias = Literal["holds", "holds-not", "not-measured", "unknown", "undefined"]
PASSED = ("holds-not", "within", "not-worse", "new")
# What a condition may name of a file beside its metrics.
OF_FILES = ("size", "memory", "tokens", "bits_per_weight")
MOST_MATCHES = 3


@dataclass(frozen=True, slots=True)
class Check:
    """What became of one gate for one variant.

    Attributes:
        gate: the option that asked for it.
        asked: what it was given: a condition, a limit, a record's name.
        model: id of the variant; empty where there is none.
        code: "holds-not", "within" or "not-worse" where it passes, "new" where a baseline has
            nothing to hold it against, else why it fails: "holds", "exceeds", "below", "worse";
            "not-measured", "no-interval", "unknown" (an end of an interval), "undefined" (a
            division by zero), "infinite", "failed", "not-executed", "nothing-chosen".
        values: numbers and words that a sentence needs.
    """

    gate: Gate
    asked: str
    model: str
    code: str
    values: Mapping[str, Any]

    @property
    def passed(self) -> bool:
        """Whether the gate is open for the variant."""
        return self.code in PASSED

    @property
    def skipped(self) -> bool:
        """Whether there was nothing to judge."""
        return self.code == "new"

    @property
    def title(self) -> str:
        """The option with what it was given."""
        return f"--{self.gate} {self.asked}"


def nameable() -> list[str]:
    """Return all numbers that a condition may name, whatever was measured."""
    ends = ("", "_low", "_high", *(f"_{word}" for word in QUANTILES.values()))
    cold = COLD.partition("=")[2]
    of_metrics = [f"{metric}{end}" for metric in METRICS for end in ends]
    return [*dict.fromkeys([*OF_FILES, *of_metrics, *(f"{cold}_{metric}" for metric in METRICS)])]


def check_conditions(conditions: Iterable[str]) -> None:
    """Raise OptionError where a condition cannot be read, or names what no metric is called."""
    known = nameable()
    for condition in conditions:
        for name in names_in(condition):
            if name not in known:
                near = get_close_matches(name, known, MOST_MATCHES) or OF_FILES
                raise OptionError(
                    f"{condition!r}: there is no metric {name!r}; there is {', '.join(near)}"
                )


def held(condition: str, numbers: Mapping[str, float]) -> tuple[Held, list[str]]:
    """Tell whether a condition holds, or why nobody knows, with the names that are not known.

    Raises OptionError where it cannot be read.
    """
    missing = [name for name in names_in(condition) if name not in numbers]
    if missing:
        return "not-measured", missing
    try:
        missing = unknown(condition, numbers)
        if missing:
            return "unknown", missing
        return "holds" if holds(condition, numbers) else "holds-not", []
    except OptionError:  # it can be read, so it divides by a number that is zero
        return "undefined", []


def condition_checks(candidates: Sequence[Candidate], conditions: Iterable[str]) -> list[Check]:
    """Judge every candidate by each condition, on which a gate fails; see `conditions`.

    What is not known fails, as does a variant whose measurement failed, and one with infinite
    divergence at a token where a mean of divergences is named, which leaves such tokens out.

    Raises OptionError where a condition cannot be read.
    """
    checks = []
    for condition in conditions:
        checks += [_check(candidate, condition) for candidate in candidates]
        if not candidates:
            checks.append(Check("fail-if", condition, "", "nothing-chosen", {}))
    return checks


def _check(candidate: Candidate, condition: str) -> Check:
    names = names_in(condition)
    code: str
    values: dict[str, Any] = {}
    if candidate.excluded == "failed" or candidate.message:
        code, values = "failed", {"message": candidate.message}
    elif candidate.n_infinite and any(map(_is_mean_divergence, names)):
        code, values = "infinite", {"n_tokens": candidate.n_infinite}
    else:
        code, missing = held(condition, candidate.numbers)
        numbers = {name: candidate.numbers[name] for name in names if name not in missing}
        values = {"unknown": missing} if missing else {"numbers": numbers}
    return Check("fail-if", condition, candidate.name, code, values)


def _is_mean_divergence(name: str) -> bool:
    """Tell whether a number is a mean that leaves infinite divergences out, or an end of it.

    Quantiles keep them.
    """
    metric = METRICS.get(name) or METRICS.get(name.rpartition("_")[0])
    if metric is None or name.endswith(tuple(f"_{word}" for word in QUANTILES.values())):
        return False
    return metric.floor == "divergence" or metric.id == "kl_beyond_arithmetic"


def level_checks(run: Run, max_kl: float) -> list[Check]:
    """Judge whether each variant's mean KL divergence is surely at most so many nats.

    Raises InputError where the run is no comparison.
    """
    if run.command not in ("compare", "sweep"):
        raise InputError(f"a record of {run.command!r} holds no divergences to limit")
    failed = [note.model for note in run.notes if note.code == "variant-failed"]
    names = dict.fromkeys([*(model.id for model in run.models[1:]), *failed])
    return _limited("max-kl", max_kl, names, unmet(run, max_kl))


def pass_checks(run: Run, fail_under: float) -> list[Check]:
    """Judge whether each model's pass@1 is surely at least so much.

    Raises InputError where the run is no evaluation.
    """
    if run.command != "evaluate":
        raise InputError(f"a record of {run.command!r} holds no solved tasks")
    found = below(run, fail_under)
    names = dict.fromkeys([*found, *(model.id for model in run.models)])
    return _limited("fail-under", fail_under, names, found)


def _limited(
    gate: Gate,
    limit: float,
    names: Collection[str],
    found: Mapping[str, tuple[str, Mapping[str, Any]]],
) -> list[Check]:
    return [Check(gate, f"{limit:g}", name, *found.get(name, ("within", {}))) for name in names]
