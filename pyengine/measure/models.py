"""What a run says of model files: their names in it, and what each says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pyengine.models.gguf import short_name
from pyengine.models.model import Model, vocabulary_sha256
from pyengine.models.settings import Given, ModelSpec
from pyengine.plain_text import safe_line

if TYPE_CHECKING:
    from pyengine.run.record import ModelInfo


def variant_ids(given: Sequence[Given]) -> list[str]:
    """Name files without their ending and with their settings, numbered where a name is taken."""
    return distinct([spec_name(ModelSpec.of(each)) for each in given])


def spec_name(spec: ModelSpec) -> str:
    """Return the name of a file, without its ending, with its settings."""
    return f"{short_name(spec.path)}{spec.settings.name}"


def distinct(names: Sequence[str]) -> list[str]:
    """Number names where they come again."""
    found = []
    for number, name in enumerate(names):
        earlier = names[:number].count(name)
        found.append(f"{name} ({earlier + 1})" if earlier else name)
    return found


def model_info(id: str, model: Model) -> ModelInfo:  # noqa: A002 - the field's own name
    """Describe an open model whose file is not read whole, so that it has no hash."""
    from pyengine.run.record import ModelInfo  # a model's process does without records

    return ModelInfo(id=id, path=str(model.path), sha256="", **model_facts(model))


def model_facts(model: Model) -> dict[str, Any]:
    """Return what `ModelInfo` says of an open model, but for its id, hash and settings."""
    return {
        "name": model.name,
        "architecture": safe_line(model.architecture),
        "file_type": safe_line(model.file_type),
        "n_params": model.n_params,
        "n_bytes": model.n_bytes,
        "file_bytes": model.file_bytes,
        "bits_per_weight": model.bits_per_weight,
        "n_vocab": model.n_vocab,
        "n_embd": model.n_embd,
        "n_layer": model.n_layer,
        "n_ctx_train": model.n_ctx_train,
        "tokenizer": model.vocabulary.kind,
        "pre_tokenizer": safe_line(model.vocabulary.pre_tokenizer),
        "vocabulary_sha256": vocabulary_sha256(model.vocabulary),
    }
