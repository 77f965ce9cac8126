"""How fast a model writes by the types of its tensors: each type is timed in a file of it.

What a token takes is what it takes with all tensors in one type, and for every other type what that
takes more or less for a weight, times the weights that have it and that a token needs.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from pyengine.files import temporary_folder
from pyengine.measure.engine import Progress
from pyengine.measure.quantize import variant_path
from pyengine.measure.sensitivity_groups import TensorGroup
from pyengine.measure.speed import SpeedOptions, speed_notes
from pyengine.measure.store import open_cache
from pyengine.models.gguf import TensorEntry, read_head, read_tensor_table, trained_context
from pyengine.models.options import ModelOptions
from pyengine.models.quantize import file_sha256, plan_quantization
from pyengine.models.quantize_options import QuantizationPlan, QuantizeOptions
from pyengine.models.rules_file import exact_rules
from pyengine.models.tensor_rules import EMBEDDING, OUTPUT, PER_LAYER_EMBEDDING
from pyengine.picking.kept_timings import KeptTimings
from pyengine.run.record import Exhibit, Note

BASE = "q8_0"  # quick to make, and of blocks that all tensors have that are quantized at all
PICOSECONDS = 1e12


class Range(NamedTuple):
    """A median, or what follows from medians, and between which numbers it may be."""

    value: float
    low: float
    high: float

    def inverse(self) -> Range:
        """Return tokens per second of seconds per token, and the other way round."""
        return Range(1 / self.value, 1 / self.high, 1 / self.low)

    def content(self) -> dict[str, float]:
        """Return it as plain JSON values."""
        return self._asdict()


@dataclass(frozen=True, kw_only=True)
class SpeedAsked:
    """A speed that files must have.

    Attributes:
        least: tokens per second.
        how: how files are timed; its depth is the context of which the last token is written,
            where the model was trained with as many.
        opening: how they are opened.
    """

    least: float
    how: SpeedOptions
    opening: ModelOptions = field(default_factory=ModelOptions)


@dataclass(frozen=True, kw_only=True)
class TypeSpeeds:
    """What a token takes with tensors of each type.

    Attributes:
        asked: tokens per second that a file must write at least.
        how: how the base was timed, and files are.
        base: seconds of a token where all tensors have the type `BASE`.
        types: by type, seconds of a token, with nothing in the cache, where all tensors that can
            have it have it and the others have `BASE`.
        weights: by type, how many weights these tensors have that a token needs.
        needed: by tensor, how many of its weights a token needs.
    """

    asked: float
    how: SpeedOptions
    base: Range
    types: Mapping[str, Range]
    weights: Mapping[str, int]
    needed: Mapping[str, int]

    @property
    def most(self) -> int:
        """The picoseconds that a token may take, less those of the base."""
        return math.floor((1 / self.asked - self.base.value) * PICOSECONDS)

    def beyond(self, tensors: Iterable[str], name: str) -> int:
        """Return the picoseconds that tensors take more in a type than in the base's."""
        part = self._needed(tensors) / self.weights[name]
        return round(part * (self.types[name].value - self.types[BASE].value) * PICOSECONDS)

    def predicted(self, groups: Iterable[tuple[Sequence[str], str]]) -> Range:
        """Return how many tokens a second a file writes whose tensors have these types.

        The ends are those of the timings, all of them as bad and as good as they were.
        """
        value, low, high = self.base
        usual = self.types[BASE]
        for tensors, name in groups:
            if name != BASE:
                part, own = self._needed(tensors) / self.weights[name], self.types[name]
                value += part * (own.value - usual.value)
                low += part * (own.low - usual.high)
                high += part * (own.high - usual.low)
        shortest = self.base.low / 100  # ranges of a busy machine may leave nothing
        return Range(max(value, shortest), max(low, shortest), max(high, shortest)).inverse()

    def _needed(self, tensors: Iterable[str]) -> int:
        return sum(self.needed[name] for name in tensors)

    def exhibit(self) -> Exhibit:
        """Return them as a part of a run."""
        types = [
            {"type": name, "n_weights": self.weights[name], **seconds.inverse().content()}
            for name, seconds in self.types.items()
        ]
        content: dict[str, Any] = {"depth": self.how.depth, "base": BASE, "types": types}
        content |= {"asked": self.asked, **self.base.inverse().content()}
        return Exhibit(kind="type-speeds", model="", content=content)


