"""Serves this machine's CPU over llama.cpp's RPC: `python rpc_server.py PORT [MiB]`.

With MiB, the address space of the server is limited to what it holds already and so much more.
"""

from __future__ import annotations

import ctypes
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

# Found, not imported: llama_cpp takes llama.cpp's log for itself.
_SPEC = find_spec("llama_cpp")
assert _SPEC is not None
assert _SPEC.submodule_search_locations is not None
LIBRARIES = Path(_SPEC.submodule_search_locations[0]) / "lib"
CPU = 0  # of ggml_backend_dev_type
SECONDS = 60.0


def has_rpc() -> bool:
    """Tell whether this build of llama.cpp can compute on other machines."""
    return (LIBRARIES / "libggml-rpc.so").exists()


@contextmanager
def served(mebibytes: int = 0) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Yield the address of a server, and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, __file__, str(port), str(mebibytes)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait(port, process)
            yield f"127.0.0.1:{port}", process
        finally:
            process.kill()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"the RPC server on port {port} does not answer")


def serve(port: int, mebibytes: int) -> None:
    """Answer until this process is ended."""
    base = ctypes.CDLL(str(LIBRARIES / "libggml.so"))
    rpc = ctypes.CDLL(str(LIBRARIES / "libggml-rpc.so"))
    base.ggml_backend_dev_by_type.restype = ctypes.c_void_p
    devices = (ctypes.c_void_p * 1)(base.ggml_backend_dev_by_type(CPU))
    if mebibytes:
        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        most = held + (mebibytes << 20)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    rpc.ggml_backend_rpc_start_server.argtypes = [
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_size_t,
        ctypes.c_void_p,
    ]
    rpc.ggml_backend_rpc_start_server(f"127.0.0.1:{port}".encode(), None, 1, 1, devices)


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))
