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
from pyengine.code.languages import LANGUAGES
from pyengine.doctor.checks import Check, check
from pyengine.extras import EXTRAS

_TOPIC = "software"


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
    yield check(_TOPIC, "versions", "versions", versions)
    yield _binding()
    yield mapped_libraries(Path("/proc/self/maps"))
    yield _devices(devices)
    yield from map(_extra, EXTRAS)
    if shutil.which("bwrap") is not None:
        yield check(_TOPIC, "sandbox", "bubblewrap", {})
    else:
        yield check(_TOPIC, "sandbox", "no-bubblewrap", {}, "install-bubblewrap", status="note")
    yield _programs()


def _programs() -> Check:
    """Check in which languages `evaluate` can build and run programs."""
    lacking = {name: list(language.missing()) for name, language in LANGUAGES.items()}
    values = {
        "here": [LANGUAGES[name].title for name, tools in lacking.items() if not tools],
        "missing": {name: tools for name, tools in lacking.items() if tools},
    }
    if values["missing"]:
        return check(_TOPIC, "programs", "programs", values, "install-languages", status="note")
    return check(_TOPIC, "programs", "programs", values)


def _binding() -> Check:
    try:
        installed = version("llama-cpp-python")
    except PackageNotFoundError:
        installed = None
    values = {"installed": installed, "built_with": LLAMA_CPP_PYTHON_VERSION}
    if installed == LLAMA_CPP_PYTHON_VERSION:
        return check(_TOPIC, "llama-cpp-python", "binding", values)
    return check(_TOPIC, "llama-cpp-python", "binding", values, "repair", status="bad")


def mapped_libraries(maps: Path) -> Check:
    """Check that one copy of libllama is mapped, as /proc/PID/maps tells."""
    if not maps.is_file():
        return check(_TOPIC, "library", "libraries-unknown", {}, status="note")
    lines = maps.read_text(encoding="utf-8", errors="replace").splitlines()
    fields = [line.split(maxsplit=5) for line in lines]
    names = sorted({f[5] for f in fields if len(f) == 6 and "libllama." in Path(f[5]).name})
    if len(names) == 1:
        return check(_TOPIC, "library", "libraries", {"paths": names})
    return check(_TOPIC, "library", "libraries", {"paths": names}, "one-library", status="bad")


def _devices(devices: Sequence[str]) -> Check:
    offload = _core.supports_gpu_offload()
    tools = [tool for tool in ("nvidia-smi", "rocminfo") if not offload and shutil.which(tool)]
    values = {
        "devices": list(devices),
        "offload": offload,
        "built_with": LLAMA_CPP_PYTHON_VERSION,
        "tool": tools[0] if tools else None,
    }
    advice = "gpu-layers" if offload else "rebuild-for-gpu" if tools else None
    return check(_TOPIC, "devices", "devices", values, advice, status="warn" if tools else "good")


def _extra(module: str) -> Check:
    if find_spec(module) is not None:
        return check(_TOPIC, module, "extra", {"module": module, "version": version(module)})
    values = {"module": module, "version": None}
    return check(_TOPIC, module, "extra", values, "install-extra", status="note")
