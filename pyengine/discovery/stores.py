"""List the model files of each store, with the reference that names each."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pyengine.discovery.places import Places

_MODEL_LAYER = "application/vnd.ollama.image.model"
_LARGEST_MANIFEST = 1 << 20
_DIGEST = re.compile(r"(?:sha256[-:])?([0-9a-f]{64})")
_LATER_PART = re.compile(r"-(?!00001-)\d{5}-of-\d{5}\.gguf$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """Hold one model file: its store, the reference that names it, and where it is.

    `digest` is the SHA-256 by which a content-addressed store files it, where there is one.
    """

    store: str
    reference: str
    path: Path
    digest: str | None = None


def find_all(places: Places, folders: Iterable[Path] = ()) -> list[Found]:
    """List every model of every store, then of the folders given, in a stable order."""
    found = [
        *find_embedded(places),
        *find_ollama(places),
        *find_lmstudio(places),
        *find_llama_cpp(places),
        *find_hub(places),
    ]
    for folder in folders:
        found += find_folder(folder)
    return found


def find_embedded(places: Places) -> Iterator[Found]:
    """List the models that come with pyengine."""
    for path in gguf_files(places.embedded):
        yield Found("embedded", f"embedded:{path.stem}", path)


def find_ollama(places: Places) -> Iterator[Found]:
    """List Ollama's models: a manifest for each name and tag points to a blob."""
    for root in places.ollama():
        manifests = root / "manifests"
        for manifest in sorted(path for path in manifests.rglob("*") if path.is_file()):
            digest = _ollama_digest(manifest)
            blob = root / "blobs" / f"sha256-{digest}"
            if digest and blob.is_file():
                name = ollama_name(manifest.relative_to(manifests).parts)
                yield Found("ollama", f"ollama:{name}", blob, digest)


def ollama_name(parts: tuple[str, ...]) -> str:
    """Write the name that Ollama shows: its default registry and namespace are left out."""
    *path, tag = parts
    if path and path[0].startswith("registry."):
        path = path[1:]
        if path and path[0] == "library":
            path = path[1:]
    return f"{'/'.join(path)}:{tag}"


def _ollama_digest(manifest: Path) -> str | None:
    """Return the digest of the manifest's model layer; None for anything else."""
    try:
        if manifest.stat().st_size > _LARGEST_MANIFEST:
            return None
        content = json.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    layers = content.get("layers") if isinstance(content, dict) else None
    for layer in layers if isinstance(layers, list) else []:
        if isinstance(layer, dict) and layer.get("mediaType") == _MODEL_LAYER:
            match = _DIGEST.fullmatch(str(layer.get("digest")))
            return match.group(1) if match else None
    return None


def find_lmstudio(places: Places) -> Iterator[Found]:
    """List LM Studio's models: publisher/model/file.gguf."""
    for root in places.lmstudio():
        for path in gguf_files(root):
            yield Found("lmstudio", f"lmstudio:{path.relative_to(root).as_posix()}", path)


def find_llama_cpp(places: Places) -> Iterator[Found]:
    """List llama.cpp's downloads; they have no names of their own, so paths name them."""
    for root in places.llama_cpp():
        for path in gguf_files(root):
            yield Found("llama.cpp", str(path), path)


def find_hub(places: Places) -> Iterator[Found]:
    """List the GGUF files in Hugging Face's cache: one entry per file and revision."""
    for repo in sorted(places.hub().glob("models--*")):
        name = repo.name.removeprefix("models--").replace("--", "/")
        snapshots = sorted(path for path in repo.glob("snapshots/*") if path.is_dir())
        for snapshot in snapshots:
            for path in gguf_files(snapshot):
                digest = _DIGEST.fullmatch(path.resolve().name)
                file = path.relative_to(snapshot).as_posix()
                yield Found(
                    "hugging face", f"hf:{name}:{file}", path, digest.group(1) if digest else None
                )


def find_folder(folder: Path) -> Iterator[Found]:
    """List the GGUF files below a folder, or the one file given."""
    for path in [folder] if folder.is_file() else gguf_files(folder):
        yield Found("folder", str(path), path)


def gguf_files(folder: Path) -> list[Path]:
    """Return the `*.gguf` files below a folder, sorted; of split models the first part."""
    found = [
        Path(base) / name
        for base, _, names in os.walk(folder)
        for name in names
        if name.lower().endswith(".gguf") and not _LATER_PART.search(name)
    ]
    return sorted(path for path in found if path.is_file())
