"""From runs and limits to a recommendation."""

from __future__ import annotations

from collections.abc import Sequence

from pyengine.asked import asked
from pyengine.choose.candidates import Candidate, candidates_of
from pyengine.choose.choose import Limits, choose, pairs_of
from pyengine.choose.conditions import holds
from pyengine.choose.reasons import judge, what_would_change, why
from pyengine.choose.verdicts import reference_of
from pyengine.errors import InputError, OptionError
from pyengine.run.record import Exhibit, Run


def recommend(
    runs: Sequence[Run],
    *,
    max_kl: float | None = None,
    memory: int | None = None,
    size: int | None = None,
    variant: str | None = None,
    fail_if: str | None = None,
) -> Run:
    """Choose a variant among those of comparisons and sweeps.

    Args:
        runs: of `compare` or `sweep`; a sweep's timings add measured memory.
        max_kl: the margin, nats per token; None takes the one that the run was made with.
        memory: bytes of memory that the model may need.
        size: bytes that the file may have.
        variant: judge this one only, by its name, path, hash or type.
        fail_if: a condition on the chosen one's numbers; see `conditions`.

    Returns:
        a run with the exhibits "candidate" (see `Candidate`), and one "choice": chosen (a name, or
        null), qualified, failed, why and change (see `pyengine.choose.reasons`).

    Raises:
        InputError: the runs are of another command or of different references.
        OptionError: an option is impossible, or the condition cannot be read.
    """
    if max_kl is not None and not max_kl >= 0:
        raise OptionError(f"the margin must not be negative: {max_kl}")
    candidates = _wanted(candidates_of(runs), variant)
    source = next(run for run in runs if run.command in ("compare", "sweep"))
    margin = float(source.options["margin"]) if max_kl is None else max_kl
    limits = Limits(margin=margin, memory=memory, size=size)
    choice = choose(candidates, limits, pairs_of(runs, margin))
    reasons = (
        (why(choice, candidates, limits), what_would_change(choice, candidates, limits))
        if variant is None
        else judge(candidates[0], limits)
    )
    content = {
        "chosen": choice.chosen.name if choice.chosen else None,
        "qualified": choice.qualified,
        "failed": _failed(fail_if, choice.chosen),
        "why": reasons[0],
        "change": reasons[1],
    }
    shown = [c.content() for c in sorted(candidates, key=lambda c: (c.size, c.name))]
    return Run(
        command="recommend",
        options={
            "margin": margin,
            "margin_given": max_kl is not None,
            "memory": memory,
            "size": size,
            "variant": variant,
            "fail_if": fail_if,
        },
        provenance=source.provenance.model_copy(update={"words": list(asked.get())}),
        models=[reference_of(source)],
        exhibits=[
            Exhibit(kind="choice", model="", content=content),
            *(Exhibit(kind="candidate", model="", content=one) for one in shown),
        ],
    )


def _wanted(candidates: list[Candidate], variant: str | None) -> list[Candidate]:
    if not candidates:
        raise InputError("the records hold no variant to choose from")
    if variant is None:
        return candidates
    chosen = [c for c in candidates if variant in (c.name, c.path, c.sha256)]
    chosen = chosen or [c for c in candidates if variant.upper() == c.file_type.upper()]
    if len(chosen) != 1:
        names = ", ".join(f"{c.name} ({c.file_type or 'damaged'})" for c in candidates)
        count = len(chosen) or "none"
        raise OptionError(f"--variant {variant}: names {count} of the variants {names}")
    return chosen


def _failed(condition: str | None, chosen: Candidate | None) -> bool:
    if condition is None:
        return False
    if chosen is None:
        return True
    return holds(condition, chosen.numbers)
