"""Describe the model files on this machine, and say which are the same bytes."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pyengine import _core
from pyengine.errors import ModelFileError, failure_values
from pyengine.models.gguf import RECIPE_KEY, file_type_name, parts_sha256, read_head
from pyengine.models.places import Places
from pyengine.models.stores import Found, OnError, find_all
from pyengine.plain_text import safe_line

_SAMPLE = 1 << 16


def take_inventory(
    places: Places,
    folders: Iterable[Path] = (),
    *,
    progress: Callable[[str], object] | None = None,
    onerror: OnError | None = None,
) -> list[dict[str, Any]]:
    """List and describe every model file.

    Args:
        progress: called with the reference of each file that must be read whole.
        onerror: called with the error of each folder that cannot be listed.

    Returns:
        for each: reference (what any command takes to use it), store ("embedded", "ollama",
        "lmstudio", "llama.cpp", "hugging face" or "folder"), path; name, architecture and
        file_type of its header, None where it cannot be read; vocabulary_only (a tokenizer and no
        weights), n_parts, n_bytes of all parts; same_bytes, the number of the group of files with
        equal content from 1, None if unique; same_file (that group is one file on disk); and
        problem, None or a code with its values: "unreadable" and "partial" with reason,
        "parts-missing" with here and parts.
    """
    found = find_all(places, folders, onerror=onerror)
    parts = [parts_of(entry.path) for entry in found]
    groups = same_bytes(found, parts, progress=progress)
    return [
        _describe(entry, files, *groups[index])
        for index, (entry, files) in enumerate(zip(found, parts, strict=True))
    ]


def parts_of(path: Path) -> list[Path]:
    """Return all parts of a split model that are there, or the one file."""
    stem, marker, count = path.name.rpartition("-of-")
    if not marker or not stem.endswith("-00001"):
        return [path]
    pattern = f"{stem.removesuffix('00001')}*{marker}{count}"
    return sorted(p for p in path.parent.iterdir() if p.match(pattern)) or [path]


def bytes_on_disk(models: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """Sum the bytes of all files, links once; and those of copies beyond the first."""
    files = {_inodes(parts_of(Path(model["path"]))): model for model in models}
    on_disk = sum(model["n_bytes"] for model in files.values())
    groups = {model["same_bytes"]: model["n_bytes"] for model in files.values()}
    alone = sum(model["n_bytes"] for model in files.values() if model["same_bytes"] is None)
    once = alone + sum(n for group, n in groups.items() if group is not None)
    return on_disk, on_disk - once


def _describe(entry: Found, parts: list[Path], group: int | None, linked: bool) -> dict[str, Any]:
    n_tensors, said, problem = _read(entry.path, parts)
    n_parts = said.get("split.count")
    if isinstance(n_parts, int) and n_parts > len(parts):
        problem = {"code": "parts-missing", "here": len(parts), "parts": n_parts}
    if entry.problem:
        problem = dict(entry.problem)
    return {
        "reference": entry.reference,
        "store": entry.store,
        "path": str(entry.path),
        "name": safe_line(str(said.get("general.name", ""))) or None,
        "architecture": safe_line(str(said.get("general.architecture", ""))) or None,
        "file_type": file_type_name(said.get("general.file_type"), said.get(RECIPE_KEY)),
        "vocabulary_only": n_tensors == 0,
        "n_parts": len(parts),
        "n_bytes": sum(part.stat().st_size for part in parts),
        "same_bytes": group,
        "same_file": linked,
        "problem": problem,
    }


def _read(
    path: Path, parts: list[Path]
) -> tuple[int | None, dict[str, str | int], dict[str, Any] | None]:
    """Return a file's number of tensors, what its metadata says, and what is wrong with it."""
    n_tensors: int | None = None
    said: dict[str, str | int] = {}
    try:
        n_tensors, said = read_head(path)
        for part in parts:
            _core.gguf_string(str(part), "general.architecture")  # every tensor lies within it
    except ModelFileError as error:
        return n_tensors, said, {"code": "unreadable", **failure_values(error, path)}
    return n_tensors, said, None


def same_bytes(
    found: Sequence[Found],
    parts: Sequence[list[Path]],
    *,
    progress: Callable[[str], object] | None = None,
) -> list[tuple[int | None, bool]]:
    """Number the groups of entries with equal content, in order of appearance.

    Files are compared by size, then by samples, and read whole only where those agree and
    neither is a link to the other. Return (group or None, whether the group is one file).
    """
    sized: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for index, files in enumerate(parts):
        sized[tuple(path.stat().st_size for path in files)].append(index)
    groups: list[list[int]] = []
    for indices in sized.values():
        for sampled in _split(indices, lambda i: _identity(parts[i], _sample)):
            if len({_inodes(parts[index]) for index in sampled}) == 1:
                groups.append(sampled)
            else:
                groups += _split(sampled, lambda i: _content(found[i], parts[i], progress))
    shared = sorted(group for group in groups if len(group) > 1)
    result: list[tuple[int | None, bool]] = [(None, False)] * len(found)
    for number, group in enumerate(shared, start=1):
        linked = len({_inodes(parts[index]) for index in group}) == 1
        for index in group:
            result[index] = (number, linked)
    return result


def _split(indices: Sequence[int], key: Callable[[int], object]) -> list[list[int]]:
    """Split indices into those of equal key; a lone one needs no key."""
    if len(indices) < 2:
        return [list(indices)]
    split: dict[object, list[int]] = defaultdict(list)
    for index in indices:
        split[key(index)].append(index)
    return list(split.values())


def _content(
    entry: Found, files: list[Path], progress: Callable[[str], object] | None
) -> tuple[str, ...]:
    if entry.digest is not None and len(files) == 1:
        return (entry.digest,)
    if progress is not None:
        progress(entry.reference)
    return _identity(files, lambda path: parts_sha256([path]))


def _identity(files: list[Path], digest: Callable[[Path], str]) -> tuple[str, ...]:
    return tuple(digest(path) for path in files)


def _sample(path: Path) -> str:
    """Digest the first, middle and last 64 KiB: enough to tell most different models apart."""
    size = path.stat().st_size
    with path.open("rb") as file:
        digest = hashlib.sha256(file.read(_SAMPLE))
        for offset in (size // 2, max(size - _SAMPLE, 0)):
            file.seek(offset)
            digest.update(file.read(_SAMPLE))
    return digest.hexdigest()


def _inodes(files: list[Path]) -> tuple[tuple[int, int], ...]:
    return tuple((path.stat().st_dev, path.stat().st_ino) for path in files)
