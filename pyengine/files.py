"""Write files so that nobody ever sees half of one."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyengine.errors import InputError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it into place when the block succeeds.

    On any error, Ctrl-C included, the temporary file is removed and an earlier file stays. A link
    stays, too: what it leads to is replaced. A device or a pipe is written to.

    Raises:
        InputError: the folder cannot be written, or the disk is full.
    """
    target = Path(os.path.realpath(path)) if Path(path).is_symlink() else Path(path)
    special = _is_special(Path(path))
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(
            dir=None if special else target.parent, prefix=f".{target.name}."
        )
        os.close(handle)
        temporary = Path(name)
        yield temporary
        if special:
            with temporary.open("rb") as source, Path(path).open("wb") as sink:
                shutil.copyfileobj(source, sink)
            return
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
        temporary = None
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_atomic(path: str | Path, content: str | bytes) -> None:
    """Write text (UTF-8) or bytes to a file, whole or not at all.

    Raises:
        InputError: the folder cannot be written, or the disk is full.
    """
    data = content.encode() if isinstance(content, str) else content
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


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


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
