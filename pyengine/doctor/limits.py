"""What a control group lets this process use: those of containers, services and batch systems."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_UNLIMITED = 1 << 60


def memory_limit(root: Path) -> int | None:
    """Return the smallest memory limit of this process's control groups in bytes, or None.

    Args:
        root: the folder that holds `proc` and `sys`.
    """
    places = (("", "memory.max"), ("memory", "memory.limit_in_bytes"))
    texts = [
        _read(folder / file)
        for controller, file in places
        for folder in _own_groups(root, controller)
    ]
    limits = [int(text) for text in texts if text.isdigit() and int(text) < _UNLIMITED]
    return min(limits, default=None)


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
