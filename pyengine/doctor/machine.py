"""Look at processors, load, memory and disk, as far as this process may use them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from pyengine import _core
from pyengine.doctor.checks import Check, check
from pyengine.measure.provenance import cpu_name
from pyengine.models.machine import cpu_limit, free_memory, meminfo, memory_limit
from pyengine.models.options import default_threads, usable_cores

_TOPIC = "machine"
_GIB = 1 << 30
_X86_WORTH_HAVING = ("AVX2", "FMA", "F16C")


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
    yield check_memory(root)
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


def check_memory(root: Path) -> Check:
    """Check the memory that is free for models."""
    said = meminfo(root)
    available, total = said.get("MemAvailable"), said.get("MemTotal")
    usable = free_memory(root)
    if available is None or total is None or usable is None:
        return check(_TOPIC, "memory", "memory-unknown", {}, status="note")
    limit = memory_limit(root)
    values = {"available": available, "total": total, "limit": limit, "usable": usable}
    advice = "low-memory" if usable < 2 * _GIB else None
    return check(_TOPIC, "memory", "memory", values, advice)


def check_disk(name: str, folder: Path) -> Check:
    """Check the free space of the disk that holds a folder, whether it exists yet or not."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    advice = "free-space" if free < 5 * _GIB else None
    return check(_TOPIC, f"disk: {name}", "disk", {"free": free, "folder": str(folder)}, advice)
