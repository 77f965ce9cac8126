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
from pyengine.doctor.records import Check
from pyengine.engine.library import REPAIR

_TOPIC = "software"
_EXTRAS = (
    ("huggingface_hub", "downloads by hf: references", "pip install 'pyengine[hub]'"),
    ("pyarrow", "`pyengine report --parquet`", "pip install 'pyengine[parquet]'"),
)


def check_software(devices: Sequence[str]) -> Iterator[Check]:
    """Check versions, the mapped library, the devices it offers and the optional parts.

    Args:
        devices: names of those that the llama.cpp build offers.
    """
    yield Check(
        topic=_TOPIC,
        name="versions",
        status="good",
        found=f"pyengine {pyengine.__version__}, Python {platform.python_version()}, "
        f"llama.cpp {_core.llama_version()}",
    )
    yield _binding()
    yield mapped_libraries(Path("/proc/self/maps"))
    yield _devices(devices)
    for module, purpose, remedy in _EXTRAS:
        yield _extra(module, purpose, remedy)
    yield _sandbox()


def _binding() -> Check:
    try:
        installed = version("llama-cpp-python")
    except PackageNotFoundError:
        installed = "none"
    same = installed == LLAMA_CPP_PYTHON_VERSION
    return Check(
        topic=_TOPIC,
        name="llama-cpp-python",
        status="good" if same else "bad",
        found=f"{installed} installed, built with {LLAMA_CPP_PYTHON_VERSION}",
        advice=None if same else f"run: {REPAIR}",
    )


def mapped_libraries(maps: Path) -> Check:
    """Check that one copy of libllama is mapped, as /proc/PID/maps tells."""
    if not maps.is_file():
        return Check(
            topic=_TOPIC, name="library", status="note", found="this system does not list libraries"
        )
    lines = maps.read_text(encoding="utf-8", errors="replace").splitlines()
    fields = [line.split(maxsplit=5) for line in lines]
    names = sorted({f[5] for f in fields if len(f) == 6 and "libllama." in Path(f[5]).name})
    return Check(
        topic=_TOPIC,
        name="library",
        status="good" if len(names) == 1 else "bad",
        found=" and ".join(names) or "no libllama is mapped",
        advice=None if len(names) == 1 else "import pyengine before llama_cpp, or not both",
    )


def _devices(devices: Sequence[str]) -> Check:
    listed = ", ".join(devices) or "none"
    if _core.supports_gpu_offload():
        return Check(
            topic=_TOPIC,
            name="devices",
            status="good",
            found=listed,
            advice="--gpu-layers -1 puts the whole model on the GPU",
        )
    tools = [tool for tool in ("nvidia-smi", "rocminfo") if shutil.which(tool)]
    return Check(
        topic=_TOPIC,
        name="devices",
        status="warn" if tools else "good",
        found=f"{listed}; this llama.cpp uses the CPU only",
        advice=(
            f"{tools[0]} is here: to use the GPU, reinstall llama-cpp-python"
            f"=={LLAMA_CPP_PYTHON_VERSION} with CMAKE_ARGS for it (pyengine need not be rebuilt)"
            if tools
            else None
        ),
    )


def _extra(module: str, purpose: str, remedy: str) -> Check:
    there = find_spec(module) is not None
    return Check(
        topic=_TOPIC,
        name=module,
        status="good" if there else "note",
        found=f"{version(module)} installed" if there else f"not installed; needed for {purpose}",
        advice=None if there else remedy,
    )


def _sandbox() -> Check:
    tool = shutil.which("bwrap")
    return Check(
        topic=_TOPIC,
        name="sandbox",
        status="good" if tool else "note",
        found="bubblewrap runs generated code apart" if tool else "bubblewrap is not installed",
        advice=None
        if tool
        else "`pyengine evaluate` falls back to user namespaces; install bubblewrap if it refuses",
    )
