"""What a program sees of the machine from inside a sandbox: toolchains, and nothing of the user's.

No answers either: the tasks' reference solutions are part of pyengine, which may be installed in
the very interpreter that runs the solution.
"""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyengine.errors import OptionError

PACKAGE = Path(__file__).parent.parent
HARNESS = Path(__file__).parent / "harness"
PACKAGES_SHOWN = "/packages"  # where a program finds the packages that it may import
# Not /dev/zero: to map it is a way to memory that belongs to no process.
DEVICES = ["/dev/null", "/dev/full", "/dev/random", "/dev/urandom"]
STREAMS = {
    "/dev/fd": "/proc/self/fd",
    "/dev/stdin": "/proc/self/fd/0",
    "/dev/stdout": "/proc/self/fd/1",
    "/dev/stderr": "/proc/self/fd/2",
}
SYSTEM_FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32", "/libx32")
SYSTEM_FILES = (
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/java-17-openjdk",
    "/etc/java-21-openjdk",
    "/etc/php",
)


# Where interpreters of any version look for installed packages.
PACKAGES = tuple(
    f"{prefix}lib{width}/python3*/{name}-packages"
    for prefix in ("", "local/")
    for width in ("", "64")
    for name in ("site", "dist")
)


def view(toolchain_roots: Sequence[str], packages: Sequence[str] = ()) -> dict[str, Any]:
    """Return what a program is shown, in the words of the SPEC of harness/namespaces.py.

    Args:
        packages: files and folders of installed Python packages that it may import.
    """
    candidates = [*SYSTEM_FOLDERS, *SYSTEM_FILES, sys.base_prefix, *toolchain_roots]
    shown = [path for path in candidates if Path(path).exists() and not Path(path).is_symlink()]
    binds = {path: path for path in shown if not path.startswith("/usr/")}
    binds[str(HARNESS)] = "/harness"
    binds |= {path: f"{PACKAGES_SHOWN}/{Path(path).name}" for path in packages}
    links = {path: str(Path(path).readlink()) for path in SYSTEM_FOLDERS if Path(path).is_symlink()}
    return {
        "binds": binds,
        "hidden": _hidden([path for path in binds if path not in packages]),
        "links": {**links, **STREAMS},
        "devices": DEVICES,
    }


def _hidden(shown: Sequence[str]) -> list[str]:
    """Return the folders below those shown that hold packages, pyengine's with its tasks or not.

    Reference solutions lie in pyengine's own folder; other packages may hold other answers, and no
    program is promised any of them.
    """
    found = {str(PACKAGE), str(PACKAGE.resolve())}
    for folder in shown:
        for pattern in PACKAGES:
            found |= {str(path) for path in Path(folder).glob(pattern) if path.is_dir()}
    below = tuple(folder.rstrip("/") + "/" for folder in shown)
    return sorted(path for path in found if path.startswith(below))


def bubblewrap_argv(toolchain_roots: Sequence[str], packages: Sequence[str] = ()) -> list[str]:
    """Return the command that shows the same to the command that follows."""
    bubblewrap = shutil.which("bwrap")
    if bubblewrap is None:
        raise OptionError("bubblewrap (bwrap) is not installed; install it or use namespaces")
    shown = view(toolchain_roots, packages)
    argv = [bubblewrap, "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
    if os.geteuid() == 0:
        argv += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        argv += ["--unshare-user"]
    # The supervisor is the first process, bubblewrap is none: it would be dumpable and without a
    # filter. It mounts the folders to write in, which here can have no limit on files, and gives up
    # the right to do so.
    argv += ["--as-pid-1", "--cap-add", "CAP_SYS_ADMIN"]
    argv += ["--die-with-parent", "--new-session", "--clearenv", "--hostname", "sandbox"]
    targets = shown["binds"].values()
    above = {str(parent) for target in targets for parent in Path(target).parents}
    for folder in sorted(above - {"/"} | {"/dev", "/work", "/tmp", "/dev/shm"}):
        argv += ["--perms", "0755", "--dir", folder]
    for source, target in shown["binds"].items():
        argv += ["--ro-bind", source, target]
    for folder in shown["hidden"]:
        argv += ["--perms", "0755", "--tmpfs", folder, "--remount-ro", folder]
    argv += ["--proc", "/proc"]
    for device in shown["devices"]:
        argv += ["--dev-bind", device, device]
    for link, target in shown["links"].items():
        argv += ["--symlink", target, link]
    return [*argv, "--remount-ro", "/", "--"]
