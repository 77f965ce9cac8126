"""Paths that a user names: the home folder, and what may be read without waiting for ever."""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path

from pyengine.errors import InputError

NO_HOME = Path(os.devnull)
MOST_BYTES = 1 << 28
PIPE_SECONDS = 20.0
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def home_folder() -> Path:
    """Return the user's home folder; a path below which nothing can be where there is none."""
    try:
        return Path.home()
    except RuntimeError:  # HOME is unset, and the user id has no password entry
        return NO_HOME


def expand_user(path: str | Path) -> Path:
    """Return a path with `~` and `~NAME` replaced.

    Raises InputError where that user has no home folder.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise InputError(f"{path}: there is no home folder for {Path(path).parts[0]}") from error


def check_regular(path: str | Path, *, error: type[InputError] = InputError) -> None:
    """Raise `error` unless the path leads to a regular file: others may keep a reader for ever."""
    try:
        mode = Path(path).stat().st_mode
    except FileNotFoundError:
        raise error(f"{path}: no such file") from None
    except (OSError, ValueError) as problem:
        raise error(f"{path}: cannot be read: {_reason(problem)}") from problem
    if not stat.S_ISREG(mode):
        raise error(f"{path}: is {_kind(mode)}, not a regular file")


def open_regular(
    path: str | Path, *, error: type[InputError] = InputError, pipes: bool = False
) -> FileIO:
    """Open a regular file for reading, and wait for nobody.

    Args:
        path: the file.
        error: what is raised where it cannot be opened or is no regular file.
        pipes: accept a pipe, too, which nobody may be writing to.
    """
    try:
        file = FileIO(path, opener=_open_at_once)
    except FileNotFoundError:
        raise error(f"{path}: no such file") from None
    except IsADirectoryError:
        raise error(f"{path}: is a folder, not a regular file") from None
    except (OSError, ValueError) as problem:
        raise error(f"{path}: cannot be read: {_reason(problem)}") from problem
    mode = os.fstat(file.fileno()).st_mode
    if not (stat.S_ISREG(mode) or (pipes and stat.S_ISFIFO(mode))):
        file.close()
        raise error(f"{path}: is {_kind(mode)}, not a regular file")
    return file


def read_bytes(
    path: str | Path,
    *,
    error: type[InputError] = InputError,
    most: int | None = MOST_BYTES,
    pipes: bool = False,
) -> bytes:
    """Return the bytes of a file that is held in memory.

    Args:
        path: a regular file.
        error: what is raised.
        most: the largest number of bytes that is accepted; None for any.
        pipes: take a pipe too, unless nobody writes to it for 20 s.
    """
    with open_regular(path, error=error, pipes=pipes) as file:
        if stat.S_ISFIFO(os.fstat(file.fileno()).st_mode):
            _wait_for_writer(path, file.fileno(), error)
        try:
            data = b"".join(_blocks(file.read, most))
        except OSError as problem:
            raise error(f"{path}: cannot be read: {_reason(problem)}") from problem
    if most is not None and len(data) > most:
        raise error(f"{path}: is larger than {most >> 20} MiB, too large for what it should be")
    return data


def _open_at_once(path: str, flags: int) -> int:
    """Open without waiting for somebody to write to a pipe."""
    return os.open(path, flags | os.O_NONBLOCK)


def _wait_for_writer(path: str | Path, descriptor: int, error: type[InputError]) -> None:
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN | select.POLLHUP)
    if not waiting.poll(1000 * PIPE_SECONDS):
        raise error(f"{path}: nobody writes to this pipe")
    os.set_blocking(descriptor, True)


def _blocks(read: Callable[[int], bytes | None], most: int | None) -> Iterator[bytes]:
    """Yield the blocks of a file, until its end or more than `most` bytes have come."""
    done = 0
    while (most is None or done <= most) and (block := read(1 << 20)):
        done += len(block)
        yield block


def walk_folders(
    folder: Path,
    *,
    enter: Callable[[str], bool] | None = None,
    onerror: Callable[[OSError], object] | None = None,
) -> Iterator[tuple[Path, list[str]]]:
    """Yield each folder below one, links followed, with the sorted names of its files.

    A folder that several links lead to is entered once, so that loops end.

    Args:
        folder: where to begin.
        enter: whether to enter a folder of that name; None enters all.
        onerror: called with what cannot be listed; None passes over it.
    """
    seen: set[tuple[int, int]] = set()
    for base, folders, files in os.walk(folder, followlinks=True, onerror=onerror):
        try:
            status = Path(base).stat()
        except OSError:
            folders.clear()
            continue
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if enter is None or enter(name))
        yield Path(base), sorted(files)


def _kind(mode: int) -> str:
    return next((name for test, name in _KINDS if test(mode)), "something else")


def _reason(problem: OSError | ValueError) -> str:
    return (problem.strerror if isinstance(problem, OSError) else None) or str(problem)
