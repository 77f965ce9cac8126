"""Plan and quantize in this process, which a damaged file may end: the child's side."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, TypeAlias

from pyengine import _core
from pyengine.models.gguf import TensorEntry
from pyengine.models.making import quantize_metadata
from pyengine.models.quantize_options import QuantizationPlan, QuantizeOptions
from pyengine.models.tensor_rules import Asked, check_rows, check_rules

# Of one tensor: name, shape, type, type to come, its bytes, the type that its rows cannot hold,
# whether it needs importance, whether it has some, the overrides that match.
PlannedRow: TypeAlias = tuple[
    str, tuple[int, ...], str, str, int, str | None, bool, bool, list[int]
]


def core_settings(
    file_type: str, options: QuantizeOptions, metadata: list[tuple[str, str]] | None = None
) -> dict[str, Any]:
    """Return what the core takes; ggml spells tensor types q4_K and bf16.

    Without metadata, those that a plan counts: of the same length as a file's.
    """

    def tensor_type(name: str) -> str:
        return name.lower().replace("_k", "_K")

    return {
        "file_type": file_type,
        "threads": options.threads,
        "output_type": options.output_type and tensor_type(options.output_type),
        "embedding_type": options.embedding_type and tensor_type(options.embedding_type),
        "pure": options.pure,
        "allow_requantize": options.allow_requantize,
        "imatrix": "" if options.imatrix is None else str(options.imatrix),
        "overrides": [(pattern, tensor_type(name)) for pattern, name in options.overrides],
        "metadata": metadata or quantize_metadata(file_type, options),
    }


def plan_here(source: str, file_type: str, options: QuantizeOptions) -> QuantizationPlan:
    """Plan in this process, which a damaged file may end."""
    rows, file_bytes, base_type, entries, used = _core.plan_quantization(
        source, **core_settings(file_type, options)
    )
    tensors = tuple(TensorEntry(row[0], row[3], row[1], row[4]) for row in rows)
    wanted = {row[0]: row[5] for row in rows if row[5] is not None}
    needing = [(row[0], row[7]) for row in rows if row[6]]
    rules, moved = _rules(source, file_type, options, rows, wanted)
    return QuantizationPlan(
        file_type=file_type,
        base_type=base_type,
        file_bytes=file_bytes,
        tensors=tensors,
        wanted=wanted,
        importance_entries=entries,
        importance_used=used,
        needs_importance=tuple(name for name, _ in needing),
        lacks_importance=tuple(name for name, known in needing if not known),
        rules=rules,
        moved=moved,
    )


def _rules(
    source: str,
    file_type: str,
    options: QuantizeOptions,
    rows: Sequence[PlannedRow],
    wanted: Mapping[str, str],
) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    """Return what each override decides, and what they move, after refusing what does nothing."""
    if not (options.overrides or options.output_type or options.embedding_type):
        return (), ()
    asked = Asked(
        file_type=file_type,
        output_type=options.output_type,
        embedding_type=options.embedding_type,
        pure=options.pure,
        overrides=options.overrides,
        matches={row[0]: row[8] for row in rows},
        quantizable=quantizable_here(source, allow_requantize=options.allow_requantize),
    )
    check_rules(source, asked)
    check_rows(source, asked, wanted)
    if not options.overrides:
        return (), ()
    plain, *_ = _core.plan_quantization(
        source, **core_settings(file_type, replace(options, overrides=()))
    )
    usual = {row[0]: row[3] for row in plain}
    moved = [
        row[0]
        for row in rows
        if row[3] != usual[row[0]] and not isinstance(asked.decider(row[0]), int)
    ]
    return tuple(asked.decided(i) for i in range(len(options.overrides))), tuple(moved)


@cache
def quantizable_here(source: str, *, allow_requantize: bool = False) -> frozenset[str]:
    """Return the tensors that llama.cpp quantizes at all: no norms, no biases.

    These are the ones that change where it gives one type to all that it quantizes.
    """
    plain = QuantizeOptions(allow_requantize=allow_requantize)
    plans = [
        _core.plan_quantization(source, **core_settings(name, plain))[0] for name in ("F32", "F16")
    ]
    return frozenset(row[0] for rows in plans for row in rows if row[2] != row[3])


def quantize_here(source: str, target: str, settings: Mapping[str, Any]) -> None:
    """Write a file with what `core_settings` says."""
    _core.quantize(source, target, **settings)
