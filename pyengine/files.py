"""Write files whole or not at all, and touch nothing that somebody else made.

What is not finished has a name that only this module gives, and its writer holds a lock on it. The
kernel drops the lock when the writer's process ends, however it ends, so the next run can tell what
a killed run left from what a living one is writing, also where process ids are given again or
belong to another container.
"""

import errno
import fcntl
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from pyengine.errors import InputError, NoSpaceError, OptionError

PREFIX = ".pyengine-"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_UNFINISHED = re.compile(r"\.pyengine-[1-9]\d*-[0-9a-f]{32}\.unfinished")
# What file systems without hard links answer.
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

IsOurs = Callable[[Path], bool]
Make = Callable[[Path], "int | None"]


@contextmanager
def replacing(path: str | Path, *, is_ours: IsOurs | None = None) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it into place when the block succeeds.

    On any error, Ctrl-C included, the temporary file is removed and an earlier file stays. What a
    killed run left in the folder is removed first. A link stays: what it leads to is replaced. A
    device or a pipe is written to.

    Args:
        path: the file to write.
        is_ours: for names that the user did not choose: an existing file is replaced only where
            this returns True for it. None for a path that the user named.

    Raises:
        InputError: the folder cannot be written, the disk is full (NoSpaceError), the file there
            is protected against writing, or it is not ours.
    """
    try:
        target = Path(os.path.realpath(path)) if Path(path).is_symlink() else Path(path)
        special = _is_special(Path(path))
        if not special:
            check_replaceable(target, is_ours)
        folder = Path(tempfile.gettempdir()) if special else target.parent
        with _unfinished(folder, _new_file) as (temporary, handle):
            yield temporary
            if special:
                with temporary.open("rb") as source, Path(path).open("wb") as sink:
                    shutil.copyfileobj(source, sink)
            else:
                os.fsync(handle)
                _place(temporary, target, is_ours)
    except OSError as error:
        kind = NoSpaceError if error.errno in _FULL else InputError
        raise kind(f"{path}: cannot be written: {error.strerror or error}") from error


def write_atomic(path: str | Path, content: str | bytes, *, is_ours: IsOurs | None = None) -> None:
    """Write text (UTF-8) or bytes to a file, whole or not at all; see `replacing`.

    Raises:
        InputError: as `replacing`.
    """
    with replacing(path, is_ours=is_ours) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def check_replaceable(target: Path, is_ours: IsOurs | None = None) -> None:
    """Raise InputError where a file is in the way that must stay as it is; see `replacing`."""
    try:
        found = target.stat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode):
        return  # a folder cannot be replaced by a file, and says so
    if not found.st_mode & 0o222:
        raise InputError(f"{target}: is protected against writing, and was left as it is")
    if is_ours is None and is_model(target):
        raise InputError(f"{target}: is a model file, and was left as it is; name another file")
    if is_ours is not None and not is_ours(target):
        raise InputError(
            f"{target}: exists and is not a file that pyengine wrote there; move it away or choose "
            "another folder"
        )


def is_model(path: Path) -> bool:
    """Tell whether a file begins as GGUF does; one that cannot be read does not."""
    try:
        with path.open("rb") as file:
            return file.read(4) == b"GGUF"
    except OSError:
        return False


def check_outputs(outputs: Iterable[Path | None], inputs: Iterable[Path | None]) -> None:
    """Raise OptionError where a file is to be written that is read too, or is written twice."""
    taken = {os.path.realpath(path): "read" for path in inputs if path is not None}
    for path in outputs:
        if path is not None and path != Path("-"):
            if how := taken.get(os.path.realpath(path)):
                raise OptionError(f"{path}: is {how} by the same command; name another file")
            taken[os.path.realpath(path)] = "written"


def check_absent(path: Path) -> None:
    """Raise InputError where a file cannot be made: one is there already, or its folder is not."""
    if os.path.lexists(path):
        raise InputError(f"{path}: is there already; name another file")
    if not os.access(path.parent, os.W_OK | os.X_OK) or not path.parent.is_dir():
        raise InputError(f"{path}: cannot be written: its folder is missing or protected")


@contextmanager
def making_folder(folder: Path) -> Iterator[None]:
    """Make a folder and its parents where they are missing, and use it in the block.

    On an error in the block, those that were made and are still empty are removed.

    Raises:
        InputError: it cannot be made.
    """
    made: list[Path] = []
    try:
        try:
            for place in (*reversed(folder.parents), folder):
                if _make_folder(place):
                    made.append(place)
        except OSError as error:
            raise InputError(
                f"{folder}: the folder cannot be made: {error.strerror or error}"
            ) from error
        yield
    except BaseException:
        with suppress(OSError):  # one that is not empty any more stays, and all above it
            for place in reversed(made):
                place.rmdir()
        raise


def _make_folder(place: Path) -> bool:
    """Make a folder in one that exists; False where it is there already."""
    if place.is_dir():
        return False
    try:
        place.mkdir()
    except FileExistsError:
        if place.is_dir():  # another run was quicker
            return False
        raise NotADirectoryError(errno.ENOTDIR, f"{place} is not a folder") from None
    return True


@contextmanager
def temporary_folder(place: Path | None = None) -> Iterator[Path]:
    """Yield a new folder in `place`, or in the system's temporary one; remove it and all in it.

    What a killed run left there is removed first.

    Raises:
        InputError: it cannot be made.
    """
    with ExitStack() as stack:
        try:
            place = place or Path(tempfile.gettempdir())
            folder, _ = stack.enter_context(_unfinished(place, _new_folder))
        except OSError as error:
            raise InputError(
                f"no temporary folder can be made: {error}; set TMPDIR to a folder with room"
            ) from error
        yield folder


def remove_leftovers(folder: Path) -> None:
    """Remove what killed runs left unfinished in a folder.

    Only what has one of our names, belongs to this user and has no living writer.
    """
    try:
        names = [name for name in os.listdir(folder) if name.startswith(PREFIX)]  # noqa: PTH208
    except OSError:
        return
    for name in names:
        if _UNFINISHED.fullmatch(name):
            with suppress(OSError):  # a living writer's, or not ours to remove: it stays
                _remove_unlocked(folder / name)


def _remove_unlocked(path: Path) -> None:
    """Remove a file or folder; raise OSError where its writer lives or it is somebody else's."""
    found = path.lstat()
    is_folder = stat.S_ISDIR(found.st_mode)
    if found.st_uid != os.geteuid() or not (is_folder or stat.S_ISREG(found.st_mode)):
        return
    handle = os.open(path, os.O_NOFOLLOW | (os.O_RDONLY if is_folder else os.O_RDWR))
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(path)
    finally:
        os.close(handle)


