"""List the model files of each store, with the reference that names each."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from pyengine.errors import InputError, ModelFileError
from pyengine.inputs import read_bytes, walk_folders
from pyengine.models.gguf import read_head
from pyengine.models.places import Places

# Why the file alone is not what the store runs: a code of `STORE_PROBLEMS` with its values.
Problem: TypeAlias = Mapping[str, Any] | None
OnError = Callable[[OSError], object]
# What a layer of Ollama's is, such as "model" or "adapter", and the SHA-256 of its file.
Layer: TypeAlias = tuple[str, str]

_DIGEST = re.compile(r"(?:sha256[-:])?([0-9a-f]{64})")
_LARGEST_MANIFEST = 1 << 20
_LAYER_PREFIX = "application/vnd.ollama.image."
# Layers that change no weight and no token of a text: what a chat is wrapped in, and pictures.
_HARMLESS = frozenset({"template", "license", "params", "system", "messages", "prompt"})

_LATER_PART = re.compile(r"-(?!00001-)\d{5}-of-\d{5}\.gguf$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """Hold one model file: its store, the reference that names it, and where it is.

    `digest` is the SHA-256 by which a content-addressed store files it, where there is one;
    `problem` says why the file alone is not the model that the store means, by code.
    """

    store: str
    reference: str
    path: Path
    digest: str | None = None
    problem: Problem = None


def find_all(
    places: Places, folders: Iterable[Path] = (), *, onerror: OnError | None = None
) -> list[Found]:
    """List every model of every store, then of the folders given, in a stable order.

    Args:
        onerror: called with the error of each folder or file that cannot be read; None passes over
            it, as everywhere here.
    """
    found = [
        *find_embedded(places),
        *find_ollama(places, onerror=onerror),
        *find_lmstudio(places, onerror=onerror),
        *find_llama_cpp(places, onerror=onerror),
        *find_hub(places, onerror=onerror),
    ]
    for folder in folders:
        found += find_folder(folder, onerror=onerror)
    return found


def find_embedded(places: Places) -> Iterator[Found]:
    """List the models that come with pyengine."""
    for path in gguf_files(places.embedded):
        yield Found("embedded", f"embedded:{path.stem}", path)


def find_ollama(places: Places, *, onerror: OnError | None = None) -> Iterator[Found]:
    """List Ollama's models: a manifest for each name and tag points to a blob."""
    for root in places.ollama():
        manifests, blobs = root / "manifests", root / "blobs"
        listed = _files_below(manifests, onerror)
        if listed:
            _names_in(blobs, onerror)  # without its files no model would be found, nor a reason
        for manifest in listed:
            digest, problem = _choose_model(_read_layers(manifest), blobs)
            blob = blobs / f"sha256-{digest}"
            if digest is not None and _is_file(blob):
                name = ollama_name(manifest.relative_to(manifests).parts)
                yield Found("ollama", f"ollama:{name}", blob, digest, problem)


def _read_layers(manifest: Path) -> list[Layer]:
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
            kind = str(layer.get("mediaType")).partition(";")[0].strip().removeprefix(_LAYER_PREFIX)
            layers.append((kind, match.group(1)))
    return layers


def _choose_model(layers: Sequence[Layer], blobs: Path) -> tuple[str | None, Problem]:
    """Return the SHA-256 of the language model, and why it alone is not what Ollama runs.

    A projector, which reads pictures into the model, changes nothing for text and is left out. Of
    the rest, whatever would change the model's numbers is a problem. Without any weights: None.
    """
    kinds = {layer: _kind(layer, blobs) for layer in layers}
    models = [layer for layer in layers if kinds[layer] == "model"]
    others = set(kinds.values()) - {"model", "projector"} - _HARMLESS
    if not models:
        weights = [layer for layer in layers if kinds[layer] in ("tensor", "adapter")]
        return (weights[0][1], _problem(others)) if weights else (None, None)
    if others:
        return models[0][1], _problem(others)
    if len(models) > 1:
        return models[0][1], {"code": "several-weights", "n": len(models)}
    return models[0][1], None


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


def _problem(others: set[str]) -> Problem:
    if "adapter" in others:
        return {"code": "adapter"}
    if "tensor" in others:
        return {"code": "tensors"}
    return {"code": "unknown-part", "kind": sorted(others)[0]}


