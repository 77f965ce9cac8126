"""Limit a job's memory as the kernel counts it, with a cgroup, where this user may make one.

The kernel counts all that a job holds: pages that no process has mapped any more, files in memory,
pipes, its own tables. Both versions of cgroups serve. Where neither can be had, the pages of the
processes are counted (watch.py), and calls that lead past that count are refused
(harness/calls.py).
"""

import contextlib
import functools
import os
import secrets
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CLOSING_S = 5.0


@dataclass(frozen=True)
class Version:
    """The names of a version's files, beside `cgroup.procs`."""

    limits: tuple[tuple[str, str], ...]  # a file, and what to write; {bytes} is the limit
    used: str
    events: str
    files: str  # the line of memory.stat that counts files, those in memory among them


# The second file of each is there only where swap is counted.
FIRST = Version(
    (("memory.limit_in_bytes", "{bytes}"), ("memory.memsw.limit_in_bytes", "{bytes}")),
    "memory.usage_in_bytes",
    "memory.oom_control",
    "cache",
)
SECOND = Version(
    (("memory.max", "{bytes}"), ("memory.swap.max", "0")),
    "memory.current",
    "memory.events",
    "file",
)


class MemoryGroup:
    """A cgroup of one job's processes. Removed by `close`, when they have ended."""

    def __init__(self, parent: Path, version: Version, limit_bytes: int) -> None:
        self._version = version
        self._path = parent / f"pyengine-{os.getpid()}-{secrets.token_hex(8)}"
        self._path.mkdir()
        try:
            (first, text), *others = version.limits
            (self._path / first).write_text(text.format(bytes=limit_bytes))
            for name, text in others:
                with contextlib.suppress(OSError):
                    (self._path / name).write_text(text.format(bytes=limit_bytes))
        except OSError:
            self.close()
            raise

    def entering(self, argv: Sequence[str]) -> list[str]:
        """Return the command that enters the group and then becomes `argv`."""
        script = 'echo 0 > "$0" && exec "$@"'
        return ["/bin/sh", "-c", script, str(self._path / "cgroup.procs"), *argv]

    def ran_out(self) -> bool:
        """Return whether a process of the group was killed because it passed the limit."""
        return self._line(self._version.events, "oom_kill") > 0

    def used_bytes(self) -> int:
        """Return the memory that the group has now, without that of files."""
        used = int((self._path / self._version.used).read_text())
        return used - self._line("memory.stat", self._version.files)

    def _line(self, file: str, name: str) -> int:
        for line in (self._path / file).read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
        return 0

    def close(self) -> None:
        """Kill what is left in the group, and remove it."""
        deadline = time.monotonic() + CLOSING_S
        while time.monotonic() < deadline:
            for pid in _lines(self._path / "cgroup.procs"):
                with contextlib.suppress(OSError):
                    os.kill(int(pid), 9)
            with contextlib.suppress(OSError):  # busy until the last process has ended
                self._path.rmdir()
                return
            time.sleep(0.002)


def memory_group(limit_bytes: int) -> MemoryGroup | None:
    """Return a group with a limit; None where none can be had."""
    found = _place()
    if found is None:
        return None
    try:
        return MemoryGroup(*found, limit_bytes)
    except OSError:
        return None


@functools.cache
def _place() -> tuple[Path, Version] | None:
    """Return where this process may make groups, tried out."""
    for parent, version in _candidates():
        try:
            group = MemoryGroup(parent, version, 64 << 20)
        except OSError:
            continue
        try:
            argv = group.entering(["/bin/true"])
            if subprocess.run(argv, capture_output=True, check=False, timeout=20).returncode == 0:
                _remove_abandoned(parent)
                return parent, version
        except (OSError, subprocess.SubprocessError):
            continue
        finally:
            group.close()
    return None


def _remove_abandoned(parent: Path) -> None:
    """Remove the empty groups of processes of ours that were killed."""
    for group in parent.glob("pyengine-*-*"):
        owner = group.name.split("-")[1]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            with contextlib.suppress(OSError):  # a process in it has yet to end
                group.rmdir()


def _candidates() -> list[tuple[Path, Version]]:
    """Return the folders of the groups that this process belongs to.

    In the second version a group has processes or groups with limits, not both: those beside this
    process's own are below its parent.
    """
    found = []
    for line in _lines("/proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers == "" and (mounted := _mounted("cgroup2", "")):
            own = mounted / path.lstrip("/")
            places = [own, own.parent] if own != mounted else [own]
            found += [(place, SECOND) for place in places if _gives_memory(place)]
        if "memory" in controllers.split(",") and (mounted := _mounted("cgroup", "memory")):
            found.append((mounted / path.lstrip("/"), FIRST))
    return found


def _gives_memory(group: Path) -> bool:
    return "memory" in " ".join(_lines(group / "cgroup.subtree_control")).split()


def _mounted(kind: str, option: str) -> Path | None:
    """Return where a hierarchy of cgroups is mounted."""
    for line in _lines("/proc/self/mountinfo"):
        before, _, after = line.partition(" - ")
        kind_found, _, options = after.split(" ", 2)
        if kind_found == kind and (not option or option in options.split(",")):
            return Path(before.split(" ")[4])
    return None


def _lines(path: str | Path) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
