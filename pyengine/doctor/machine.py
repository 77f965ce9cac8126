"""Look at processors, load, memory and disk, as far as this process may use them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pyengine import _core
from pyengine.doctor import limits
from pyengine.doctor.records import Check
from pyengine.engine.session import default_threads
from pyengine.results import cpu_name

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
    return Check(
        topic=_TOPIC,
        name="processor",
        status="warn" if missing else "good",
        found=f"{cpu}; llama.cpp uses {', '.join(used) or 'no extension that it names'}",
        advice=f"llama.cpp was built without {', '.join(missing)}: reinstall llama-cpp-python "
        "on this machine if the processor has them"
        if missing
        else None,
    )


def check_threads(*, cores: int, limit: float | None, load: float | None) -> Check:
    """Compare the default number of threads with what is free."""
    threads = default_threads()
    found = f"cores for this process: {cores}, threads by default: {threads}"
    if limit is not None:
        found += f", limited to the time of {limit:.3g} of them"
    if load is not None:
        found += f"; load {load:.2f}"
    advice = None
    if limit is not None and threads > limit:
        advice = f"the limit is below the default: use --threads {max(1, int(limit))}"
    elif load is not None and load > cores - threads + 0.5:
        free = max(1, int(cores - load))
        advice = "other work keeps the cores busy, and llama.cpp's threads wait by spinning: " + (
            f"use --threads {free}, or wait" if free < threads else "speeds measured now are low"
        )
    return Check(
        topic=_TOPIC,
        name="threads",
        status="warn" if advice else "good",
        found=found,
        advice=advice,
    )


def check_memory(meminfo: Mapping[str, int], limit: int | None) -> Check:
    """Check the memory that is free for models."""
    available, total = meminfo.get("MemAvailable"), meminfo.get("MemTotal")
    if available is None or total is None:
        return Check(topic=_TOPIC, name="memory", status="note", found="this system does not say")
    usable = available if limit is None else min(available, limit)
    found = f"{_gib(available)} free of {_gib(total)}"
    if limit is not None and limit < total:
        found += f", limited to {_gib(limit)}"
    low = usable < 2 * _GIB
    return Check(
        topic=_TOPIC,
        name="memory",
        status="warn" if low else "good",
        found=found,
        advice=f"models above about {_gib(int(usable * 0.8))} will not fit; close programs or "
        "take a smaller type"
        if low
        else None,
    )


def check_disk(name: str, folder: Path) -> Check:
    """Check the free space of the disk that holds a folder, whether it exists yet or not."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    low = free < 5 * _GIB
    return Check(
        topic=_TOPIC,
        name=f"disk: {name}",
        status="warn" if low else "good",
        found=f"{_gib(free)} free at {folder}",
        advice="quantizing a model needs about the size of the source for all types together; "
        "free some space first"
        if low
        else None,
    )


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _gib(n_bytes: int) -> str:
    return f"{n_bytes / _GIB:.1f} GiB"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
