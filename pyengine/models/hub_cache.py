"""Files of the hub in its cache on this machine, laid out as huggingface_hub lays them out."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedWriter
from pathlib import Path, PurePosixPath

from pyengine.errors import BusyError, InputError, ModelFileError
from pyengine.extras import import_extra
from pyengine.files import making_folder, write_atomic
from pyengine.models.gguf import known_sha256, remember_sha256
from pyengine.models.hub import Hub, RemoteFile, parts, pick
from pyengine.models.places import Places

Progress = Callable[[int, int], object]

# How long a download of another process may stand still before it is waited for no longer, and how
# often it is looked at.
PATIENCE_SECONDS = 60.0
_PAUSE = 0.2


class HubCache:
    """The folder in which huggingface_hub and pyengine keep what they downloaded."""

    def __init__(self, folder: Path, hub: Hub) -> None:
        """Say where it is, and whom to ask for what is missing."""
        self.folder = folder
        self.hub = hub
        self._made: set[Path] = set()  # folders of repositories that were not there before
        self._placed: set[Path] = set()  # blobs and links that were not there before
        self._refs: dict[Path, str | None] = {}  # what refs that we moved held before

    def cached(self, file: RemoteFile) -> Path | None:
        """Return where the cache has a file, None where it has not; no byte of it is read."""
        for path in (self._link(file), self._blob(file)):
            with suppress(OSError):
                if path.stat().st_size == file.n_bytes:
                    return path
        return None

    def brought(self, file: RemoteFile) -> bool:
        """Tell whether `fetch` itself put a file here, and it was not removed since."""
        return self._blob(file) in self._placed

    def missing_bytes(self, file: RemoteFile) -> int:
        """Return how many bytes of a file are still to come."""
        if self.cached(file) is not None:
            return 0
        with suppress(OSError):
            return max(file.n_bytes - self._unfinished(file).stat().st_size, 0)
        return file.n_bytes

    def fetch(self, file: RemoteFile, *, progress: Progress | None = None) -> Path:
        """Return a file in the cache; download what is missing of it.

        A download that ended early, and however it did, is taken up where it was; that of another
        process is waited for.

        Args:
            progress: called with the bytes that are there and all that there will be; None shows
                a bar on stderr.

        Raises:
            ModelFileError: what came, or was in the cache, is not what the hub promises.
            Others: as `Hub.files` does.
        """
        with self.hub.asking(file.reference):
            blob = self._blob(file)
            there = self.cached(file) or blob
            if not os.path.lexists(there):
                if not self._store(file).exists():
                    self._made.add(self._store(file))
                with making_folder(blob.parent):
                    self._download(file, blob, progress)
            elif not _is_promised(there, file):
                raise ModelFileError(
                    f"{file.reference}: {there} was in the cache already and does not have the "
                    "SHA-256 that the hub promises; remove it to download it again"
                )
            return self._named(file)

    def remove(self, file: RemoteFile) -> None:
        """Remove a file that `fetch` brought, and the folders that are empty then.

        One that was here before, or that another process brought, stays.
        """
        if not self.brought(file):
            return
        store, link = self._store(file), self._link(file)
        for path in (link, self._blob(file)):
            if path in self._placed:
                path.unlink(missing_ok=True)
                self._placed.remove(path)
        with suppress(OSError):  # one that is not empty stays, and all above it
            for folder in link.parents[: len(PurePosixPath(file.path).parts) + 1]:
                folder.rmdir()
        if not (store / "snapshots" / file.commit).exists():
            self._restore_ref(store / "refs" / "main", file.commit)
        with suppress(OSError):
            if store in self._made:
                (store / "blobs").rmdir()
                (store / "refs").rmdir()
                store.rmdir()

    def _store(self, file: RemoteFile) -> Path:
        return self.folder / f"{file.kind}s--{file.repository.replace('/', '--')}"

    def _blob(self, file: RemoteFile) -> Path:
        return self._store(file) / "blobs" / file.blob

    def _link(self, file: RemoteFile) -> Path:
        return self._store(file) / "snapshots" / file.commit / file.path

    def _unfinished(self, file: RemoteFile) -> Path:
        """Return where a download grows: a name that only we give, and find again."""
        return self._store(file) / "blobs" / f".pyengine-{file.blob}.download"

    def _named(self, file: RemoteFile) -> Path:
        """Return a file's name in the cache; the commit is then the last that was seen."""
        link, refs = self._link(file), self._store(file) / "refs"
        link.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            link.symlink_to(os.path.relpath(self._blob(file), link.parent))
            self._placed.add(link)
        refs.mkdir(exist_ok=True)
        before = _text(refs / "main")
        if before != file.commit:
            self._refs.setdefault(refs / "main", before)
            write_atomic(refs / "main", file.commit)
        return link

    def _restore_ref(self, ref: Path, commit: str) -> None:
        """Let a ref that we moved name what it did, where it names a commit that is gone."""
        if ref not in self._refs or _text(ref) != commit:
            return
        before = self._refs.pop(ref)
        if before is None:
            ref.unlink()
        else:
            write_atomic(ref, before)

    def _download(self, file: RemoteFile, blob: Path, progress: Progress | None) -> None:
        """Bring a file to its place in the cache, by way of one that only we write."""
        growing = self._unfinished(file)
        with _locked(growing) as handle, _shown(file, progress) as show:
            if os.path.lexists(blob):  # another run was quicker
                growing.unlink()
                return
            if handle.tell() > file.n_bytes:
                handle.truncate(0)
            done = handle.seek(0, os.SEEK_END)
            show(done, file.n_bytes)
            try:
                for block in self.hub.blocks(file, done, file.n_bytes):
                    handle.write(block)
                    done += len(block)
                    show(done, file.n_bytes)
            except ValueError:
                growing.unlink()
                raise
            handle.flush()
            if not _is_promised(growing, file):
                growing.unlink()
                raise ModelFileError(
                    f"{file.reference}: what came does not have the SHA-256 that was promised, "
                    "and was removed; try again"
                )
            os.fsync(handle.fileno())
            growing.rename(blob)
            self._placed.add(blob)
        if file.sha256 is not None:
            remember_sha256([blob], file.sha256)