def ollama_name(parts: tuple[str, ...]) -> str:
    """Write the name that Ollama shows: its default registry and namespace are left out."""
    *path, tag = parts
    if path and path[0].startswith("registry."):
        path = path[1:]
        if path and path[0] == "library":
            path = path[1:]
    return f"{'/'.join(path)}:{tag}"


def find_lmstudio(places: Places, *, onerror: OnError | None = None) -> Iterator[Found]:
    """List LM Studio's models: publisher/model/file.gguf."""
    for root in places.lmstudio():
        for path in gguf_files(root, onerror=onerror):
            yield Found("lmstudio", f"lmstudio:{path.relative_to(root).as_posix()}", path)


def find_llama_cpp(places: Places, *, onerror: OnError | None = None) -> Iterator[Found]:
    """List llama.cpp's downloads; they have no names of their own, so paths name them."""
    for root in places.llama_cpp():
        for path in gguf_files(root, onerror=onerror):
            yield Found("llama.cpp", str(path), path)


def find_hub(places: Places, *, onerror: OnError | None = None) -> Iterator[Found]:
    """List the GGUF files in Hugging Face's cache: one entry per file and revision."""
    cache = places.hub()
    for entry in _names_in(cache, onerror):
        if not entry.startswith("models--"):
            continue
        name = entry.removeprefix("models--").replace("--", "/")
        for revision in _names_in(cache / entry / "snapshots", onerror):
            snapshot = cache / entry / "snapshots" / revision
            for path in gguf_files(snapshot, onerror=onerror):
                digest = _DIGEST.fullmatch(path.resolve().name)
                file = path.relative_to(snapshot).as_posix()
                yield Found(
                    "hugging face", f"hf:{name}:{file}", path, digest.group(1) if digest else None
                )


def find_folder(folder: Path, *, onerror: OnError | None = None) -> Iterator[Found]:
    """List the GGUF files below a folder, or the one file given."""
    for path in gguf_files(folder, onerror=onerror) if folder.is_dir() else [folder]:
        yield Found("folder", str(path), path)


def gguf_files(folder: Path, *, onerror: OnError | None = None) -> list[Path]:
    """Return the `*.gguf` files below a folder, sorted, through links; of split ones the first."""
    return [
        path
        for path in _files_below(folder, onerror)
        if path.name.lower().endswith(".gguf") and not is_later_part(path.name)
    ]


def is_later_part(file: str) -> bool:
    """Tell whether a file is one of a split model, and not the first."""
    return _LATER_PART.search(file) is not None


def check_repository(name: str, repository: str) -> None:
    """Raise ModelFileError where a repository's name is none."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository) or ".." in repository:
        raise ModelFileError(f"hf:{name}: write hf:OWNER/REPO[:FILE or type]")


def choose_files(files: Sequence[str], choice: str) -> list[str]:
    """Return the files that a file name or a type such as `Q4_K_M` names.

    A type matches where it stands between separators, so that `Q4_K` is not `Q4_K_M`.
    """
    exact = [file for file in files if choice in (file, Path(file).name)]
    if exact:
        return exact
    pattern = re.compile(rf"(?:^|[-./]){re.escape(choice)}(?=[-./]|$)", re.IGNORECASE)
    return [file for file in files if pattern.search(file) and "mmproj" not in file.lower()]


def _files_below(folder: Path, onerror: OnError | None) -> list[Path]:
    """Return the files below a folder, sorted, those of linked folders included."""
    walk = walk_folders(folder, onerror=_without_missing(onerror))
    found = (base / name for base, names in walk for name in names)
    return sorted(path for path in found if _is_file(path))


def _names_in(folder: Path, onerror: OnError | None) -> list[str]:
    """Return the sorted names in a folder; none where there is no such folder."""
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208  # names, not paths
    except OSError as error:
        report = _without_missing(onerror)
        if report is not None:
            report(error)
        return []


def _without_missing(onerror: OnError | None) -> OnError | None:
    """Return a function that passes on every error but that there is no such folder."""
    if onerror is None:
        return None
    report = onerror
    missing = (FileNotFoundError, NotADirectoryError)
    return lambda error: None if isinstance(error, missing) else report(error)


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113  # Path.is_file raises where it may not look
