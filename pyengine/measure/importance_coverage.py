"""What an importance matrix covers: which weights, which not and why, experts seldom seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pyengine.measure.found import Finding
from pyengine.models.gguf import TensorEntry
from pyengine.models.imatrix import Counted
from pyengine.models.tensor_rules import EMBEDDING, OUTPUT
from pyengine.run.record import Exhibit, Note

# The standard error of a mean of n squares of a normal variable is sqrt(2 / n) of it: of 100
# tokens, a seventh.
SELDOM = 100


def coverage(
    model: str, counted: Sequence[Counted], tensors: Sequence[TensorEntry]
) -> Iterator[Finding]:
    """Yield what is covered and what is not.

    Exhibit "covered", `weights`: of each name, columns, counts (tokens by expert), never and
    seldom (experts that saw none, and fewer than `SELDOM`). Exhibit "not-covered", `weights`: of
    each name, shape and reason, a code: `tied` (the embedding is the output layer, too),
    `embedding`, `output`, `outside` (of the model's blocks), `unused` (no matrix product of
    many tokens reads it). Notes: `tied-embedding`, `seldom-experts`.
    """
    names = {one.name.partition(" ")[0] for one in counted}
    tied = OUTPUT not in {tensor.name for tensor in tensors}
    covered = [_covered(one) for one in counted]
    left = [
        {"name": t.name, "shape": list(t.shape), "reason": _reason(t.name, tied=tied)}
        for t in tensors
        if _is_matrix(t) and t.name not in names
    ]
    yield Exhibit(kind="covered", model=model, content={"weights": covered})
    yield Exhibit(kind="not-covered", model=model, content={"weights": left})
    if any(weight["reason"] == "tied" for weight in left):
        yield Note(code="tied-embedding", model=model, values={"name": EMBEDDING})
    yield from _experts(model, covered)


def _covered(one: Counted) -> dict[str, Any]:
    several = len(one.counts) > 1
    return {
        "name": one.name,
        "columns": one.columns,
        "counts": list(one.counts),
        "never": sum(count == 0 for count in one.counts) if several else 0,
        "seldom": sum(0 < count < SELDOM for count in one.counts) if several else 0,
    }


def _is_matrix(tensor: TensorEntry) -> bool:
    """Whether the quantizer may quantize it: a weight that is no vector."""
    return sum(length > 1 for length in tensor.shape) > 1 and tensor.name.endswith(".weight")


def _reason(name: str, *, tied: bool) -> str:
    if name == EMBEDDING:
        return "tied" if tied else "embedding"
    if name == OUTPUT:
        return "output"
    return "unused" if name.startswith("blk.") else "outside"


def _experts(model: str, covered: Iterable[dict[str, Any]]) -> Iterator[Note]:
    """Note how many experts, counted in each weight, saw no token or few."""
    experts = [weight for weight in covered if len(weight["counts"]) > 1]
    values = {
        "n": sum(len(weight["counts"]) for weight in experts),
        "never": sum(weight["never"] for weight in experts),
        "seldom": sum(weight["seldom"] for weight in experts),
        "fewest": SELDOM,
    }
    if values["never"] or values["seldom"]:
        yield Note(code="seldom-experts", model=model, values=values)
