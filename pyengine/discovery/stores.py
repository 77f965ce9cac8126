"""List the model files of each store, with the reference that names each."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyengine.discovery.ollama import Layer, choose_model, read_layers
from pyengine.discovery.places import Places
from pyengine.inputs import walk_folders

_DIGEST = re.compile(r"(?:sha256[-:])?([0-9a-f]{64})")
_LATER_PART = re.compile(r"-(?!00001-)\d{5}-of-\d{5}\.gguf$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """Hold one model file: its store, the reference that names it, and where it is.

    `digest` is the SHA-256 by which a content-addressed store files it, where there is one;
    `problem` says why the file alone is not the model that the store means, or is empty.
    """

    store: str
    reference: str
    path: Path
    digest: str | None = None
    problem: str = ""


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
        for manifest in _files_below(manifests):
            layers = read_layers(manifest)
            if layers:
                name = ollama_name(manifest.relative_to(manifests).parts)
                yield from _ollama_model(f"ollama:{name}", root / "blobs", layers)


def _ollama_model(reference: str, blobs: Path, layers: Sequence[Layer]) -> Iterator[Found]:
    """Yield the model that the layers of a manifest make, or the reason why they make none."""
    model, problem = choose_model(layers, blobs)
    if model is not None and (blobs / f"sha256-{model.digest}").is_file():
        yield Found("ollama", reference, blobs / f"sha256-{model.digest}", model.digest, problem)


def ollama_name(parts: tuple[str, ...]) -> str:
    """Write the name that Ollama shows: its default registry and namespace are left out."""
    *path, tag = parts
    if path and path[0].startswith("registry."):
        path = path[1:]
        if path and path[0] == "library":
            path = path[1:]
    return f"{'/'.join(path)}:{tag}"


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
    for path in gguf_files(folder) if folder.is_dir() else [folder]:
        yield Found("folder", str(path), path)


def gguf_files(folder: Path) -> list[Path]:
    """Return the `*.gguf` files below a folder, sorted, through links; of split ones the first."""
    return [
        path
        for path in _files_below(folder)
        if path.name.lower().endswith(".gguf") and not _LATER_PART.search(path.name)
    ]


def choose_files(files: Sequence[str], choice: str) -> list[str]:
    """Return the files that a file name or a type such as `Q4_K_M` names.

    A type matches where it stands between separators, so that `Q4_K` is not `Q4_K_M`.
    """
    exact = [file for file in files if choice in (file, Path(file).name)]
    if exact:
        return exact
    pattern = re.compile(rf"(?:^|[-./]){re.escape(choice)}(?=[-./]|$)", re.IGNORECASE)
    return [file for file in files if pattern.search(file) and "mmproj" not in file.lower()]


def _files_below(folder: Path) -> list[Path]:
    """Return the files below a folder, sorted, those of linked folders included."""
    found = (base / name for base, names in walk_folders(folder) for name in names)
    return sorted(path for path in found if os.path.isfile(path))  # noqa: PTH113  # never raises
