"""Download from Hugging Face's hub, through huggingface_hub (the extra `hub`)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from pyengine.discovery.places import Places
from pyengine.discovery.references import choose_files
from pyengine.errors import InputError, ModelFileError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_PART = re.compile(r"-\d{5}-of-(\d{5})\.gguf$", re.IGNORECASE)


def download(repository: str, choice: str | None, *, places: Places) -> Path:
    """Fetch the one file that the choice names into the hub's cache; of a split model all parts.

    An interrupted download continues where it stopped; progress goes to stderr.

    Raises ModelFileError where the repository or the file is not there, or the choice names
    several; InputError where huggingface_hub is not installed or the network fails.
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
        raise InputError(f"hf:{repository}: cannot be downloaded: {error}") from error


def _fetch(api: HfApi, repository: str, choice: str | None, cache: Path) -> Path:
    files = [f for f in api.list_repo_files(repository) if f.lower().endswith(".gguf")]
    first, *rest = parts(pick(repository, files, choice), files)
    path = Path(api.hf_hub_download(repository, first, cache_dir=cache))
    for name in rest:
        api.hf_hub_download(repository, name, cache_dir=cache)
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
