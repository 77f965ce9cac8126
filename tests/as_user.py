"""Run a command as a user without any right, who still sees the interpreter and the project.

Started by root as `python as_user.py FOLDER... -- COMMAND...`. Where a folder lies below one that
only root may enter, as in root's home, it is shown again in a mount namespace of this command.
"""

import ctypes
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "pyengine" / "code" / "harness"))
from mounts import MS_BIND, MS_PRIVATE, MS_REC, check, mount

NOBODY, CLONE_NEWNS = 65534, 0x00020000


def closed_above(folder: Path) -> Path | None:
    """Return the first folder on the way to `folder` that others may not enter."""
    way = [*reversed(folder.parents), folder]
    return next((path for path in way if not path.stat().st_mode & 1), None)


def show(folders: list[Path]) -> None:
    """Make folders reachable for everybody."""
    found = [(folder, closed_above(folder)) for folder in folders]
    hidden = [(folder, above) for folder, above in found if above is not None]
    if not hidden:
        return
    check(ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS), "unshare")
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    opened = {folder: os.open(folder, os.O_PATH) for folder, _ in hidden}
    for above in {above for _, above in hidden}:
        mount("tmpfs", str(above), "tmpfs", 0, "mode=755")
    for folder, descriptor in opened.items():
        folder.mkdir(parents=True, exist_ok=True)
        mount(f"/proc/self/fd/{descriptor}", str(folder), None, MS_BIND | MS_REC)


def main() -> None:
    end = sys.argv.index("--")
    show([Path(name).resolve() for name in sys.argv[1:end]])
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    command = sys.argv[end + 1 :]
    os.execve(command[0], command, {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8"})


main()
