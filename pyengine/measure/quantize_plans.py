"""Which files a quantization makes: types by name, the largest of a size, or all there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from pyengine.errors import OptionError, failure_values
from pyengine.models.file_types import FILE_TYPES, FLOAT_TYPES, GENERAL_TYPES, TERNARY_TYPES
from pyengine.models.quantize import plan_quantization
from pyengine.models.quantize_options import QuantizationPlan, QuantizeOptions
from pyengine.models.tensor_rules import EMBEDDING, OUTPUT, more_layers
from pyengine.run.record import Exhibit, Note

Progress: TypeAlias = Callable[[str, float], object]


@dataclass(frozen=True)
class SizeLimit:
    """A size that a file may have at most; `asked` is how it was written.

    Attributes:
        n_bytes: of the file.
        bits: per weight, over all tensors; one of the two is given.
    """

    asked: str
    n_bytes: int | None = None
    bits: float | None = None

    def holds(self, plan: QuantizationPlan) -> bool:
        """Whether a file is within it."""
        return not (
            (self.n_bytes is not None and plan.file_bytes > self.n_bytes)
            or (self.bits is not None and plan.bits_per_weight > self.bits)
        )


@dataclass(frozen=True)
class Planned:
    """Files to make, with what is to be said of the choice."""

    plans: list[QuantizationPlan]
    exhibits: list[Exhibit]
    notes: list[Note]


def planned(
    source: Path,
    file_types: Sequence[str] | None,
    limits: Sequence[SizeLimit],
    options: QuantizeOptions,
    progress: Progress | None,
) -> Planned:
    """Plan types by name, then the largest within each limit.

    Args:
        source: the model to quantize.
        file_types: None for every type that there is, the largest file first.
        limits: sizes that choose a type.
        options: how to quantize.
        progress: called with what is being done and the part that is done.

    Raises:
        OptionError: a type or an option is impossible, or no type is within a limit.
    """
    told = progress and partial(progress, "Planning")
    notes: list[Note] = []
    if file_types is None:
        plans = _every(source, options, told, notes)
    else:
        plans = plan_quantization(source, file_types, options=options, progress=told)
    exhibits = []
    candidates = general_plans(source, options, told) if limits else []
    for limit in limits:
        plan, content = largest_within(source, candidates, limit)
        exhibits.append(Exhibit(kind="size", model="", content=content))
        plans += [] if plan.file_type in [other.file_type for other in plans] else [plan]
    exhibits += _rules(plans[0], options)
    return Planned(plans, exhibits, [*notes, *_notes(plans, options)])


def _every(
    source: Path,
    options: QuantizeOptions,
    progress: Callable[[float], object] | None,
    notes: list[Note],
) -> list[QuantizationPlan]:
    """Plan all types, and note which cannot be made of this source."""
    failed: dict[str, OptionError] = {}
    plans = plan_quantization(
        source, FILE_TYPES, options=options, impossible=failed.__setitem__, progress=progress
    )
    if not plans:
        raise failed["Q8_0"]  # what holds of every type
    notes += [
        Note(code="type-impossible", values={"file_type": name, **failure_values(error, source)})
        for name, error in failed.items()
    ]
    return sorted(plans, key=lambda plan: -plan.file_bytes)


def general_plans(
    source: Path, options: QuantizeOptions, progress: Callable[[float], object] | None
) -> list[QuantizationPlan]:
    """Plan the types from which a size chooses; raise what forbids all of them."""
    failed: list[OptionError] = []
    plans = plan_quantization(
        source,
        GENERAL_TYPES,
        options=options,
        impossible=lambda _, error: failed.append(error),
        progress=progress,
    )
    if not plans:
        raise failed[0]
    return plans


def largest_within(
    source: Path, plans: Sequence[QuantizationPlan], limit: SizeLimit
) -> tuple[QuantizationPlan, dict[str, Any]]:
    """Return the largest file within a limit that can be made, the first of equals, and why.

    Returns:
        its plan, and: `asked`, `max_bytes` or `max_bits`, its `file_type`, `n_types` that were
        looked at, and the next larger one, `larger`, with `larger_bytes` and `larger_bits`; null
        where it is the largest of all.

    Raises:
        OptionError: none is so small; the smallest is named.
    """
    possible = [plan for plan in plans if not plan.lacks_importance]
    within = [plan for plan in possible if limit.holds(plan)]
    if not within:
        raise OptionError(_too_small(source, plans, possible, limit))
    found = max(within, key=lambda plan: plan.file_bytes)
    beyond = [plan for plan in possible if not limit.holds(plan)]
    larger = min(beyond, key=lambda plan: plan.file_bytes, default=None)
    return found, {
        "asked": limit.asked,
        "max_bytes": limit.n_bytes,
        "max_bits": limit.bits,
        "file_type": found.file_type,
        "n_types": len(possible),
        "larger": larger and larger.file_type,
        "larger_bytes": larger and larger.file_bytes,
        "larger_bits": larger and larger.bits_per_weight,
    }


def _too_small(
    source: Path,
    plans: Sequence[QuantizationPlan],
    possible: Sequence[QuantizationPlan],
    limit: SizeLimit,
) -> str:
    """Say which type is the smallest, and what an importance matrix would give."""
    needing = [plan for plan in plans if plan.lacks_importance]
    told = f"{source}: no type is as small as {limit.asked}"
    if possible:
        told += f"; the smallest is {_sized(min(possible, key=lambda plan: plan.file_bytes))}"
    within = [plan for plan in needing if limit.holds(plan)]
    if within:
        told += (
            f"; with an importance matrix (--imatrix) there is "
            f"{_sized(max(within, key=lambda plan: plan.file_bytes))}"
        )
    elif needing:
        smallest = min(needing, key=lambda plan: plan.file_bytes)
        told += f", and with an importance matrix {_sized(smallest)}"
    return told


def _sized(plan: QuantizationPlan) -> str:
    size, bits = plan.file_bytes / 1e6, plan.bits_per_weight
    return f"{plan.file_type} with {size:.1f} MB, {bits:.2f} bits per weight"


def _rules(plan: QuantizationPlan, options: QuantizeOptions) -> list[Exhibit]:
    """Return what each override decides, which is the same of every file type."""
    return [
        Exhibit(
            kind="rule",
            model="",
            content={"pattern": pattern, "tensor_type": kind.lower(), "tensors": list(tensors)},
        )
        for (pattern, kind), tensors in zip(options.overrides, plan.rules, strict=False)
    ]


def _notes(plans: Sequence[QuantizationPlan], options: QuantizeOptions) -> list[Note]:
    """Return what must be known of types: they are not what their names say, or rules do more."""
    notes = []
    names = [tensor.name for tensor in plans[0].tensors]
    if options.output_type and OUTPUT not in names:
        notes.append(Note(code="output-tied", values={"tensor": EMBEDDING}))
    for (pattern, _), tensors in zip(options.overrides, plans[0].rules, strict=False):
        for written, layers in more_layers(pattern, tensors).items():
            values = {"pattern": pattern, "written": written, "layers": layers}
            notes.append(Note(code="rule-matches-more", values=values))
    for plan in plans:
        if plan.moved:
            moved = {"file_type": plan.file_type, "names": list(plan.moved)}
            notes.append(Note(code="rules-move-others", values=moved))
    unlike = [plan.file_type for plan in plans if _lacks_own_type(plan)]
    if unlike and not options.overrides:
        notes.append(Note(code="own-type-unused", values={"names": unlike}))
    ternary = [plan.file_type for plan in plans if plan.file_type in TERNARY_TYPES]
    if ternary:
        notes.append(Note(code="ternary", values={"names": ternary}))
    return notes


def _lacks_own_type(plan: QuantizationPlan) -> bool:
    """Whether no tensor has the type that the file's name says."""
    return plan.file_type not in FLOAT_TYPES and plan.base_type not in plan.tensor_types
