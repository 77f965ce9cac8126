"""Mount file systems, and give a program the folders that it may write in.

Standard library only. Used by whoever closes a sandbox while it still has the right to mount.
"""

import contextlib
import ctypes
import os

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 32, 4096, 16384, 1 << 18
MNT_DETACH = 2
INODE_BYTES = 4096  # what a file costs the kernel at most, beside its content
WRITABLE = {"work": "/work", "tmp": "/tmp", "shm": "/dev/shm"}

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> None:
    """Raise OSError where a call of the C library failed."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    """Call mount(2)."""
    arguments = [text.encode() if text is not None else None for text in (source, target, kind)]
    check(
        libc.mount(*arguments, ctypes.c_ulong(flags), options.encode()), f"mount {source} {target}"
    )


def mount_writable(root: str, disk_bytes: int) -> None:
    """Mount the folders in which a program may write below `root`: they share `disk_bytes`.

    One file system for all of them, bounded in bytes and in files, each of which costs the kernel
    memory even where it is empty.
    """
    for target in WRITABLE.values():
        os.makedirs(root + target, exist_ok=True)
    base, flags = root + WRITABLE["work"], MS_NOSUID | MS_NODEV
    inodes = max(disk_bytes // INODE_BYTES, 64)
    mount("tmpfs", base, "tmpfs", flags, f"mode=755,size={disk_bytes},nr_inodes={inodes}")
    for name in WRITABLE:
        os.mkdir(f"{base}/{name}")
        os.chmod(f"{base}/{name}", 0o1777 if name == "tmp" else 0o777)
    for name in ("tmp", "shm", "work"):  # the last hides the others
        mount(f"{base}/{name}", root + WRITABLE[name], None, MS_BIND)


def mount_proc(root: str) -> None:
    """Mount /proc below `root`; a container may forbid it, and only /proc is then missing."""
    os.makedirs(root + "/proc")
    with contextlib.suppress(OSError):
        mount("proc", root + "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
