"""Memory and processors, as far as this process may use them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_UNLIMITED = 1 << 60
_NAMES = (  # of a control group's folder, and its files: limit, use, and statistics
    ("", "memory.max", "memory.current"),
    ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
)


def meminfo(root: Path) -> dict[str, int]:
    """Return /proc/meminfo in bytes; empty where there is none."""
    fields = [
        line.replace(":", " ").split() for line in _read(root / "proc" / "meminfo").splitlines()
    ]
    return {f[0]: int(f[1]) * 1024 for f in fields if len(f) >= 2 and f[1].isdigit()}


def memory_limit(root: Path) -> int | None:
    """Return the smallest memory limit of this process's control groups in bytes, or None.

    Args:
        root: the folder that holds `proc` and `sys`.
    """
    return min((limit for limit, _ in _memory_groups(root)), default=None)


def free_memory(root: Path = Path("/")) -> int | None:
    """Return the bytes that a program may still take without swapping; None where nobody says.

    The kernel's MemAvailable, which counts what it holds of files as free, and what the control
    groups leave of their limits, counted alike.
    """
    available = meminfo(root).get("MemAvailable")
    left = [max(limit - used, 0) for limit, used in _memory_groups(root)]
    return min([*left, *([] if available is None else [available])], default=None)


def swapped_bytes(root: Path = Path("/")) -> int:
    """Return the bytes that the machine moved between memory and swap space since it started."""
    lines = [line.split() for line in _read(root / "proc" / "vmstat").splitlines()]
    pages = sum(int(line[1]) for line in lines if line[0] in ("pswpin", "pswpout"))
    return pages * os.sysconf("SC_PAGESIZE")


def _memory_groups(root: Path) -> Iterator[tuple[int, int]]:
    """Yield limit and use of each control group that limits memory; use without that of files."""
    for controller, limit_file, used_file in _NAMES:
        for folder in _own_groups(root, controller):
            limit = _read(folder / limit_file)
            if limit.isdigit() and int(limit) < _UNLIMITED:
                used = _read(folder / used_file)
                lines = [line.split() for line in _read(folder / "memory.stat").splitlines()]
                said = {line[0]: int(line[1]) for line in lines if len(line) == 2}
                # Version 1 counts those below a group apart, and its use with them.
                files = sum(
                    said.get(f"total_{name}", said.get(name, 0))
                    for name in ("inactive_file", "active_file")
                )
                yield int(limit), max(int(used or 0) - files, 0)


def cpu_limit(root: Path) -> float | None:
    """Return how many processors' time this process's control groups may use, or None."""
    pairs = [_read(folder / "cpu.max").split() for folder in _own_groups(root, "")]
    pairs += [
        [_read(folder / f"cpu.cfs_{name}_us") for name in ("quota", "period")]
        for folder in _own_groups(root, "cpu")
    ]
    limits = [int(quota) / int(period) for quota, period in filter(_are_numbers, pairs)]
    return min(limits, default=None)


def _are_numbers(pair: list[str]) -> bool:
    return len(pair) == 2 and all(text.isdigit() for text in pair) and int(pair[1]) > 0


def _own_groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of this process's group and of all above it.

    A controller of version 1 has a hierarchy of its own below its name; version 2 has one, and no
    name. In a container the path may lead nowhere: its own group is then mounted as the top.
    """
    top = root / "sys" / "fs" / "cgroup" / controller
    group = ""
    for line in _read(root / "proc" / "self" / "cgroup").splitlines():
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if controller in names.split(","):
            group = path.strip("/")
    parts = [part for part in group.split("/") if part not in ("", "..")]
    for depth in range(len(parts), -1, -1):
        yield top.joinpath(*parts[:depth])


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
