"""What a manifest of Ollama says a model is made of, and which of its files can be measured."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from pyengine.errors import InputError, ModelFileError
from pyengine.inputs import read_bytes
from pyengine.models.gguf import read_head

_LARGEST_MANIFEST = 1 << 20
_DIGEST = re.compile(r"sha256[-:]([0-9a-f]{64})")
_PREFIX = "application/vnd.ollama.image."
# Layers that change no weight and no token of a text: what a chat is wrapped in, and pictures.
_HARMLESS = frozenset({"template", "license", "params", "system", "messages", "prompt"})


# What a layer is, such as "model" or "adapter", and the SHA-256 of its file.
Layer: TypeAlias = tuple[str, str]


def read_layers(manifest: Path) -> list[Layer]:
    """Return the layers that a manifest lists; none where the file is no manifest."""
    try:
        content = json.loads(read_bytes(manifest, most=_LARGEST_MANIFEST))
    except (InputError, ValueError, RecursionError):
        return []
    listed = content.get("layers") if isinstance(content, dict) else None
    layers = []
    for layer in listed if isinstance(listed, list) else []:
        match = _DIGEST.fullmatch(str(layer.get("digest"))) if isinstance(layer, dict) else None
        if match:
            kind = str(layer.get("mediaType")).partition(";")[0].strip().removeprefix(_PREFIX)
            layers.append((kind, match.group(1)))
    return layers


def choose_model(layers: Sequence[Layer], blobs: Path) -> tuple[str | None, str]:
    """Return the SHA-256 of the language model, and why it alone is not what Ollama runs.

    A projector, which reads pictures into the model, changes nothing for text and is left out. Of
    the rest, whatever would change the model's numbers is a problem. Without any weights: None.
    """
    kinds = {layer: _kind(layer, blobs) for layer in layers}
    models = [layer for layer in layers if kinds[layer] == "model"]
    others = set(kinds.values()) - {"model", "projector"} - _HARMLESS
    if not models:
        weights = [layer for layer in layers if kinds[layer] in ("tensor", "adapter")]
        return (weights[0][1], _problem(others)) if weights else (None, "")
    if others:
        return models[0][1], _problem(others)
    if len(models) > 1:
        return models[0][1], f"has {len(models)} files of weights, where one is understood"
    return models[0][1], ""


def _kind(layer: Layer, blobs: Path) -> str:
    """Return what a layer is; some manifests call a projector or an adapter a model."""
    kind, digest = layer
    if kind != "model":
        return kind
    try:
        _, said = read_head(blobs / f"sha256-{digest}")
    except ModelFileError:
        return "model"
    if said.get("general.architecture") == "clip" or said.get("general.type") == "mmproj":
        return "projector"
    return "adapter" if said.get("general.type") == "adapter" else "model"


def _problem(others: set[str]) -> str:
    if "adapter" in others:
        return "has an adapter (LoRA), which pyengine does not apply; merge it into a GGUF file"
    if "tensor" in others:
        return "is kept as single tensors, not as a GGUF file; name a GGUF file of the model"
    return f"has a part of a kind that pyengine does not know ({sorted(others)[0]!r:.60})"
