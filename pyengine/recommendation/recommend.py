"""From records and limits to a recommendation in words."""

from __future__ import annotations

from collections.abc import Sequence

from pyengine.asked import asked
from pyengine.comparison.records import ComparisonResult
from pyengine.errors import InputError, OptionError
from pyengine.recommendation.candidates import candidates_of
from pyengine.recommendation.choose import Limits, choose, pairs_of
from pyengine.recommendation.conditions import holds
from pyengine.recommendation.records import Candidate, RecommendResult
from pyengine.recommendation.words import judge, what_would_change, why
from pyengine.results import Result
from pyengine.sweep.records import SweepResult


def recommend(
    results: Sequence[Result],
    *,
    max_kl: float | None = None,
    memory: int | None = None,
    size: int | None = None,
    variant: str | None = None,
    fail_if: str | None = None,
) -> RecommendResult:
    """Choose a variant among those of comparisons and sweeps.

    Args:
        results: records of `compare` or `sweep`; a sweep's timings add measured memory.
        max_kl: the margin, nats per token; None takes the one that the record was made with.
        memory: bytes of memory that the model may need.
        size: bytes that the file may have.
        variant: judge this one only.
        fail_if: a condition on the chosen one's numbers; see `conditions`.

    Raises:
        InputError: the records are of another kind or of different references.
        OptionError: an option is impossible, or the condition cannot be read.
    """
    if max_kl is not None and not max_kl >= 0:
        raise OptionError(f"the margin must not be negative: {max_kl}")
    candidates = _wanted(candidates_of(results), variant)
    source = next(r for r in results if isinstance(r, ComparisonResult | SweepResult))
    limits = Limits(margin=source.margin if max_kl is None else max_kl, memory=memory, size=size)
    choice = choose(candidates, limits, pairs_of(results))
    reasons = (
        (why(choice, candidates, limits), what_would_change(choice, candidates, limits))
        if variant is None
        else judge(candidates[0], limits)
    )
    return RecommendResult(
        provenance=source.provenance.model_copy(update={"command": list(asked.get())}),
        reference=source.reference if isinstance(source, SweepResult) else source.reference.name,
        margin=limits.margin,
        margin_given=max_kl is not None,
        memory_limit=memory,
        size_limit=size,
        chosen=choice.chosen.name if choice.chosen else None,
        qualified=choice.qualified,
        variant=variant,
        why=reasons[0],
        what_would_change=reasons[1],
        candidates=sorted(candidates, key=lambda c: (c.size, c.name)),
        fail_if=fail_if,
        failed=_failed(fail_if, choice.chosen),
    )


def _wanted(candidates: list[Candidate], variant: str | None) -> list[Candidate]:
    if not candidates:
        raise InputError("the records hold no variant to choose from")
    if variant is None:
        return candidates
    chosen = [c for c in candidates if variant in (c.name, c.path, c.sha256)]
    chosen = chosen or [c for c in candidates if _is_type(variant, c.file_type)]
    if len(chosen) != 1:
        names = ", ".join(f"{c.name} ({c.file_type})" for c in candidates)
        count = len(chosen) or "none"
        raise OptionError(f"--variant {variant}: names {count} of the variants {names}")
    return chosen


def _is_type(name: str, file_type: str | None) -> bool:
    return file_type is not None and name.upper() == file_type.upper()


def _failed(condition: str | None, chosen: Candidate | None) -> bool:
    if condition is None:
        return False
    if chosen is None:
        return True
    return holds(condition, chosen.numbers)
