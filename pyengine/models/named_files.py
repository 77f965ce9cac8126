"""The model files that a name leads to, here and on the hub: all of them, none opened yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pyengine.errors import ModelFileError, OfflineError
from pyengine.inputs import check_regular, expand_user
from pyengine.models.hub import RemoteFile, part_names
from pyengine.models.hub_cache import HubCache
from pyengine.models.places import Places
from pyengine.models.references import choices
from pyengine.models.stores import (
    Found,
    check_repository,
    choose_files,
    find_embedded,
    find_folder,
    find_hub,
    find_llama_cpp,
    find_lmstudio,
    find_ollama,
    is_later_part,
)


class Named(NamedTuple):
    """One model file, or the first of several parts.

    Attributes:
        store: "hub" where it must be downloaded.
        path: where it is; None where it must be downloaded.
        remote: its files on the hub, where it must be downloaded.
        sha256: of the one file, where it is known without reading it.
        problem: why it is no model that can be used, by a code of `STORE_PROBLEMS`.
    """

    reference: str
    store: str
    path: Path | None
    remote: tuple[RemoteFile, ...] = ()
    sha256: str | None = None
    problem: Mapping[str, Any] | None = None


def find_named(
    name: str, places: Places, cache: HubCache, *, on_offline: Callable[[str], object]
) -> list[Named]:
    """Return the model files that a name leads to.

    Args:
        name: as for `find_model_files`.
        places: where stores are.
        cache: of the hub, and the hub.
        on_offline: called with the reason where the hub cannot be asked and its cache is taken.

    Raises:
        ModelFileError: there is none.
        OfflineError: the hub cannot be asked, and its cache has nothing of it.
    """
    if not name:
        raise ModelFileError("the name of a model is empty; write . for this folder")
    scheme, colon, rest = name.partition(":")
    if not colon or scheme not in ("hf", *_MATCHING) or Path(name).exists():
        return _files(name)
    if scheme == "hf":
        return _of_hub(rest, places, cache, on_offline)
    find, matches = _MATCHING[scheme]
    there = list(find(places))
    found = [entry for entry in there if not rest or matches(entry, rest.strip("/").lower())]
    if not found:
        raise ModelFileError(f"{name}: names no file; {choices(there)}")
    return [_here(entry) for entry in found]


def _in_ollama(entry: Found, wanted: str) -> bool:
    name = entry.reference.removeprefix("ollama:").lower()
    return wanted in (name, name.rpartition(":")[0])


def _in_lmstudio(entry: Found, wanted: str) -> bool:
    return f"/{wanted}/" in f"/{entry.reference.partition(':')[2].lower()}/"


def _in_llama_cpp(entry: Found, wanted: str) -> bool:
    return wanted in entry.path.name.lower()


def _in_embedded(entry: Found, wanted: str) -> bool:
    return entry.path.stem == wanted


_MATCHING: dict[str, tuple[Callable[[Places], Sequence[Found] | Iterator[Found]], Any]] = {
    "embedded": (find_embedded, _in_embedded),
    "ollama": (find_ollama, _in_ollama),
    "lmstudio": (find_lmstudio, _in_lmstudio),
    "llama.cpp": (find_llama_cpp, _in_llama_cpp),
}


def _files(text: str) -> list[Named]:
    path = expand_user(text)
    if not path.is_dir():
        check_regular(path, error=ModelFileError)
    found = [_here(entry) for entry in find_folder(path)]
    if not found:
        raise ModelFileError(f"{text}: the folder holds no .gguf file")
    return found


def _here(entry: Found) -> Named:
    return Named(
        entry.reference, entry.store, entry.path, sha256=entry.digest, problem=entry.problem
    )


def _of_hub(
    name: str, places: Places, cache: HubCache, on_offline: Callable[[str], object]
) -> list[Named]:
    repository, _, choice = name.partition(":")
    check_repository(name, repository)
    try:
        listed = {file.path: file for file in cache.hub.files(repository)}
    except OfflineError as error:
        found = _cached(repository, choice, places)
        if not found:
            raise OfflineError(f"{error}; nothing of it is in the cache") from error
        on_offline(str(error))
        return found
    names = (path for path in listed if path.lower().endswith(".gguf"))
    firsts = sorted(name for name in names if not is_later_part(name))
    found = [_listed(first, listed, cache) for first in _chosen(firsts, choice)]
    if not found:
        there = ", ".join(firsts[:20]) if firsts else "no .gguf file"
        raise ModelFileError(f"hf:{name}: names no file; the repository holds {there}")
    return found


def _chosen(files: Sequence[str], choice: str) -> Sequence[str]:
    return choose_files(files, choice) if choice else files


def _cached(repository: str, choice: str, places: Places) -> list[Named]:
    """Return what the cache has of a repository: of each name the last of its revisions."""
    prefix = f"hf:{repository}:"
    there = {
        entry.reference.removeprefix(prefix): entry
        for entry in find_hub(places)
        if entry.reference.startswith(prefix)
    }
    return [_here(there[file]) for file in _chosen(list(there), choice)]


def _listed(first: str, listed: Mapping[str, RemoteFile], cache: HubCache) -> Named:
    """Return a file that the hub lists: where the cache has all of it, the one there."""
    names = part_names(first)
    files = tuple(listed[name] for name in names if name in listed)
    reference = listed[first].reference
    if len(files) < len(names):
        problem = {"code": "parts-missing", "here": len(files), "parts": len(names)}
        return Named(reference, "hub", None, files, problem=problem)
    sha256 = files[0].sha256 if len(files) == 1 else None
    here = [cache.cached(file) for file in files]
    if here[0] is not None and all(path is not None for path in here):
        return Named(reference, "hugging face", here[0], sha256=sha256)
    return Named(reference, "hub", None, files, sha256)
