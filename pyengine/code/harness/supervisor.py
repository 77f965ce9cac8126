"""Run the steps of one job inside a sandbox that is already closed, and report how each ended.

Started as `python -I -S supervisor.py JOB_FD REPORT_FD` by pyengine.code.sandbox. Standard
library only: nothing of pyengine is visible from here. Every step runs as another process,
without privileges and under resource limits; the report is written by this process alone, which
the steps can neither read nor trace.
"""

import base64
import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from calls import CAP_SETGID, CAP_SETUID, PR_SET_DUMPABLE, keep_capabilities, refuse_calls
from mounts import mount_writable
from tree import end_below

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


def prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def write_files(root: str, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as stream:
            stream.write(base64.b64decode(content))


def become(uid: int) -> None:
    """Leave root, and with it every capability."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    keep_capabilities()


def set_limits(limits: dict[str, int]) -> None:
    for name, value in limits.items():
        kind = getattr(resource, name, None)
        if kind is None:
            continue
        # The first second over the CPU time has a signal of its own, which names the reason.
        soft, hard = (value, value + 1) if name == "RLIMIT_CPU" else (value, value)
        _, most = resource.getrlimit(kind)
        if most != resource.RLIM_INFINITY:
            soft, hard = min(soft, most), min(hard, most)
        with contextlib.suppress(OSError, ValueError):  # macOS refuses some of them
            resource.setrlimit(kind, (soft, hard))


def become_step(step: dict[str, Any], root: str, uid: int | None, stdin: int) -> None:
    os.setsid()
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    kept = {int(target): int(source) for target, source in step["fds"].items()}
    kept[0] = stdin
    # First out of the way of the target numbers, then onto them.
    moved = {target: os.dup2(source, 200 + target) for target, source in kept.items()}
    for target, source in moved.items():
        os.dup2(source, target, inheritable=True)
    for descriptor in set(range(3, 1024)) - set(moved):
        with contextlib.suppress(OSError):
            os.close(descriptor)
    os.chdir(root)
    os.umask(0o022)
    if uid is not None:
        become(uid)
        prctl(PR_SET_DUMPABLE, 1)  # so that its descriptors can be counted from outside
    set_limits(step["limits"])
    os.execve(step["argv"][0], step["argv"], step["env"])


def run_step(step: dict[str, Any], root: str, uid: int | None) -> dict[str, Any]:
    stdin = os.open("/dev/null", os.O_RDONLY)
    pid = os.fork()
    if pid == 0:
        try:
            become_step(step, root, uid, stdin)
        except OSError as error:
            os.write(2, f"cannot start {step['argv'][0]}: {error}\n".encode())
        finally:
            os._exit(127)
    os.close(stdin)
    while True:  # also reaps the orphans of earlier steps, where this is the first process
        reaped, status, usage = os.wait4(-1, 0)
        if reaped == pid:
            break
    return {
        "name": step["name"],
        "status": os.waitstatus_to_exitcode(status),
        "cpu_s": usage.ru_utime + usage.ru_stime,
    }


def end_all() -> None:
    """Kill all that the steps left running: outside a namespace their parent alone finds it."""
    while True:
        end_below(os.getpid())
        try:
            os.wait4(-1, 0)
        except ChildProcessError:
            return


def close_in(job: dict[str, Any]) -> None:
    """Give up all that the steps must not have."""
    if job["mount"]:
        mount_writable("", job["disk_bytes"])
    if job["uid"] is None:  # no sandbox: better than nothing, where it can be had
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        with contextlib.suppress(OSError):
            refuse_calls()
    else:
        keep_capabilities(CAP_SETUID, CAP_SETGID)
        refuse_calls()


def main() -> None:
    prctl(PR_SET_DUMPABLE, 0)
    job_fd, report_fd = int(sys.argv[1]), int(sys.argv[2])
    with os.fdopen(job_fd, "rb") as stream:
        job = json.load(stream)
    close_in(job)
    root = job["root"]
    write_files(root, job["files"])
    os.write(report_fd, b'{"started": true}\n')
    for step in job["steps"]:
        report = run_step(step, root, job["uid"])
        os.write(report_fd, json.dumps(report).encode() + b"\n")
        if report["status"] != 0:
            break
    if job["uid"] is None:
        end_all()


main()
