"""Groups of tensors as a run of `sensitivity` holds them: what each loses when it is rounded."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from pyengine.errors import OptionError
from pyengine.run.record import Exhibit, Run

COMMAND = "sensitivity"
EXHIBIT = "tensor-group"


@dataclass(frozen=True)
class TypeChoice:
    """A type that all tensors of a group can have.

    Attributes:
        type: as ggml names it, such as "q4_K".
        n_bytes: of the group's tensors in it.
        weight_error: mean over the group's weights of the squared error that rounding makes in
            each tensor, over the sum of its squares; weighted by importance where there is some.
        kl: from the source, in nats: measured, or predicted from the measured one in proportion
            to the weight error.
    """

    type: str
    n_bytes: int
    weight_error: float
    kl: float


@dataclass(frozen=True)
class TensorGroup:
    """Tensors of a kind in some layers, which are rounded together.

    Attributes:
        kind: the tensors' name without layer and suffix, such as "attn_q".
        first_layer, last_layer: both included; None for tensors outside the layers.
        tensors: their names.
        n_weights: of all of them.
        measured_types: the types at which they were measured, and how many tensors at each.
        kl, low, high: from the source, in nats, and its interval.
        choices: the types that all of them can have, the smallest first.
        leaf: it is not divided further; the leaves hold every tensor once.
    """

    kind: str
    first_layer: int | None
    last_layer: int | None
    tensors: tuple[str, ...]
    n_weights: int
    measured_types: dict[str, int]
    kl: float
    low: float
    high: float
    choices: tuple[TypeChoice, ...]
    leaf: bool

    def exhibit(self, model: str) -> Exhibit:
        """Return the group as a part of a run; `model` is the source's id."""
        return Exhibit(kind=EXHIBIT, model=model, content=_GROUP.dump_python(self, mode="json"))


_GROUP: TypeAdapter[TensorGroup] = TypeAdapter(TensorGroup)


def groups_of(run: Run) -> list[TensorGroup]:
    """Return the groups of a run of `sensitivity`, in its order; see `leaves`.

    Raises:
        OptionError: the run is of another command, or its groups are not what `exhibit` writes.
    """
    if run.command != COMMAND:
        raise OptionError(f"a record of `{run.command}` holds no groups of tensors")
    try:
        groups = [_GROUP.validate_python(content) for content in run.shown(EXHIBIT)]
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "a group"
        raise OptionError(f"damaged group of tensors: {where}: {first['msg']}") from error
    if not any(group.leaf for group in groups):
        raise OptionError("the record holds no groups of tensors")
    return groups


def leaves(run: Run) -> list[TensorGroup]:
    """Return the groups of a run that are not divided further: together all tensors, once each.

    Raises:
        OptionError: as `groups_of`, or a tensor is in two of them.
    """
    found = [group for group in groups_of(run) if group.leaf]
    names = [name for group in found for name in group.tensors]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise OptionError(f"damaged groups of tensors: {twice} is in two of them")
    return found
