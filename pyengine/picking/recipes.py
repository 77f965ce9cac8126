"""Recipes: the type of each tensor that together lose least within a size."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from pyengine.choose.knapsack import choose, choose_in_time
from pyengine.errors import OptionError
from pyengine.measure.quantize_plans import Progress, SizeLimit
from pyengine.measure.sensitivity_groups import TensorGroup, TypeChoice
from pyengine.models.gguf import read_tensor_table
from pyengine.models.quantize import plan_quantization
from pyengine.models.quantize_options import QuantizationPlan, QuantizeOptions
from pyengine.models.rules_file import exact_rules
from pyengine.picking.type_speeds import Range, TypeSpeeds

Chosen: TypeAlias = tuple[tuple[TensorGroup, TypeChoice], ...]  # of each group its type
APART = 1.01  # by which files differ between which it is worth to choose
ALIGNMENT = 32  # every tensor of a file begins at a multiple of it


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The types of all tensors within a size.

    Attributes:
        limit: the size.
        preset: the largest general type within it, beside which the recipe is verified.
        options: a rule for each tensor, and what else makes the file.
        plan: what the file will be.
        chosen: of each group its type.
        asked_speed, speed: tokens per second that were asked for, and that are predicted.
    """

    limit: SizeLimit
    preset: QuantizationPlan
    options: QuantizeOptions
    plan: QuantizationPlan
    chosen: Chosen
    asked_speed: float | None = None
    speed: Range | None = None

    @property
    def kl(self) -> float:
        """The divergence that is predicted: the sum over groups, nats per token."""
        return math.fsum(choice.kl for _, choice in self.chosen)


def recipe_within(
    source: Path,
    groups: Sequence[TensorGroup],
    preset: QuantizationPlan,
    limit: SizeLimit,
    options: QuantizeOptions,
    speeds: TypeSpeeds | None = None,
) -> Recipe:
    """Choose a type for each group so that the sum of what they lose is least within a size.

    Where a speed is asked for, too, it is the least of what is predicted to be as fast.

    Tensors that are in no group have the type that they have in the preset. A type that llama.cpp
    gives a tensor only with its importance is no choice where there is none.

    Args:
        source: the model.
        groups: each tensor in one of them at most.
        preset: the plan of the type whose name the file has in its metadata.
        limit: the size.
        options: how to quantize; without rules.
        speeds: of types; None where none is asked for.

    Raises:
        OptionError: no choice is so small or so fast, or a group's tensors are not those of the
            source.
    """
    sizes = _Sizes(source, groups, limit)
    others = sizes.others(preset)
    candidates = [
        [
            choice
            for choice in group.choices
            if math.isfinite(choice.kl) and (speeds is None or choice.type in speeds.types)
        ]
        for group in groups
    ]
    beside = sizes.beside(preset)
    while True:
        found = _choose(source, groups, candidates, sizes, beside, speeds)
        types = {name: c.type for g, c in found for name in g.tensors} | others
        ruled = replace(options, overrides=exact_rules(types), recipe_sha256=_sha256(found))
        (plan,) = plan_quantization(source, [preset.file_type], options=ruled)
        refused = set(plan.lacks_importance) - others.keys()
        for number, (group, choice) in enumerate(found):
            if refused.intersection(group.tensors):
                candidates[number].remove(choice)
        known = sizes.beside(plan)
        if not refused and known <= beside:
            return Recipe(
                limit=limit,
                preset=preset,
                options=ruled,
                plan=plan,
                chosen=found,
                asked_speed=None if speeds is None else speeds.asked,
                speed=None if speeds is None else _speed(found, speeds),
            )
        beside = max(beside, known)  # what the file says of its rules takes room, too


def recipes_beside(
    source: Path,
    groups: Sequence[TensorGroup],
    presets: Sequence[QuantizationPlan],
    most: int | None,
    options: QuantizeOptions,
    progress: Progress,
    speeds: TypeSpeeds | None = None,
) -> list[Recipe]:
    """Choose recipes of the sizes of presets, and one of the most that a file may have.

    One that would be a preset, or hardly larger than another recipe, is left out.

    Args:
        source, groups, options, speeds: as in `recipe_within`.
        presets: whose sizes are taken, as far as they are within `most`.
        most: bytes; None for no limit.
        progress: called with what is being done and the part that is done.

    Raises:
        OptionError: none of the sizes can be had, or a group is of another model.
    """
    within = [plan for plan in presets if most is None or plan.file_bytes <= most]
    within.sort(key=lambda plan: plan.file_bytes)
    limits = [(plan, SizeLimit(plan.file_type, n_bytes=plan.file_bytes)) for plan in within]
    if most is not None and within:
        limits.append((within[-1], SizeLimit(f"{most / 1e6:.6g}MB", n_bytes=most)))
    found: list[Recipe] = []
    failed: list[OptionError] = []
    for number, (preset, limit) in enumerate(limits):
        progress("Choosing types", number / len(limits))
        try:
            recipe = recipe_within(source, groups, preset, limit, options, speeds)
        except OptionError as error:  # the smallest presets may be smaller than any recipe
            failed.append(error)
            continue
        apart = not found or recipe.plan.file_bytes > APART * found[-1].plan.file_bytes
        if apart and recipe.plan.tensors not in [plan.tensors for plan in presets]:
            found.append(recipe)
    if failed and len(failed) == len(limits):
        raise failed[-1]
    return found