def download(repository: str, choice: str | None, *, places: Places) -> Path:
    """Fetch the one file that the choice names into the hub's cache; of a split model all parts.

    Progress goes to stderr.

    Raises ModelFileError where the choice names no file or several, else as `HubCache.fetch` does.
    """
    hub = Hub(places)
    files = {each.path: each for each in hub.files(repository)}
    names = [name for name in files if name.lower().endswith(".gguf")]
    wanted = parts(pick(repository, names, choice), names)
    cache = HubCache(places.hub(), hub)
    first, *_ = [cache.fetch(files[name]) for name in wanted]
    return first


def download_from_dataset(repository: str, name: str, *, places: Places) -> Path:
    """Return one file of a data set: from the hub's cache, or fetched into it as models are.

    Raises as `HubCache.fetch` does.
    """
    import_extra("huggingface_hub", f"hf:{repository}: downloading")
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repository, name, places.hub(), repo_type="dataset")
    if isinstance(found, str):
        return Path(found)
    hub = Hub(places)
    files = {each.path: each for each in hub.files(repository, kind="dataset")}
    if name not in files:
        raise InputError(f"hf:{repository}:{name}: the repository has no such file")
    return HubCache(places.hub(), hub).fetch(files[name])


def _text(path: Path) -> str | None:
    """Return what a small file holds, None where there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None


@contextmanager
def _locked(path: Path) -> Iterator[BufferedWriter]:
    """Open a file for adding to it, alone; no link is followed.

    Raises BusyError where another process holds it, and it has not grown for long.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    seen, since = -1, time.monotonic()
    while True:
        with os.fdopen(os.open(path, flags, 0o644), "ab") as handle:
            if _is_alone(handle, path):
                yield handle
                return
            n_bytes = os.fstat(handle.fileno()).st_size
        if n_bytes != seen:
            seen, since = n_bytes, time.monotonic()
        elif time.monotonic() - since > PATIENCE_SECONDS:
            raise BusyError(f"{path}: another pyengine is downloading this file")
        time.sleep(_PAUSE)


def _is_alone(handle: BufferedWriter, path: Path) -> bool:
    """Lock an open file; return whether that worked, and the file has its name still."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(handle.fileno()), path.lstat())
    except (BlockingIOError, FileNotFoundError):
        return False


@contextmanager
def _shown(file: RemoteFile, progress: Progress | None) -> Iterator[Progress]:
    """Yield what shows how far a download is: the caller's, or the hub's own bar on stderr."""
    if progress is not None:
        yield progress
        return
    hub = import_extra("huggingface_hub.utils", f"{file.reference}: downloading")
    name = PurePosixPath(file.path).name
    with hub.tqdm(desc=name, total=file.n_bytes, unit="B", unit_scale=True) as bar:
        yield lambda done, _: bar.update(done - bar.n)


def _is_promised(path: Path, file: RemoteFile) -> bool:
    """Return whether a file has the size and, where the hub gives it, the SHA-256 promised."""
    if path.stat().st_size != file.n_bytes:
        return False
    return file.sha256 is None or known_sha256([path]) == file.sha256