def measure_type_speeds(
    source: Path,
    groups: Sequence[TensorGroup],
    asked: SpeedAsked,
    *,
    options: QuantizeOptions,
    progress: Progress,
) -> tuple[TypeSpeeds, list[Note]]:
    """Make a file of each type that groups can have, time it as `sweep` does, and remove it.

    One at a time stands in the system's temporary folder. Timings are kept in the user's cache, and
    used again for a day.

    Args:
        source: a model of floats.
        groups: its tensors, see `sensitivity_groups`.
        asked: what is asked of files. Types are timed with an empty cache: weights take as long.
        options: how to quantize; without rules.
        progress: called with what is being done and the part that is done.

    Returns:
        what was found, and what must be known of it, of each kind the first.

    Raises:
        InputError: a file cannot be made.
        ModelFileError, ModelKindError, OptionError, WorkerError: as quantizing and opening.
    """
    table = read_tensor_table(source)
    needed = weights_of_a_token(source, table)
    can_have: dict[str, list[str]] = {}
    for group in groups:
        for choice in group.choices:
            can_have.setdefault(choice.type, []).extend(group.tensors)
    can_have[BASE] = [tensor for group in groups for tensor in group.tensors]
    kinds = {tensor.type for tensor in table if tensor.name in can_have[BASE]}
    others = sorted(can_have.keys() - {BASE})
    types: dict[str, Range] = {}
    weights: dict[str, int] = {}
    notes: dict[str, Note] = {}
    base = Range(0, 0, 0)
    speed = asked.how.within(min(asked.how.depth, trained_context(source)))
    with temporary_folder() as temporary, open_cache() as store:
        timings = KeptTimings(source, file_sha256(source), asked.opening, store)
        for number, name in enumerate([BASE, *others]):
            progress("Timing types", number / (1 + len(others)))
            ruled, plan, had = _planned(source, can_have, name, options)
            if not (n_weights := sum(needed[tensor] for tensor in had)):
                continue
            place = source if kinds == {name} else variant_path(source, temporary, name)
            if name == BASE:
                timing = timings.timing(place, plan, ruled, speed)
                notes = {note.code: note for note in speed_notes(place.stem, timing, speed)}
                speed, base = speed.like(timing), _seconds(timing)
            shallow = replace(speed, depth=0)
            timing = timings.timing(place, plan, ruled, shallow)
            for note in speed_notes(place.stem, timing, shallow):
                notes.setdefault(note.code, note)
            types[name], weights[name] = _seconds(timing), n_weights
            if place != source:
                place.unlink(missing_ok=True)
    found = TypeSpeeds(
        asked=asked.least, how=speed, base=base, types=types, weights=weights, needed=needed
    )
    told = [note for code, note in notes.items() if code != "slow"]
    return found, told + timings.notes()


def weights_of_a_token(source: Path, table: Sequence[TensorEntry]) -> dict[str, int]:
    """Return how many weights of each tensor are multiplied for a token.

    Of an embedding that is not the output layer too a row is read, and of experts those that are
    asked.
    """
    _, values = read_head(source)
    used = values.get(f"{values.get('general.architecture')}.expert_used_count")
    names = {tensor.name for tensor in table}
    rows = {PER_LAYER_EMBEDDING, *({EMBEDDING} if OUTPUT in names else ())}
    found = {}
    for tensor in table:
        whole = math.prod(tensor.shape)
        experts = tensor.shape[2] if len(tensor.shape) > 2 else 1
        part = min(used, experts) if isinstance(used, int) and used else experts
        found[tensor.name] = 0 if tensor.name in rows else whole // experts * part
    return found


def _planned(
    source: Path, can_have: Mapping[str, Sequence[str]], name: str, options: QuantizeOptions
) -> tuple[QuantizeOptions, QuantizationPlan, list[str]]:
    """Plan the file of a type; returns the tensors that have it, too.

    Where llama.cpp gives it with importance only, and there is none, a tensor keeps the base's.
    """
    had = list(can_have[name])
    while True:
        types = dict.fromkeys(can_have[BASE], BASE) | dict.fromkeys(had, name)
        ruled = replace(options, overrides=exact_rules(types))
        (plan,) = plan_quantization(source, ["Q8_0"], options=ruled)
        if not plan.lacks_importance:
            return ruled, plan, had
        had = [tensor for tensor in had if tensor not in plan.lacks_importance]


def _seconds(timing: Mapping[str, Any]) -> Range:
    """Return the seconds of a token, by the median of repetitions and their range."""
    speeds = timing["generation_speeds"]
    return Range(statistics.median(speeds), min(speeds), max(speeds)).inverse()