@contextmanager
def _unfinished(folder: Path, make: Make) -> Iterator[tuple[Path, int]]:
    """Yield a new path under a name of ours and its locked descriptor; remove it at the end."""
    remove_leftovers(folder)
    path, handle = _make_locked(folder, make)
    try:
        yield path, handle
    finally:
        with suppress(OSError):  # it has another name by now, or the next run finds it
            _remove(path)
        os.close(handle)


def _make_locked(folder: Path, make: Make) -> tuple[Path, int]:
    while True:
        path = folder / f"{PREFIX}{os.getpid()}-{secrets.token_hex(16)}.unfinished"
        handle = make(path)
        if handle is None:
            continue
        try:
            with suppress(OSError):  # without locks on this file system nobody removes it
                fcntl.flock(handle, fcntl.LOCK_EX)
            # Another run may have removed it before the lock was there.
            if os.path.samestat(os.fstat(handle), path.stat()):
                return path, handle
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _new_file(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)


def _new_folder(path: Path) -> int | None:
    """Make a folder and open it; None where another run removed it before it could be locked."""
    path.mkdir(mode=0o700)
    try:
        return os.open(path, _FOLDER)
    except FileNotFoundError:
        return None


def _place(temporary: Path, target: Path, is_ours: IsOurs | None) -> None:
    """Give a finished file its name; a file that came there meanwhile must be ours, too."""
    check_replaceable(target, is_ours)
    try:
        temporary.chmod(stat.S_IMODE(target.stat().st_mode) & 0o777)
    except FileNotFoundError:
        if is_ours is not None and _link(temporary, target):
            return
    temporary.replace(target)


def _link(temporary: Path, target: Path) -> bool:
    """Give a file a second name, which fails where there is one; False where links do not exist."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise InputError(
            f"{target}: was made by somebody else meanwhile, and was left as it is"
        ) from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return False
    return True


def _remove(path: Path) -> None:
    if stat.S_ISDIR(path.lstat().st_mode):
        remove_tree(path)
    else:
        path.unlink()


def remove_tree(folder: Path) -> None:
    """Remove a folder of ours and all in it, however deep, following no link.

    One folder is open at a time, and the way up is held against the way down: no path and no
    recursion grows long, and a program that moves folders meanwhile leads nowhere else.

    Raises:
        OSError: something in it cannot be removed.
    """
    above: list[tuple[os.stat_result, str, list[str]]] = []
    here = _open_writable(folder)
    try:
        below = _unlink_files(here)
        while below or above:
            if below:
                name = below.pop()
                inner = _open_writable(name, here)
                above.append((os.fstat(here), name, below))
                here = _instead(here, inner)
                below = _unlink_files(here)
            else:
                status, name, below = above.pop()
                here = _instead(here, os.open("..", _FOLDER, dir_fd=here))
                if not os.path.samestat(os.fstat(here), status):
                    raise OSError(errno.EBUSY, "was moved while it was removed", str(folder))
                os.rmdir(name, dir_fd=here)
    finally:
        os.close(here)
    folder.rmdir()


def _instead(old: int, new: int) -> int:
    os.close(old)
    return new


def _open_writable(name: str | Path, above: int | None = None) -> int:
    """Open a folder of ours, whatever its permissions were."""
    try:
        folder = os.open(name, _FOLDER, dir_fd=above)
    except PermissionError:
        os.chmod(name, 0o700, dir_fd=above)
        folder = os.open(name, _FOLDER, dir_fd=above)
    os.fchmod(folder, 0o700)
    return folder


def _unlink_files(folder: int) -> list[str]:
    """Unlink all files and links of an open folder; return the names of its folders."""
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        if not is_folder:
            os.unlink(name, dir_fd=folder)
    return [name for name, is_folder in found if is_folder]


def user_cache() -> Path:
    """Return the user's folder for what can be computed again.

    Raises:
        RuntimeError: there is no home folder.
    """
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "pyengine"


def _is_special(path: Path) -> bool:
    """Tell whether a path is a device or a pipe, such as /dev/stdout: nothing to be replaced."""
    return path.exists() and not path.is_file() and not path.is_dir()
