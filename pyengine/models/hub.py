"""Ask Hugging Face's hub for lists of files and for parts of files.

Requests go through huggingface_hub's session (the extra `hub`), which knows proxies, certificates
and tokens.
"""

from __future__ import annotations

import re
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, urlsplit

from pyengine.errors import InputError, ModelFileError, OfflineError
from pyengine.extras import import_extra
from pyengine.models.places import Places
from pyengine.models.stores import choose_files, is_later_part

CONNECT_SECONDS = 3.0
_SECONDS = (5.0, 20.0, 20.0, 20.0)  # to connect, read, write, and get a connection
_TRIES = 3  # that bring nothing, one after the other
_PASSING = {429, 500, 502, 503, 504}  # what a server answers that may do better soon
_PAUSE = 0.5
_TRUE = {"1", "ON", "YES", "TRUE"}
_PORTS = {"http": 80, "https": 443}
_COMMIT = re.compile(r"[0-9a-f]{40}")
_BLOB = re.compile(r"[0-9a-f]{64}|[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
# An address: who asks (and the password) and the query, which may hold keys, stand beside groups.
_URL = re.compile(
    r"(https?://)(?:[^/\s?#]*@)?([^\s?#]*)(?:[?#]\S*?(?=['\")\].,;:]*(?:\s|$)))?", re.IGNORECASE
)
_PART = re.compile(r"-\d{5}-of-(\d{5})\.gguf$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository.

    Attributes:
        repository: OWNER/REPO.
        path: of the file in the repository.
        blob: by which the hub keeps it: its SHA-256, of small files git's hash.
        kind: of the repository, "model" or "dataset".
    """

    repository: str
    path: str
    n_bytes: int
    blob: str
    commit: str
    kind: str = "model"

    @property
    def sha256(self) -> str | None:
        """The file's SHA-256, where the hub says it."""
        return self.blob if _SHA256.fullmatch(self.blob) else None

    @property
    def reference(self) -> str:
        """What a user writes to name it."""
        return f"hf:{self.repository}:{self.path}"


class Hub:
    """The hub, as one session asks it.

    Attributes:
        n_bytes: that came of files so far.
    """

    def __init__(self, places: Places, *, offline: bool = False) -> None:
        """Say where it is, or that it shall not be asked; nothing is asked yet."""
        self._offline = offline
        self.n_bytes = 0
        self._environment = places.environment
        self._reached = False

    def files(self, repository: str, *, kind: str = "model") -> list[RemoteFile]:
        """List a repository's files as its main branch has them.

        Raises:
            OfflineError: the hub cannot be asked.
            ModelFileError: there is no such repository.
            InputError: the server's answer cannot be used.
            MissingExtraError: huggingface_hub is not installed.
        """
        with self.asking(f"hf:{repository}"):
            from huggingface_hub import HfApi

            api: Any = HfApi(endpoint=self._endpoint, token=self._environment.get("HF_TOKEN"))
            try:
                found = api.repo_info(
                    repository, repo_type=kind, files_metadata=True, timeout=_SECONDS
                )
                files = [
                    RemoteFile(
                        repository,
                        each.rfilename,
                        _count(each.size),
                        str(each.lfs.sha256 if each.lfs else each.blob_id),
                        str(found.sha),
                        kind,
                    )
                    for each in found.siblings or ()
                ]
            except (TypeError, AttributeError, KeyError) as error:
                raise ValueError(f"its list of files is none: {error}") from error
            for file in files:
                _check(file)
            return files

    def read(self, file: RemoteFile, begin: int, end: int) -> bytes:
        """Return some bytes of a file; raises as `files` does."""
        with self.asking(file.reference):
            return b"".join(self.blocks(file, begin, end))

    @property
    def _endpoint(self) -> str:
        return (self._environment.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")

    @contextmanager
    def asking(self, reference: str) -> Iterator[None]:
        """Raise what fails in the block as errors of ours."""
        if self._offline:
            raise OfflineError(f"{reference}: the hub is not asked, as was wished")
        if self._environment.get("HF_HUB_OFFLINE", "").upper() in _TRUE:
            raise OfflineError(f"{reference}: HF_HUB_OFFLINE is set, so the hub is not asked")
        import_extra("huggingface_hub", f"{reference}: downloading")
        from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

        self._reach(reference)
        try:
            yield
        except HfHubHTTPError as error:
            raise ModelFileError(f"{reference}: {_reason(error)}") from error
        except OfflineModeIsEnabled as error:
            raise OfflineError(f"{reference}: {_reason(error)}") from error
        except _transport_error(HfHubHTTPError) as error:
            raise OfflineError(f"{reference}: cannot be downloaded: {_reason(error)}") from error
        except OSError as error:
            raise InputError(f"{reference}: cannot be downloaded: {_reason(error)}") from error
        except ValueError as error:
            raise InputError(
                f"{reference}: the server's answer cannot be used: {_reason(error)}"
            ) from error

    def _reach(self, reference: str) -> None:
        """Raise OfflineError where nothing can be asked, within seconds: names may wait longer."""
        scheme, host, port = _server(self._endpoint)
        proxied = scheme in urllib.request.getproxies()
        if self._reached or (proxied and not urllib.request.proxy_bypass(host)):
            return
        reason = _connect(host, port)
        if reason:
            raise OfflineError(f"{reference}: {host} cannot be reached: {reason}")
        self._reached = True

    def blocks(self, file: RemoteFile, begin: int, end: int) -> Iterator[bytes]:
        """Yield the bytes of a part of a file; a connection that breaks is taken up again.

        To be used in a block of `asking`.
        """
        from huggingface_hub.errors import HfHubHTTPError

        failed = 0
        while begin < end:
            try:
                for block in self._answer(file, begin, end):
                    failed, begin = 0, begin + len(block)
                    self.n_bytes += len(block)
                    yield block
                    if begin >= end:
                        return
                failed += 1
            except HfHubHTTPError as error:
                failed += 1
                if error.response.status_code not in _PASSING or failed >= _TRIES:
                    raise
                time.sleep(_PAUSE)
            except _transport_error(HfHubHTTPError):
                failed += 1
                if failed >= _TRIES:
                    raise
            if failed >= _TRIES:
                raise ValueError(f"it ends at byte {begin}, of {file.n_bytes}")

    def _answer(self, file: RemoteFile, begin: int, end: int) -> Iterator[bytes]:
        """Yield what one answer brings of a part of a file."""
        hub = import_extra("huggingface_hub.utils", f"{file.reference}: downloading")
        of_kind = "datasets/" if file.kind == "dataset" else ""
        place = f"{of_kind}{file.repository}/resolve/{file.commit}/{quote(file.path)}"
        headers = hub.build_hf_headers(token=self._environment.get("HF_TOKEN"))
        headers |= {"Range": f"bytes={begin}-{end - 1}", "Accept-Encoding": "identity"}
        with hub.get_session().stream(
            "GET", f"{self._endpoint}/{place}", headers=headers, timeout=_SECONDS
        ) as answer:
            if answer.is_error:
                answer.read()
            hub.hf_raise_for_status(answer)
            if answer.status_code != 206 and begin > 0:
                raise ValueError("it sends a whole file where a part is asked for")
            left = end - begin
            for block in answer.iter_raw():
                yield block[:left]
                left -= len(block)


def _count(size: object) -> int:
    if not isinstance(size, int) or size < 0:
        raise ValueError(f"a file is said to have {size!r:.60} bytes")
    return size


def _check(file: RemoteFile) -> None:
    """Raise ValueError where a name that the server gives would lead out of the cache."""
    for pattern, word in ((_COMMIT, file.commit), (_BLOB, file.blob)):
        if not pattern.fullmatch(word):
            raise ValueError(f"{file.path!r:.200} is said to have the hash {word!r:.60}")
    path = PurePosixPath(file.path)
    if path.is_absolute() or not path.parts or ".." in path.parts or "\0" in file.path:
        raise ValueError(f"a file is called {file.path!r:.200}")


def _server(endpoint: str) -> tuple[str, str, int]:
    """Return the scheme, host and port of an address; raise InputError where it is none."""
    try:
        found = urlsplit(endpoint)
        host = found.hostname or ""
        host.encode("idna")
        port = found.port or _PORTS[found.scheme]
    except (ValueError, KeyError):
        port = 0
    if not port or not host:
        # it isn't repeated, as it may hold a password
        raise InputError("HF_ENDPOINT is no address of a server; write https://HOST[:PORT]")
    return found.scheme, host, port


def _connect(host: str, port: int) -> str:
    """Return why a server cannot be reached, "" where it can."""
    reasons: list[str] = []

    def attempt() -> None:
        try:
            socket.create_connection((host, port), timeout=CONNECT_SECONDS).close()
            reasons.append("")
        except OSError as error:
            reasons.append(error.strerror or str(error) or type(error).__name__)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(CONNECT_SECONDS + 1)
    return reasons[0] if reasons else f"no answer within {CONNECT_SECONDS:g} s"


def pick(repository: str, files: list[str], choice: str | None) -> str:
    """Choose the one file; raise ModelFileError with the choices where there is not just one."""
    firsts = sorted(file for file in files if not is_later_part(file))
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


def part_names(first: str) -> list[str]:
    """Return the names of all parts of a split model, or of the one file."""
    match = _PART.search(first)
    if not match:
        return [first]
    total, stem = match.group(1), first[: match.start()]
    return [f"{stem}-{n:05d}-of-{total}.gguf" for n in range(1, int(total) + 1)]


def parts(first: str, files: list[str]) -> list[str]:
    """Return all parts of a split model, or the one file.

    Raises ModelFileError where a part is missing from the repository.
    """
    names = part_names(first)
    missing = [name for name in names if name not in files]
    if missing:
        raise ModelFileError(f"{first}: the repository lacks its part {missing[0]}")
    return names


def _transport_error(status_error: type[Exception]) -> type[Exception]:
    """Return the base error of the HTTP library in use, which differs between hub versions."""
    base = status_error.__mro__[1]
    return base if base is not Exception else status_error


def _reason(error: Exception) -> str:
    """Say an error in one line, without what is secret in addresses."""
    text = " ".join(str(error).split()) or type(error).__name__
    text = _URL.sub(r"\1\2", text)
    return text if len(text) <= 300 else f"{text[:300]}…"
