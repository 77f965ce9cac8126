"""Compile Go's own packages once: Go ships them as source, and a sandbox begins without any."""

import functools
import hashlib
import os
import subprocess
import threading
from pathlib import Path

from pyengine.files import user_cache

# What programs of tasks import; another package is compiled with the program that imports it.
PACKAGES = (
    *("bufio", "bytes", "cmp", "container/heap", "container/list", "crypto/md5", "errors", "fmt"),
    *("math", "math/big", "math/bits", "math/rand", "os", "reflect", "regexp", "sort", "strconv"),
    *("strings", "sync", "time", "unicode", "unicode/utf8"),
)
SECONDS = 900.0
ENVIRONMENT = {"GO111MODULE": "off", "CGO_ENABLED": "0", "GOTELEMETRY": "off"}
_LOCK = threading.Lock()


def go_cache(compiler: str) -> str:
    """Return the folder of compiled packages for a compiler, filled now where it was not.

    It is filled from Go's own sources, outside any sandbox; a program only reads it.
    """
    with _LOCK:
        return _filled(compiler)


@functools.cache
def _filled(compiler: str) -> str:
    folder = user_cache() / "go"
    version = _run([compiler, "version"], folder)
    if version is None:
        return ""
    marker = folder / f"{hashlib.sha256(version.encode()).hexdigest()[:16]}.filled"
    if not marker.exists():
        folder.mkdir(parents=True, exist_ok=True)
        if _run([compiler, "build", *PACKAGES], folder) is None:
            return ""
        marker.touch()
    return str(folder)


def _run(command: list[str], folder: Path) -> str | None:
    environment = {**os.environ, **ENVIRONMENT, "GOCACHE": str(folder)}
    try:
        said = subprocess.run(
            command,
            env=environment,
            cwd="/",
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return said.stdout