def _choose(
    source: Path,
    groups: Sequence[TensorGroup],
    candidates: Sequence[Sequence[TypeChoice]],
    sizes: _Sizes,
    beside: int,
    speeds: TypeSpeeds | None,
) -> Chosen:
    """Return the best choice of each group, where what is beside the groups takes so much."""
    for group, choices in zip(groups, candidates, strict=True):
        if not choices:
            raise OptionError(
                f"{source}: no type that was measured can be given to {group.tensors[0]} and the "
                f"{len(group.tensors) - 1} others of its group; measure the sensitivity again, "
                "with the same importance matrix"
            )
    bytes_of = [
        [sizes.of(group, choice) for choice in choices]
        for group, choices in zip(groups, candidates, strict=True)
    ]
    losses = [[choice.kl for choice in choices] for choices in candidates]
    budget = sizes.budget - beside
    if budget < sum(map(min, bytes_of)):
        smallest = beside + sum(map(min, bytes_of))
        raise OptionError(
            f"{source}: no recipe is as small as {sizes.limit.asked}; the smallest is "
            f"{sizes.written(smallest)}"
        )

    def types(way: Sequence[int] | None) -> Chosen:
        assert way is not None, "the smallest are small enough"
        return tuple(
            (group, choices[n]) for group, choices, n in zip(groups, candidates, way, strict=True)
        )

    if speeds is None:
        return types(choose(bytes_of, losses, budget))
    times = [
        [speeds.beyond(group.tensors, choice.type) for choice in choices]
        for group, choices in zip(groups, candidates, strict=True)
    ]
    found = choose_in_time(bytes_of, losses, budget, times, speeds.most)
    if found is None:
        fastest = _speed(types(choose(bytes_of, times, budget)), speeds)
        raise OptionError(
            f"{source}: no recipe of at most {sizes.limit.asked} writes {speeds.asked:g} tokens/s "
            f"here; the fastest is predicted to write {fastest.value:.3g} ({fastest.low:.3g} to "
            f"{fastest.high:.3g})"
        )
    return types(found)


def _speed(chosen: Chosen, speeds: TypeSpeeds) -> Range:
    return speeds.predicted((group.tensors, choice.type) for group, choice in chosen)


def _sha256(chosen: Chosen) -> str:
    """Return a hash of a choice and of what it was made by."""
    told = [[group.tensors, choice.type, choice.kl] for group, choice in chosen]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


class _Sizes:
    """What types take of a limit: bytes of a file, with padding, or of tensors alone."""

    def __init__(self, source: Path, groups: Sequence[TensorGroup], limit: SizeLimit) -> None:
        self.limit = limit
        self._in_file = limit.bits is None
        table = {tensor.name: tensor for tensor in read_tensor_table(source)}
        self._types = {name: tensor.type for name, tensor in table.items()}
        self._weights = {name: math.prod(tensor.shape) for name, tensor in table.items()}
        self._grouped = {name for group in groups for name in group.tensors}
        unknown = sorted(self._grouped - table.keys())
        if unknown:
            raise OptionError(
                f"{source}: has no tensor {unknown[0]}, of which the sensitivity tells; it is of "
                "another model"
            )
        self._n_weights = sum(self._weights.values())

    @property
    def budget(self) -> int:
        """The most that a file, or its tensors, may take."""
        if self.limit.n_bytes is not None:
            return self.limit.n_bytes
        assert self.limit.bits is not None, "a limit is of bytes or of bits"
        return math.floor(self.limit.bits * self._n_weights / 8)

    def written(self, n_bytes: int) -> str:
        """Write a size as the limit is one."""
        if self._in_file:
            return f"{n_bytes / 1e6:.1f} MB"
        return f"{8 * n_bytes / self._n_weights:.2f} bits per weight"

    def of(self, group: TensorGroup, choice: TypeChoice) -> int:
        """Return what a group takes at a type, which takes as many bits of every weight."""
        shares = (choice.n_bytes * self._weights[t] // group.n_weights for t in group.tensors)
        return sum(map(self._padded, shares))

    def beside(self, plan: QuantizationPlan) -> int:
        """Return what a file takes beside the groups."""
        grouped = sum(self._padded(t.n_bytes) for t in plan.tensors if t.name in self._grouped)
        if self._in_file:
            return plan.file_bytes - grouped
        return sum(tensor.n_bytes for tensor in plan.tensors) - grouped

    def others(self, preset: QuantizationPlan) -> dict[str, str]:
        """Return the types of tensors that are quantized and in no group, as in the preset."""
        return {
            tensor.name: tensor.type
            for tensor in preset.tensors
            if tensor.name not in self._grouped and tensor.type != self._types[tensor.name]
        }

    def _padded(self, n_bytes: int) -> int:
        return -(-n_bytes // ALIGNMENT) * ALIGNMENT if self._in_file else n_bytes
