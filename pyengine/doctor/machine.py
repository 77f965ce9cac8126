"""Look at processors, load, memory and disk, as far as this process may use them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from pyengine import _core
from pyengine.doctor.checks import Check, check
from pyengine.measure.provenance import cpu_name
from pyengine.models.options import default_threads, usable_cores

_TOPIC = "machine"
_GIB = 1 << 30
_UNLIMITED = 1 << 60
_X86_WORTH_HAVING = ("AVX2", "FMA", "F16C")


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


def check_machine(root: Path, folders: Mapping[str, Path]) -> Iterator[Check]:
    """Check processors and load, memory, and the disk below the named folders.

    Args:
        root: the folder below which the kernel's files are read.
        folders: by what they are for.
    """
    yield check_features(cpu_name(), _core.system_info())
    yield check_threads(
        cores=usable_cores(),
        limit=cpu_limit(root),
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    )
    yield check_memory(meminfo(root), memory_limit(root))
    for name, folder in folders.items():
        yield check_disk(name, folder)


def check_features(cpu: str, info: str) -> Check:
    """Check which instruction sets llama.cpp found, from its line of `NAME = 1` pairs."""
    pairs = (item.rpartition(":")[2].split("=") for item in info.split("|"))
    used = [pair[0].strip() for pair in pairs if len(pair) == 2 and pair[1].strip() != "0"]
    x86 = any(name.startswith(("SSE", "AVX")) for name in used)
    missing = [name for name in _X86_WORTH_HAVING if x86 and name not in used]
    values = {"cpu": cpu, "used": used, "missing": missing}
    advice = "rebuild-for-processor" if missing else None
    return check(_TOPIC, "processor", "processor", values, advice)


def check_threads(*, cores: int, limit: float | None, load: float | None) -> Check:
    """Compare the default number of threads with what is free."""
    threads = default_threads()
    use, advice = threads, None
    if limit is not None and threads > limit:
        use, advice = max(1, int(limit)), "threads-above-limit"
    elif load is not None and load > cores - threads + 0.5:
        use = max(1, int(cores - load))
        advice = "fewer-threads" if use < threads else "wait"
    values = {"cores": cores, "threads": threads, "limit": limit, "load": load, "use": use}
    return check(_TOPIC, "threads", "threads", values, advice)


def check_memory(meminfo: Mapping[str, int], limit: int | None) -> Check:
    """Check the memory that is free for models."""
    available, total = meminfo.get("MemAvailable"), meminfo.get("MemTotal")
    if available is None or total is None:
        return check(_TOPIC, "memory", "memory-unknown", {}, status="note")
    usable = available if limit is None else min(available, limit)
    values = {"available": available, "total": total, "limit": limit, "usable": usable}
    advice = "low-memory" if usable < 2 * _GIB else None
    return check(_TOPIC, "memory", "memory", values, advice)


def check_disk(name: str, folder: Path) -> Check:
    """Check the free space of the disk that holds a folder, whether it exists yet or not."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    advice = "free-space" if free < 5 * _GIB else None
    return check(_TOPIC, f"disk: {name}", "disk", {"free": free, "folder": str(folder)}, advice)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
