"""The models under comparison: which files they are, what they say, and what separates them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pyengine.errors import ModelFileError, ModelKindError, WorkerError
from pyengine.measure.decode import describe
from pyengine.measure.engine import Processes
from pyengine.measure.variants import Variant
from pyengine.models.gguf import (
    TensorEntry,
    known_sha256,
    model_parts,
    read_tensor_table,
    vectors_sha256,
)
from pyengine.models.model import Vocabulary
from pyengine.models.options import ModelOptions
from pyengine.models.settings import Given, ModelSpec
from pyengine.run.record import ModelInfo
from pyengine.vocabulary.tokens import TokenKind


@dataclass(frozen=True)
class Subject:
    """A variant, and what its file says.

    Attributes:
        devices: that compute it.
        n_positions: how many positions were learned; None where they are computed.
    """

    variant: Variant
    info: ModelInfo
    devices: tuple[str, ...]
    n_positions: int | None


def identify(id: str, given: Given, usual: ModelOptions) -> Variant:  # noqa: A002
    """Check and hash a file; its settings change how it is usually opened.

    Raises:
        ModelFileError: it is missing or damaged, or a pipe, which every process would have to read.
    """
    spec = ModelSpec.of(given)
    path = spec.path
    if path.exists() and not path.is_file():
        raise ModelFileError(f"{path}: is not a file that can be read again and again")
    sha256 = known_sha256(model_parts(path))
    return Variant(
        id=id,
        path=str(path),
        sha256=sha256,
        options=spec.opening(usual),
        text=spec.settings.text,
    )


def open_subject(variant: Variant, processes: Processes) -> Subject:
    """Open a variant in its process and describe it.

    Raises:
        ModelFileError: the file is damaged, or another machine that should compute it was lost.
        ModelKindError: it holds a vocabulary and no weights.
        WorkerError: llama.cpp ended the process.
    """
    try:
        facts = processes.call(variant, describe, variant)
    except WorkerError as error:
        if not variant.options.rpc:
            raise
        lost = " or ".join(variant.options.rpc)
        raise ModelFileError(f"{variant.path}: {lost} was lost: {error}") from None
    if not facts.pop("has_weights"):
        raise ModelKindError(
            f"{variant.path}: holds a vocabulary and no weights; nothing to compare"
        )
    devices, n_positions = tuple(facts.pop("devices")), facts.pop("n_positions")
    info = ModelInfo(
        id=variant.id, path=variant.path, sha256=variant.sha256, variant=variant.text, **facts
    )
    return Subject(variant, info, devices, n_positions)


def same_vocabulary(reference: ModelInfo, variant: ModelInfo) -> bool:
    """Tell whether one token id means the same bytes to both, in rows of one length."""
    return (reference.vocabulary_sha256, reference.n_vocab) == (
        variant.vocabulary_sha256,
        variant.n_vocab,
    )


def padding_ids(vocabulary: Vocabulary, n_vocab: int) -> npt.NDArray[np.int32]:
    """Return the entries of a row that belong to no token.

    These are rows beyond the tokenizer, tokens of kind "unused" or "undefined", and those that
    converters name [PAD<id>].
    """
    kinds = np.asarray(vocabulary.kinds)
    blank = (kinds == TokenKind.UNUSED) | (kinds == TokenKind.UNDEFINED)
    for token in np.flatnonzero(kinds == TokenKind.USER_DEFINED):
        blank[token] = vocabulary.piece(int(token)) == b"[PAD%d]" % token
    if blank.all():
        blank[:] = False
    return np.concatenate([np.flatnonzero(blank), np.arange(len(kinds), n_vocab)]).astype(np.int32)


def axis_content(reference: ModelInfo, variant: ModelInfo, chosen: str) -> dict[str, Any]:
    """Tell quantization from fine-tuning from scaling.

    Another architecture or other tensor shapes: scaling (or distillation). Equal shapes: the
    one-dimensional float32 tensors, which quantization leaves untouched, are compared; equal ones
    mean the same trained weights. Where neither file has such tensors, equal types are taken as
    fine-tuning and other types as quantization, and the reason says so.

    Args:
        chosen: the axis that the user named, or "auto".

    Returns:
        kind ("identical", "settings", "quantization", "fine-tuning" or "scaling"), reason (a code)
        and tensors_of_other_type.
    """
    tables = [read_tensor_table(model.path) for model in (reference, variant)]
    first, second = ({row.name: row.type for row in table} for table in tables)
    changed = sum(second.get(name) != kind for name, kind in first.items())
    if chosen != "auto":
        kind, reason = chosen, "named"
    else:
        kind, reason = _recognise(reference, variant, _shapes_differ(*tables), changed)
    return {"kind": kind, "reason": reason, "tensors_of_other_type": changed}


def _shapes_differ(first: list[TensorEntry], second: list[TensorEntry]) -> bool:
    return {row.name: row.shape for row in first} != {row.name: row.shape for row in second}


def _recognise(
    reference: ModelInfo, variant: ModelInfo, other_shapes: bool, changed: int
) -> tuple[str, str]:
    if reference.sha256 == variant.sha256:
        same = reference.settings == variant.settings
        return ("identical" if same else "settings"), "same-file"
    if reference.architecture != variant.architecture or other_shapes:
        return "scaling", "other-shapes"
    vectors = vectors_sha256(reference.path)
    if not vectors:
        return ("quantization" if changed else "fine-tuning"), "types-alone"
    if vectors != vectors_sha256(variant.path):
        return "fine-tuning", "other-vectors"
    if changed:
        return "quantization", "other-types"
    return "fine-tuning", "other-bytes"
