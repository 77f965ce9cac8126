"""What was found out about model files, remembered in the user's cache by their identity.

A file is known by device, inode, size and the times of its last changes. One that changed within
the last seconds is remembered by this process only: it may change without its times showing it.
"""

import hashlib
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from pyengine.errors import InputError, ModelFileError
from pyengine.files import user_cache, write_atomic

SETTLED_SECONDS = 2.0


class Remembered:
    """One short text for some files.

    Attributes:
        place: where it is kept, whether or not it is there.
    """

    def __init__(self, kind: str, parts: Sequence[Path], *what: object) -> None:
        """Look at the files.

        Args:
            kind: folder of the cache.
            parts: the file, or all parts of a split model in order.
            what: plain values that decide the answer too.

        Raises:
            ModelFileError: a file cannot be looked at.
        """
        try:
            found = [part.stat() for part in parts]
        except OSError as error:
            raise ModelFileError(f"{error.filename}: cannot be read: {error.strerror}") from error
        files = [[s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns] for s in found]
        self._changed = max(max(s.st_mtime, s.st_ctime) for s in found)
        key = hashlib.sha256(json.dumps([files, *what]).encode()).hexdigest()
        self.place = Path(kind) / key

    def read(self) -> str | None:
        """Return what is remembered; None where nothing is."""
        known = _in_this_process()
        if self.place not in known:
            with suppress(OSError, RuntimeError, ValueError):
                known[self.place] = (user_cache() / self.place).read_text(encoding="utf-8").strip()
        return known.get(self.place)

    def write(self, text: str) -> None:
        """Remember a text; without a cache, or with a full disk, this process alone does."""
        _in_this_process()[self.place] = text
        if abs(time.time() - self._changed) < SETTLED_SECONDS:
            return
        with suppress(InputError, OSError, RuntimeError):
            path = user_cache() / self.place
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, f"{text}\n")


@lru_cache(maxsize=1)
def _in_this_process() -> dict[Path, str]:
    return {}
