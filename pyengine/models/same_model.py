"""Whether two files are of one model, as far as their headers show it, and what differs.

A header has the shapes of all weights and no weight. One vector is compared beside it, which
quantization leaves as it is and other training changes, unless it changed matrices alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pyengine.models.header import plain_value
from pyengine.models.model_files import ModelFile

# Differences that make two files different models; the others are told.
OTHER_MODEL = ("architecture", "tensors", "shapes", "parameters", "vocabulary", "vector")

# What decides whether one id means the same bytes to both: see `vocabulary_sha256`.
_VOCABULARY = tuple(f"tokenizer.ggml.{key}" for key in ("model", "pre", "tokens", "token_type"))
_TEMPLATE = "tokenizer.chat_template"
_ORIGIN = ("general.name", "general.basename", "general.finetune", "general.version")


class Difference(NamedTuple):
    """One way in which a file differs from another: a code and its values."""

    code: str
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Family:
    """Files of one model.

    Attributes:
        best: the one with the most bits per weight.
        members: all of them, the most bits per weight first.
        differences: from the best, by the references of the others.
    """

    best: ModelFile
    members: list[ModelFile]
    differences: dict[str, list[Difference]]


def families(files: Iterable[ModelFile]) -> list[Family]:
    """Group files by the model that they are of, the largest group first."""
    found: list[Family] = []
    for file in sorted(files, key=lambda each: -each.bits_per_weight):
        for family in found:
            differences = compare_headers(family.best, file)
            if is_same_model(differences):
                family.members.append(file)
                family.differences[file.reference] = differences
                break
        else:
            found.append(Family(file, [file], {}))
    return sorted(found, key=lambda family: -len(family.members))


def is_same_model(differences: Iterable[Difference]) -> bool:
    """Tell whether what differs leaves two files the same model."""
    return not any(each.code in OTHER_MODEL for each in differences)


def compare_headers(a: ModelFile, b: ModelFile) -> list[Difference]:
    """Return in which ways two files differ beside the types of their tensors.

    By code: "architecture" (a, b); "tensors" (missing and added, how many, and the name of the
    first), "optional-tensors" the same where they may be left out; "shapes" (n, first, a, b);
    "parameters" (n, first, a, b), keys of the architecture with other values, "context" (a, b) its
    length, "parameters-of-one" (n, first), keys of one of the two; "vocabulary" and "tokenizer"
    (n, first), keys that decide which bytes an id means, and the others; "chat-template"; "origin"
    (first, a, b), what the files say that they are; "vector" (first): trained otherwise.
    """
    if a.architecture != b.architecture:
        return [Difference("architecture", {"a": a.architecture, "b": b.architecture})]
    found = [*_tensors(a, b), *_parameters(a, b), *_tokenizer(a, b)]
    origin = _other(a, b, lambda key: key in _ORIGIN)
    if origin:
        found.append(Difference("origin", _first(a, b, origin)))
    if a.vector[0] == b.vector[0] and a.vector[1] != b.vector[1]:
        found.append(Difference("vector", {"first": a.vector[0]}))
    return found


def _tensors(a: ModelFile, b: ModelFile) -> Iterator[Difference]:
    shapes_a, shapes_b = ({row.name: row.shape for row in each.tensors} for each in (a, b))
    alone = sorted(shapes_a.keys() ^ shapes_b.keys())
    for code, optional in (("tensors", False), ("optional-tensors", True)):
        names = [name for name in alone if _is_optional(name) == optional]
        if names:
            missing = sum(name in shapes_a for name in names)
            added = len(names) - missing
            yield Difference(code, {"missing": missing, "added": added, "first": names[0]})
    other = [
        name for name in shapes_a if name in shapes_b and not _alike(shapes_a[name], shapes_b[name])
    ]
    if other:
        first = other[0]
        shapes = {"a": list(shapes_a[first]), "b": list(shapes_b[first])}
        yield Difference("shapes", {"n": len(other), "first": first, **shapes})


def _is_optional(name: str) -> bool:
    """Tell what a conversion may leave out: a copy of the embedding, and what is computed."""
    return name == "output.weight" or name.startswith(("rope_freqs.", "rope_factors_"))


def _alike(a: Sequence[int], b: Sequence[int]) -> bool:
    """Tell whether two shapes are the same; some writers leave out dimensions of length 1."""
    longest = max(len(a), len(b))
    return (*a, *[1] * (longest - len(a))) == (*b, *[1] * (longest - len(b)))


def _parameters(a: ModelFile, b: ModelFile) -> Iterator[Difference]:
    prefix = f"{a.architecture}."
    other = _other(a, b, lambda key: key.startswith(prefix))
    context = [key for key in other if key == f"{prefix}context_length"]
    one = [key for key in other if key not in a.values or key not in b.values]
    changed = [key for key in other if key not in context and key not in one]
    if changed:
        yield Difference("parameters", {"n": len(changed), **_first(a, b, changed)})
    if one:
        yield Difference("parameters-of-one", {"n": len(one), "first": one[0]})
    if context:
        yield Difference("context", _first(a, b, context))


def _tokenizer(a: ModelFile, b: ModelFile) -> Iterator[Difference]:
    other = _other(a, b, lambda key: key.startswith("tokenizer."))
    vocabulary = [key for key in other if key in _VOCABULARY]
    rest = [key for key in other if key not in _VOCABULARY and not key.startswith(_TEMPLATE)]
    if vocabulary:
        yield Difference("vocabulary", {"n": len(vocabulary), "first": vocabulary[0]})
    if rest:
        yield Difference("tokenizer", {"n": len(rest), "first": rest[0]})
    if any(key.startswith(_TEMPLATE) for key in other):
        yield Difference("chat-template", {})


def _other(a: ModelFile, b: ModelFile, wanted: Callable[[str], bool]) -> list[str]:
    """Return the keys of two files' metadata that say something else, or stand in one alone."""
    keys = (key for key in sorted(a.values.keys() | b.values.keys()) if wanted(key))
    return [key for key in keys if _meaning(a.values, key) != _meaning(b.values, key)]


def _meaning(values: Mapping[str, bytes], key: str) -> object:
    """Return a value so that the same number of another type is equal."""
    value = values.get(key)
    plain = plain_value(value) if value is not None else None
    return value if plain is None else plain


def _first(a: ModelFile, b: ModelFile, keys: Sequence[str]) -> dict[str, Any]:
    first = keys[0]
    plain = [plain_value(each.values[first]) if first in each.values else None for each in (a, b)]
    return {"first": first, "a": plain[0], "b": plain[1]}
