"""Look at versions, the llama.cpp library in use and the optional parts."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import pyengine
from pyengine import _core
from pyengine._build_info import LLAMA_CPP_PYTHON_VERSION
from pyengine.doctor.checks import Check, check
from pyengine.models.library import REPAIR

_TOPIC = "software"
_EXTRAS = ("huggingface_hub", "matplotlib", "pyarrow")


def check_software(devices: Sequence[str]) -> Iterator[Check]:
    """Check versions, the mapped library, the devices it offers and the optional parts.

    Args:
        devices: names of those that the llama.cpp build offers.
    """
    versions = {
        "pyengine": pyengine.__version__,
        "python": platform.python_version(),
        "llama_cpp": _core.llama_version(),
    }
    yield check(_TOPIC, "versions", "good", "versions", versions)
    yield _binding()
    yield mapped_libraries(Path("/proc/self/maps"))
    yield _devices(devices)
    yield from map(_extra, _EXTRAS)
    tool = shutil.which("bwrap") is not None
    yield check(
        _TOPIC,
        "sandbox",
        "good" if tool else "note",
        "bubblewrap" if tool else "no-bubblewrap",
        {},
        None if tool else "install-bubblewrap",
    )


def _binding() -> Check:
    try:
        installed = version("llama-cpp-python")
    except PackageNotFoundError:
        installed = None
    same = installed == LLAMA_CPP_PYTHON_VERSION
    return check(
        _TOPIC,
        "llama-cpp-python",
        "good" if same else "bad",
        "binding",
        {"installed": installed, "built_with": LLAMA_CPP_PYTHON_VERSION, "repair": REPAIR},
        None if same else "repair",
    )


def mapped_libraries(maps: Path) -> Check:
    """Check that one copy of libllama is mapped, as /proc/PID/maps tells."""
    if not maps.is_file():
        return check(_TOPIC, "library", "note", "libraries-unknown", {})
    lines = maps.read_text(encoding="utf-8", errors="replace").splitlines()
    fields = [line.split(maxsplit=5) for line in lines]
    names = sorted({f[5] for f in fields if len(f) == 6 and "libllama." in Path(f[5]).name})
    one = len(names) == 1
    return check(
        _TOPIC,
        "library",
        "good" if one else "bad",
        "libraries",
        {"paths": names},
        None if one else "one-library",
    )


def _devices(devices: Sequence[str]) -> Check:
    offload = _core.supports_gpu_offload()
    tools = [tool for tool in ("nvidia-smi", "rocminfo") if not offload and shutil.which(tool)]
    values = {"devices": list(devices), "offload": offload, "built_with": LLAMA_CPP_PYTHON_VERSION}
    advice = "gpu-layers" if offload else "rebuild-for-gpu" if tools else None
    return check(
        _TOPIC,
        "devices",
        "warn" if tools else "good",
        "devices",
        values | {"tool": tools[0] if tools else None},
        advice,
    )


def _extra(module: str) -> Check:
    there = find_spec(module) is not None
    return check(
        _TOPIC,
        module,
        "good" if there else "note",
        "extra",
        {"module": module, "version": version(module) if there else None},
        None if there else "install-extra",
    )
