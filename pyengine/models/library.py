"""Find, check and open the llama.cpp library that the llama-cpp-python package installs."""

import ctypes
import sys
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from pyengine._build_info import LLAMA_CPP_PYTHON_VERSION

REPAIR = f"pip install llama-cpp-python=={LLAMA_CPP_PYTHON_VERSION}"
REINSTALL = f"pip install --force-reinstall --no-deps llama-cpp-python=={LLAMA_CPP_PYTHON_VERSION}"


def load_core() -> ModuleType:
    """Return the compiled core, having opened the library that it is linked to.

    Raises:
        ImportError: either is missing or damaged, or llama-cpp-python is another version.
    """
    open_llama_cpp()
    return import_module("pyengine._core")


@cache
def open_llama_cpp() -> None:
    """Open the library that pyengine was compiled against.

    Raises:
        ImportError: llama-cpp-python is missing, of another version, or not whole.
    """
    check_llama_cpp_version()
    preload_llama_cpp()


def check_llama_cpp_version() -> None:
    """Raise ImportError unless the installed llama-cpp-python is the one compiled against.

    Struct layouts in llama.h change between releases, so another version would read garbage.
    """
    installed = _installed_version()
    if installed is None:
        raise ImportError(
            f"pyengine was built with llama-cpp-python {LLAMA_CPP_PYTHON_VERSION}, "
            f"which is not installed; run: {REPAIR}"
        )
    if installed != LLAMA_CPP_PYTHON_VERSION:
        raise ImportError(
            f"pyengine was built with llama-cpp-python {LLAMA_CPP_PYTHON_VERSION} "
            f"and finds {installed}; run: {REPAIR} (or rebuild pyengine against {installed})"
        )


def _installed_version() -> str | None:
    """Return what the folder of the package's metadata is called after; None where there is none.

    It is the first on the path, as it is for importlib.metadata, whose import would cost a process
    that opens a model a third of its start.
    """
    for folder in sys.path:
        for found in Path(folder).glob("llama_cpp_python-*.dist-info"):
            return found.stem.partition("-")[2]
    return None


def preload_llama_cpp() -> None:
    """Open the library inside the llama_cpp package, so that one copy serves everybody.

    The package installs its libraries twice. Whoever opens one first decides which copy the
    process maps; opening this one before the extension keeps it at a single copy, whether or
    not llama_cpp is imported as well. The package itself is not imported.
    """
    spec = find_spec("llama_cpp")
    if spec is None or spec.origin is None:
        raise ImportError(f"the llama_cpp package has no files; run: {REPAIR}")
    name = "libllama.dylib" if sys.platform == "darwin" else "libllama.so"
    library = Path(spec.origin).parent / "lib" / name
    try:
        ctypes.CDLL(str(library))
    except OSError as error:
        raise ImportError(f"llama-cpp-python is damaged ({error}); run: {REINSTALL}") from error
