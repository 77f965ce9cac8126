"""Download from Hugging Face's hub, through huggingface_hub (the extra `hub`)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from pyengine.discovery.places import Places
from pyengine.discovery.references import choose_files
from pyengine.engine.gguf import parts_sha256
from pyengine.errors import InputError, ModelFileError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_SHA256 = re.compile(r"[0-9a-f]{64}")
_PART = re.compile(r"-\d{5}-of-(\d{5})\.gguf$", re.IGNORECASE)


def download(repository: str, choice: str | None, *, places: Places) -> Path:
    """Fetch the one file that the choice names into the hub's cache; of a split model all parts.

    An interrupted download continues where it stopped; progress goes to stderr.

    Raises ModelFileError where the repository or the file is not there, the choice names several,
    or what came is damaged; InputError where huggingface_hub is not installed or the network fails.
    """
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
    except ImportError as error:
        raise InputError(
            f"hf:{repository}: downloading needs huggingface_hub; pip install 'pyengine[hub]'"
        ) from error
    api = HfApi(
        endpoint=places.environment.get("HF_ENDPOINT"), token=places.environment.get("HF_TOKEN")
    )
    try:
        return _fetch(api, repository, choice, places.hub())
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


def _fetch_file(api: HfApi, repository: str, name: str, cache: Path) -> Path:
    """Download one file, and hold it against the hash that the server gave for it.

    The hub's library takes the server's word for both hash and commit as names of files.
    """
    from huggingface_hub import hf_hub_url

    promised = api.get_hf_file_metadata(url=hf_hub_url(repository, name, endpoint=api.endpoint))
    for word in (promised.etag, promised.commit_hash):
        if not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z._-]*", word or ""):
            raise ValueError(f"{name} is said to have the hash {word!r:.60}")
    path = Path(api.hf_hub_download(repository, name, cache_dir=cache))
    blob = path.resolve()
    if cache.resolve() not in blob.parents:
        raise ValueError(f"{name} was stored outside of the cache, as {blob}")
    if _SHA256.fullmatch(promised.etag or "") and parts_sha256([blob]) != promised.etag:
        path.unlink()
        blob.unlink(missing_ok=True)
        raise ModelFileError(
            f"hf:{repository}:{name}: what came does not have the SHA-256 that was promised, and "
            "was removed; try again"
        )
    return path


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
