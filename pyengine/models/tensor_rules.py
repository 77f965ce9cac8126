"""Which tensors the options of a quantization decide; options that decide none are refused.

llama.cpp takes them without a word: patterns that match nothing, that an earlier one or another
option hides, or that a file type of floats makes void.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pyengine.errors import OptionError
from pyengine.models.file_types import FLOAT_TYPES
from pyengine.weight_names import weight_layer

OUTPUT, EMBEDDING = "output.weight", "token_embd.weight"
PER_LAYER_EMBEDDING = "per_layer_token_embd.weight"
_LAYER = re.compile(r"blk(?:\\\.|\.|\[\.\])(\d+)(?![\[({?*+])")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the options ask, beside what llama.cpp would choose.

    Attributes:
        overrides: pairs of a pattern and a type.
        matches: for each tensor the overrides whose pattern matches its name, in their order.
        quantizable: the tensors that llama.cpp quantizes at all: no norms, no biases.
    """

    file_type: str
    output_type: str | None
    embedding_type: str | None
    pure: bool
    overrides: Sequence[tuple[str, str]]
    matches: Mapping[str, Sequence[int]]
    quantizable: Collection[str]

    def decider(self, name: str) -> int | str | None:
        """Return the override that decides a tensor's type, or the option; None where none does."""
        matching = self.matches[name]
        if name not in self.quantizable:
            return None
        if name == OUTPUT and self.output_type:
            return "--output-type"
        if name == EMBEDDING and self.embedding_type:
            return "--embedding-type"
        if name == PER_LAYER_EMBEDDING and self.embedding_type and not matching:
            return "--embedding-type"
        if self.file_type in FLOAT_TYPES:
            return None
        return matching[0] if matching else None

    def rule(self, number: int) -> str:
        """Return an override as it is written."""
        pattern, kind = self.overrides[number]
        return f"--tensor-type '{pattern}={kind}'"

    def decided(self, number: int) -> tuple[str, ...]:
        """Return the tensors that an override decides."""
        return tuple(name for name in self.matches if self.decider(name) == number)


def check_rules(source: str, asked: Asked) -> None:
    """Raise OptionError for an option that would do nothing, with the reason."""
    if asked.overrides and asked.file_type in FLOAT_TYPES:
        raise OptionError(
            f"{source}: --tensor-type does nothing for {asked.file_type}, which llama.cpp gives to "
            f"every tensor; leave it out, or make {asked.file_type} without it"
        )
    for number in range(len(asked.overrides)):
        if not asked.decided(number):
            raise OptionError(f"{source}: {asked.rule(number)} does nothing: {_why(asked, number)}")
    if asked.embedding_type and not any(
        asked.decider(name) == "--embedding-type" for name in asked.matches
    ):
        raise OptionError(f"{source}: --embedding-type does nothing: there is no {EMBEDDING}")
    if asked.output_type and OUTPUT not in asked.matches:
        _check_tied_output(source, asked)


def _why(asked: Asked, number: int) -> str:
    """Say why an override decides no tensor."""
    matched = [name for name, rules in asked.matches.items() if number in rules]
    if not matched:
        shown = min(asked.quantizable, default=EMBEDDING)
        return f"it matches no tensor; their names are such as {shown}"
    hidden = [name for name in matched if name in asked.quantizable]
    if not hidden:
        return f"it matches only what llama.cpp never quantizes, such as {matched[0]}"
    before = asked.decider(hidden[0])
    if isinstance(before, int):
        return (
            f"{asked.rule(before)} stands before it and decides {hidden[0]}; the first match wins"
        )
    return f"{before} decides {hidden[0]}, and goes before it"


def _check_tied_output(source: str, asked: Asked) -> None:
    """Raise OptionError where an output that is tied to the embedding has its type from elsewhere.

    Where nothing else decides, `--output-type` governs the embedding, which serves as both.
    """
    tied = f"{source}: --output-type does nothing: the output is tied to {EMBEDDING}"
    decider = asked.decider(EMBEDDING) if EMBEDDING in asked.matches else None
    if decider is not None:
        name = asked.rule(decider) if isinstance(decider, int) else decider
        raise OptionError(f"{tied}, which {name} decides")
    if asked.file_type in FLOAT_TYPES or asked.pure:
        void = "--pure" if asked.pure else asked.file_type
        raise OptionError(f"{tied}, and {void} makes it void; use --embedding-type")


def check_rows(source: str, asked: Asked, fell_back: Mapping[str, str]) -> None:
    """Raise OptionError for an override whose type no tensor can have that it decides.

    Args:
        fell_back: the tensors that have another type than they should, with that type.
    """
    for number, (_, kind) in enumerate(asked.overrides):
        decided = asked.decided(number)
        if all(name in fell_back for name in decided):
            raise OptionError(
                f"{source}: {asked.rule(number)} does nothing: the rows of {decided[0]}, and of "
                f"all else that it decides, are no whole blocks of {kind}"
            )


def more_layers(pattern: str, names: Iterable[str]) -> dict[str, list[int]]:
    """Return the layers that a pattern means by their first digits alone: blk.1 matches 10, too.

    Returns:
        by what is written, such as "blk.1", the other layers.
    """
    layers = sorted({layer for name in names if (layer := weight_layer(name)) is not None})
    found = {}
    for written in _LAYER.finditer(pattern):
        number = written[1]
        others = [n for n in layers if str(n).startswith(number) and str(n) != number]
        if int(number) in layers and others:
            found[f"blk.{number}"] = others
    return found
