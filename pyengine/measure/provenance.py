"""Where a run comes from: versions, machine, and the words that asked for it."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import pyengine
from pyengine import _core
from pyengine._build_info import LLAMA_CPP_PYTHON_VERSION
from pyengine.asked import asked
from pyengine.run.record import Provenance


def provenance(*, threads: int, devices: Iterable[str], seed: int | None = None) -> Provenance:
    """Describe this process and machine."""
    return Provenance(
        pyengine=pyengine.__version__,
        llama_cpp=_core.llama_version(),
        llama_cpp_python=LLAMA_CPP_PYTHON_VERSION,
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        cpu=cpu_name(),
        cores=os.cpu_count() or 1,
        threads=threads,
        devices=list(dict.fromkeys(devices)),
        seed=seed,
        words=list(asked.get()),
    )


@lru_cache(maxsize=1)
def cpu_name() -> str:
    """Return the processor's name as the system tells it, or its architecture."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
