"""Turn what a user names into a model file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pyengine.errors import InputError, ModelFileError, OptionError, problem_sentence
from pyengine.inputs import check_regular, expand_user
from pyengine.models.places import Places
from pyengine.models.settings import ModelSpec, named_settings, split_settings
from pyengine.models.stores import (
    Found,
    check_repository,
    choose_files,
    find_embedded,
    find_hub,
    find_lmstudio,
    find_ollama,
    gguf_files,
)

DEFAULT_MEMBER = "base"
SCHEMES = ("embedded", "ollama", "lmstudio", "hf")


def resolve_model(
    reference: str | Path | None = None, *, places: Places | None = None, offline: bool = False
) -> Path:
    """Return the file that a reference names; no reference means the embedded model.

    References: a path, also of a folder that holds one model; `embedded:NAME`;
    `ollama:NAME[:TAG]`; `lmstudio:PUBLISHER/MODEL[/FILE]`;
    `hf:OWNER/REPO[:FILE or type]`, taken from the cache where it is and downloaded where not
    (never when `offline`).

    Raises ModelFileError with what there is to choose from where a reference names no file or
    more than one.
    """
    places = places or Places()
    if reference is None:
        return _embedded(DEFAULT_MEMBER, places)
    text = str(reference)
    name, settings = split_settings(text)
    if settings:
        raise OptionError(f"{text}: takes a file as it is; name {name} without {settings}")
    if not text:
        raise ModelFileError("the name of a model is empty; leave it out for the embedded model")
    scheme, colon, name = text.partition(":")
    if not colon or scheme not in SCHEMES or Path(text).exists():
        return _path(text)
    if not name:
        raise ModelFileError(f"{text}: names no model; write {scheme}:NAME")
    if scheme == "embedded":
        return _embedded(name, places)
    if scheme == "ollama":
        return _ollama(name, places)
    if scheme == "lmstudio":
        return _lmstudio(name, places)
    return _hub(name, places, offline=offline)


def resolve_spec(
    reference: str | Path | ModelSpec | None = None,
    *,
    places: Places | None = None,
    offline: bool = False,
) -> ModelSpec:
    """Return the file and the settings that a model string names, see `resolve_model`.

    Raises OptionError for settings that do not exist or exclude each other.
    """
    if isinstance(reference, ModelSpec):
        return reference
    name, settings = named_settings("" if reference is None else str(reference))
    given = None if reference is None else name
    return ModelSpec(resolve_model(given, places=places, offline=offline), settings)


def _path(text: str) -> Path:
    path = expand_user(text)
    if os.path.isdir(path):  # noqa: PTH112  # Path.is_dir raises where it may not look
        files = gguf_files(path)
        if not files:
            raise ModelFileError(f"{text}: is a folder that holds no .gguf")
        if len(files) > 1:
            here = ", ".join(file.name for file in files[:5])
            raise ModelFileError(f"{text}: is a folder; name one of its files ({here})")
        (path,) = files
    try:
        check_regular(path, error=ModelFileError)
    except ModelFileError as error:
        hint = "" if os.path.lexists(path) else " (`pyengine models` lists what is here)"
        raise ModelFileError(f"{error}{hint}") from error
    return path


def _embedded(name: str, places: Places) -> Path:
    members = {entry.path.stem: entry.path for entry in find_embedded(places)}
    if name not in members:
        there = ", ".join(sorted(members)) or "none in this installation"
        raise ModelFileError(f"embedded:{name}: no such embedded model; there is: {there}")
    return members[name]


def _ollama(name: str, places: Places) -> Path:
    wanted = name if ":" in name.rpartition("/")[2] else f"{name}:latest"
    there = list(find_ollama(places))
    for entry in there:
        if entry.reference.removeprefix("ollama:").lower() == wanted.lower():
            if entry.problem:
                raise ModelFileError(f"{entry.reference}: {problem_sentence(entry.problem)}")
            return entry.path
    raise ModelFileError(f"ollama:{name}: not in Ollama's store; {choices(there)}")


def _lmstudio(name: str, places: Places) -> Path:
    there = list(find_lmstudio(places))
    wanted = name.strip("/").lower()
    exact = [e for e in there if e.reference.removeprefix("lmstudio:").lower() == wanted]
    within = [e for e in there if f"/{wanted}/" in f"/{e.reference.partition(':')[2].lower()}/"]
    matches = exact or [e for e in within if "mmproj" not in e.path.name.lower()]
    if len(matches) == 1:
        return matches[0].path
    if not matches:
        raise ModelFileError(f"lmstudio:{name}: not in LM Studio's folders; {choices(there)}")
    raise ModelFileError(f"lmstudio:{name}: names {len(matches)} files; {choices(matches)}")


def _hub(name: str, places: Places, *, offline: bool) -> Path:
    repository, _, choice = name.partition(":")
    check_repository(name, repository)
    prefix = f"hf:{repository}:"
    cached = [entry for entry in find_hub(places) if entry.reference.startswith(prefix)]
    files = [entry.reference.removeprefix(prefix) for entry in cached]
    if cached and choice:
        matches = choose_files(files, choice)
        if len(set(matches)) == 1:
            return cached[len(files) - 1 - files[::-1].index(matches[0])].path
    if offline:
        raise ModelFileError(f"hf:{name}: not in the cache; {choices(cached)}")
    from pyengine.models.hub_cache import download

    try:
        return download(repository, choice or None, places=places)
    except InputError as error:
        if not cached:
            raise
        raise type(error)(f"{error}; in the cache {choices(cached)}") from error


def choices(there: Sequence[Found]) -> str:
    """Say what there is, as the end of a sentence."""
    if not there:
        return "nothing is there"
    named = ", ".join(entry.reference for entry in there[:8])
    more = f" and {len(there) - 8} more" if len(there) > 8 else ""
    return f"there is: {named}{more}"
