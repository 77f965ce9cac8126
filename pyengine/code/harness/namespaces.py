"""Close this process in new namespaces with a root of its own, then become the program named.

Started as `python -I -S namespaces.py SPEC` by pyengine.code.sandbox where bubblewrap is
missing. SPEC is JSON: `root` (an empty folder to build the new root on), `binds` (source →
target, read-only), `hidden` (folders of those to empty), `links`, `devices`, `disk_bytes`, `argv`.
The new root holds those and nothing else: no network, no home, no other process.
"""

import json
import os
import platform
import signal
import socket
import sys
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from calls import CAP_SETGID, CAP_SETUID, keep_capabilities
from mounts import (
    MNT_DETACH,
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_PRIVATE,
    MS_RDONLY,
    MS_REC,
    MS_REMOUNT,
    check,
    libc,
    mount,
    mount_proc,
    mount_writable,
)

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_NOATIME, MS_NODIRATIME, MS_RELATIME = 1024, 2048, 1 << 21
ST_RELATIME = 4096
PR_SET_PDEATHSIG = 1
SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "ppc64le": 203, "s390x": 217}


def locked_flags(path: str) -> int:
    """Return the mount flags of `path` that an unprivileged remount must repeat."""
    seen = os.statvfs(path).f_flag
    kept = seen & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME)
    return int(kept | (MS_RELATIME if seen & ST_RELATIME else 0))


def bind(source: str, target: str, *, device: bool = False) -> None:
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "a", encoding="utf-8"):
            pass
    mount(source, target, None, MS_BIND | MS_REC)
    if not device:
        flags = locked_flags(source) | MS_RDONLY | MS_NOSUID | MS_NODEV
        mount("none", target, None, MS_REMOUNT | MS_BIND | flags)


def build_root(spec: dict[str, Any]) -> None:
    root, size = spec["root"], spec["disk_bytes"]
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=1m")
    for source, target in spec["binds"].items():
        bind(source, root + target)
    for folder in spec["hidden"]:
        mount("tmpfs", root + folder, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV, "mode=755")
    for device in spec["devices"]:
        bind(device, root + device, device=True)
    for link, target in spec["links"].items():
        os.symlink(target, root + link)
    mount_writable(root, size)
    mount_proc(root)


def enter_root(root: str) -> None:
    os.chdir(root)
    check(libc.syscall(SYS_PIVOT_ROOT[platform.machine()], b".", b"."), "pivot_root")
    check(libc.umount2(b".", MNT_DETACH), "umount2")
    os.chdir("/")
    mount("none", "/", None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)


def map_user(uid: int, gid: int) -> None:
    for name, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {uid} 1"),
        ("gid_map", f"{gid} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as stream:
            stream.write(line)


def main() -> None:
    spec = json.loads(sys.argv[1])
    uid, gid = os.geteuid(), os.getegid()
    flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS
    check(libc.unshare(flags | (CLONE_NEWUSER if uid else 0)), "unshare")
    if uid:
        map_user(uid, gid)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    pid = os.fork()
    if pid:
        os._exit(abs(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])))
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    build_root(spec)
    enter_root(spec["root"])
    socket.sethostname("sandbox")
    keep_capabilities(CAP_SETUID, CAP_SETGID)  # the supervisor becomes another user
    os.execve(spec["argv"][0], spec["argv"], {"LANG": "C.UTF-8"})


main()
