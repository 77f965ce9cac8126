"""Look at processors, load, memory and disk, as far as this process may use them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pyengine import _core
from pyengine.doctor import limits
from pyengine.doctor.checks import Check, check
from pyengine.measure.provenance import cpu_name
from pyengine.models.options import default_threads

_TOPIC = "machine"
_GIB = 1 << 30
_X86_WORTH_HAVING = ("AVX2", "FMA", "F16C")


@dataclass(frozen=True, slots=True)
class System:
    """Hold the root below which the kernel's files are read; another one in tests."""

    root: Path = Path("/")

    def meminfo(self) -> dict[str, int]:
        """Return /proc/meminfo in bytes; empty where there is none."""
        lines = _read(self.root / "proc" / "meminfo").splitlines()
        fields = [line.replace(":", " ").split() for line in lines]
        return {f[0]: int(f[1]) * 1024 for f in fields if len(f) >= 2 and f[1].isdigit()}

    def memory_limit(self) -> int | None:
        """Return the memory limit of this process in bytes, or None."""
        return limits.memory_limit(self.root)

    def cpu_limit(self) -> float | None:
        """Return how many processors' time this process may use, or None."""
        return limits.cpu_limit(self.root)


def check_machine(system: System, folders: Mapping[str, Path]) -> Iterator[Check]:
    """Check processors and load, memory, and the disk below the named folders."""
    yield check_features(cpu_name(), _core.system_info())
    yield check_threads(
        cores=_usable_cores(),
        limit=system.cpu_limit(),
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    )
    yield check_memory(system.meminfo(), system.memory_limit())
    for name, folder in folders.items():
        yield check_disk(name, folder)


def check_features(cpu: str, info: str) -> Check:
    """Check which instruction sets llama.cpp found, from its line of `NAME = 1` pairs."""
    pairs = (item.rpartition(":")[2].split("=") for item in info.split("|"))
    used = [pair[0].strip() for pair in pairs if len(pair) == 2 and pair[1].strip() != "0"]
    x86 = any(name.startswith(("SSE", "AVX")) for name in used)
    missing = [name for name in _X86_WORTH_HAVING if x86 and name not in used]
    return check(
        _TOPIC,
        "processor",
        "warn" if missing else "good",
        "processor",
        {"cpu": cpu, "used": used, "missing": missing},
        "rebuild-for-processor" if missing else None,
    )


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
    return check(_TOPIC, "threads", "warn" if advice else "good", "threads", values, advice)


def check_memory(meminfo: Mapping[str, int], limit: int | None) -> Check:
    """Check the memory that is free for models."""
    available, total = meminfo.get("MemAvailable"), meminfo.get("MemTotal")
    if available is None or total is None:
        return check(_TOPIC, "memory", "note", "memory-unknown", {})
    usable = available if limit is None else min(available, limit)
    low = usable < 2 * _GIB
    return check(
        _TOPIC,
        "memory",
        "warn" if low else "good",
        "memory",
        {"available": available, "total": total, "limit": limit, "usable": usable},
        "low-memory" if low else None,
    )


def check_disk(name: str, folder: Path) -> Check:
    """Check the free space of the disk that holds a folder, whether it exists yet or not."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    low = free < 5 * _GIB
    return check(
        _TOPIC,
        f"disk: {name}",
        "warn" if low else "good",
        "disk",
        {"free": free, "folder": str(folder)},
        "free-space" if low else None,
    )


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
