"""Download from Hugging Face's hub, through huggingface_hub (the extra `hub`)."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pyengine.errors import InputError, ModelFileError
from pyengine.extras import import_extra
from pyengine.files import temporary_folder, write_atomic
from pyengine.models.gguf import parts_sha256
from pyengine.models.places import Places
from pyengine.models.stores import choose_files

if TYPE_CHECKING:
    from collections.abc import Callable

    from huggingface_hub import HfApi

T = TypeVar("T")

_SHA256 = re.compile(r"[0-9a-f]{64}")
_PART = re.compile(r"-\d{5}-of-(\d{5})\.gguf$", re.IGNORECASE)


def download(repository: str, choice: str | None, *, places: Places) -> Path:
    """Fetch the one file that the choice names into the hub's cache; of a split model all parts.

    A connection that breaks is taken up where it was; a killed download begins again, and what it
    left is removed. Progress goes to stderr.

    Raises ModelFileError where the repository or the file is not there, the choice names several,
    or what came is damaged; MissingExtraError where huggingface_hub is not installed; InputError
    where the network fails.
    """
    return _asking(repository, places, lambda api: _fetch(api, repository, choice, places.hub()))


def download_from_dataset(repository: str, name: str, *, places: Places) -> Path:
    """Return one file of a data set: from the hub's cache, or fetched into it as models are.

    Raises as `download` does.
    """

    def fetch(api: HfApi) -> Path:
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(repository, name, places.hub(), repo_type="dataset")
        if isinstance(found, str):
            return Path(found)
        return _fetch_file(api, repository, name, places.hub(), kind="dataset")

    return _asking(repository, places, fetch)


def _asking(repository: str, places: Places, ask: Callable[[HfApi], T]) -> T:
    """Ask the hub something, and raise what fails as errors of ours."""
    import_extra("huggingface_hub", f"hf:{repository}: downloading")
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    api = HfApi(
        endpoint=places.environment.get("HF_ENDPOINT"), token=places.environment.get("HF_TOKEN")
    )
    try:
        return ask(api)
    except HfHubHTTPError as error:
        raise ModelFileError(f"hf:{repository}: {_reason(error)}") from error
    except (_transport_error(HfHubHTTPError), OfflineModeIsEnabled, OSError) as error:
        raise InputError(f"hf:{repository}: cannot be downloaded: {_reason(error)}") from error
    except ValueError as error:
        raise InputError(
            f"hf:{repository}: the server's answer cannot be used: {_reason(error)}"
        ) from error


def _fetch(api: HfApi, repository: str, choice: str | None, cache: Path) -> Path:
    try:
        listed = api.list_repo_files(repository)
    except (TypeError, LookupError, AttributeError) as error:
        raise ValueError(f"its list of files: {error}") from error
    files = [name for name in listed if name.lower().endswith(".gguf")]
    wanted = parts(pick(repository, files, choice), files)
    paths = [_fetch_file(api, repository, name, cache) for name in wanted]
    return paths[0]


def _fetch_file(
    api: HfApi, repository: str, name: str, cache: Path, *, kind: str = "model"
) -> Path:
    """Download one file, hold it against the hash that the server gave, and add it to the cache.

    The hub's library takes the server's word for both hash and commit as names of files.

    Args:
        kind: of the repository, "model" or "dataset".
    """
    from huggingface_hub import hf_hub_url

    url = hf_hub_url(repository, name, repo_type=kind, endpoint=api.endpoint)
    promised = api.get_hf_file_metadata(url=url)
    for word in (promised.etag, promised.commit_hash):
        if not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z._-]*", word or ""):
            raise ValueError(f"{name} is said to have the hash {word!r:.60}")
    store = cache / f"{kind}s--{repository.replace('/', '--')}"
    blob = store / "blobs" / str(promised.etag)
    if os.path.lexists(blob):  # the file of another commit, or in a cache without this one
        path = Path(api.hf_hub_download(repository, name, repo_type=kind, cache_dir=cache))
        if not _is_promised(path, promised.etag):
            raise ModelFileError(
                f"hf:{repository}:{name}: {blob} was in the cache already and does not have the "
                "SHA-256 that the hub promises; remove it to download it again"
            )
        return path
    cache.mkdir(parents=True, exist_ok=True)
    with temporary_folder(cache) as folder:
        path = Path(api.hf_hub_download(repository, name, repo_type=kind, cache_dir=folder))
        if folder.resolve() not in path.resolve().parents:
            raise ValueError(f"{name} was stored outside of the cache, as {path.resolve()}")
        if not _is_promised(path, promised.etag):
            raise ModelFileError(
                f"hf:{repository}:{name}: what came does not have the SHA-256 that was promised, "
                "and was removed; try again"
            )
        _add(folder / store.name, store)
        return cache / path.relative_to(folder)


def _is_promised(path: Path, promised: str | None) -> bool:
    """Return whether a file has the SHA-256 that the server gave, where it gave one."""
    return not _SHA256.fullmatch(promised or "") or parts_sha256([path.resolve()]) == promised


def _add(source: Path, store: Path) -> None:
    """Add a repository's new files to the cache; of what is there, only its refs change."""
    for part in ("blobs", "snapshots", "refs"):
        for path in sorted((source / part).rglob("*")):
            target = store / path.relative_to(source)
            if path.is_dir():
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            if part == "refs":
                write_atomic(target, path.read_bytes())
            elif path.is_symlink():
                with suppress(FileExistsError):
                    target.symlink_to(path.readlink())
            elif not os.path.lexists(target):
                path.rename(target)


def pick(repository: str, files: list[str], choice: str | None) -> str:
    """Choose the one file; raise ModelFileError with the choices where there is not just one."""
    firsts = sorted(f for f in files if not _PART.search(f) or "-00001-of-" in f)
    matches = choose_files(firsts, choice) if choice else firsts
    if len(matches) == 1:
        return matches[0]
    named = f"hf:{repository}:{choice}" if choice else f"hf:{repository}"
    if not firsts:
        raise ModelFileError(f"{named}: the repository holds no .gguf file")
    shown = matches or firsts
    listed = ", ".join(shown[:20]) + (" …" if len(shown) > 20 else "")
    what = f"names {len(matches)} files" if matches else "names no file"
    raise ModelFileError(f"{named}: {what}; choose one with hf:{repository}:FILE from: {listed}")


def parts(first: str, files: list[str]) -> list[str]:
    """Return all parts of a split model, or the one file.

    Raises ModelFileError where a part is missing from the repository.
    """
    match = _PART.search(first)
    if not match:
        return [first]
    total = match.group(1)
    stem = first[: match.start()]
    names = [f"{stem}-{n:05d}-of-{total}.gguf" for n in range(1, int(total) + 1)]
    missing = [name for name in names if name not in files]
    if missing:
        raise ModelFileError(f"{first}: the repository lacks its part {missing[0]}")
    return names


def _transport_error(status_error: type[Exception]) -> type[Exception]:
    """Return the base error of the HTTP library in use, which differs between hub versions."""
    base = status_error.__mro__[1]
    return base if base is not Exception else status_error


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else f"{text[:300]}…"
