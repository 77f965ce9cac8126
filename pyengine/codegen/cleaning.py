"""Remove what a program left on the disk, whatever it left."""

import contextlib
import os
import secrets
from pathlib import Path

FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def remove_tree(folder: str) -> None:
    """Remove `folder` and all in it, as far as this user may; links are removed, not followed.

    Folders may lie deeper than a path can be long, or a recursion go: each is first moved up
    beside the others.
    """
    with contextlib.suppress(OSError):
        if not Path(folder).is_symlink():
            Path(folder).chmod(0o700)
        top = os.open(folder, FLAGS)
        try:
            waiting = _emptied(top, top)
            while waiting:
                name = waiting.pop()
                with contextlib.suppress(OSError):
                    opened = os.open(name, FLAGS, dir_fd=top)
                    try:
                        waiting += _emptied(opened, top)
                    finally:
                        os.close(opened)
                    os.rmdir(name, dir_fd=top)
        finally:
            os.close(top)
        Path(folder).rmdir()


def _emptied(opened: int, top: int) -> list[str]:
    """Remove the files of one folder, move its folders to `top`, and return their names there."""
    moved = []
    for entry in os.listdir(opened):
        with contextlib.suppress(OSError):
            try:
                os.unlink(entry, dir_fd=opened)
            except OSError:  # a folder
                os.chmod(entry, 0o700, dir_fd=opened)
                name = secrets.token_hex(16)
                os.rename(entry, name, src_dir_fd=opened, dst_dir_fd=top)
                moved.append(name)
    return moved
