"""Open a model in a child process first, where llama.cpp might abort.

`check_gguf` refuses what is known to abort llama.cpp. For architectures and tokenizers whose
loading was not reviewed, a damaged file could still end the process that opens it: there a child
process opens it and decodes before its parent does. What passed is remembered in the user's cache
by the file's identity, so that the next opening costs a few system calls.
"""

import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

from pyengine import _core
from pyengine._build_info import LLAMA_CPP_PYTHON_VERSION
from pyengine.errors import InputError, ModelFileError
from pyengine.files import user_cache, write_atomic
from pyengine.models.child import child_environment
from pyengine.models.gguf import check_gguf
from pyengine.models.options import ModelOptions

SECONDS = 600.0
# Tokens of a session where nothing else is said: what an opening tries before anybody says more.
POSITIONS = 512


def try_where_needed(
    path: str | Path,
    *,
    options: ModelOptions | None = None,
    n_ctx: int = POSITIONS,
    progress: Callable[[float], object] | None = None,
) -> int | None:
    """Check a model file and, unless its architecture was reviewed, try it in a child process.

    Args:
        path: the model file.
        options: how it will be opened.
        n_ctx: tokens that a session on it will hold.
        progress: called with 0 before a trial and 1 after it; it may take as long as an opening.

    Returns:
        The longest context that was tried, now or before; None where no trial is needed.

    Raises:
        ModelFileError: the file cannot be opened, or the trial died of it.
    """
    options = options or ModelOptions()
    summary = check_gguf(path, vocabulary=False)
    without_weights = options.vocabulary_only or summary.n_tensors == 0
    if summary.tokenizer_reviewed if without_weights else summary.reviewed:
        return None
    wanted = 0 if without_weights else n_ctx
    key = _key([Path(part) for part in summary.parts], options)
    known = _remembered(key)
    if known is not None and known >= wanted:
        return known
    if progress is not None:
        progress(0.0)
    try_open(path, options=options, n_ctx=wanted)
    if progress is not None:
        progress(1.0)
    _remember(key, wanted)
    return wanted


def try_open(
    path: str | Path,
    *,
    options: ModelOptions | None = None,
    n_ctx: int = POSITIONS,
    seconds: float = SECONDS,
) -> None:
    """Open a model in a child process and decode there; see trial_child.py.

    Args:
        path: the model file.
        options: how to open it.
        n_ctx: tokens of the context; its last position is decoded too.
        seconds: how long the child may take.

    Raises:
        ModelFileError: the file cannot be opened, or llama.cpp ended the child process, which
            would have ended the caller's.
    """
    request = {"path": str(path), "options": asdict(options or ModelOptions()), "n_ctx": n_ctx}
    command = [sys.executable, "-m", "pyengine.models.trial_child", json.dumps(request)]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=seconds, check=False, env=child_environment()
        )
    except subprocess.TimeoutExpired:
        raise ModelFileError(
            f"{path}: llama.cpp did not open it within {seconds:.0f} s in a trial"
        ) from None
    if done.returncode == 0:
        return
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        reason = f" ({lines[0]})" if lines else ""
        raise ModelFileError(f"{path}: llama.cpp dies on it with {name}{reason}")
    raise ModelFileError(lines[-1] if lines else f"{path}: a trial of it failed")


def _key(parts: Sequence[Path], options: ModelOptions) -> str:
    """Return a hash of what decides whether llama.cpp survives: files, options and versions."""
    try:
        found = [part.stat() for part in parts]
    except OSError as error:
        raise ModelFileError(f"{error.filename}: cannot be read: {error.strerror}") from error
    files = [[s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns] for s in found]
    versions = [_core.llama_version(), LLAMA_CPP_PYTHON_VERSION]
    what = json.dumps([files, asdict(options), versions])
    return hashlib.sha256(what.encode()).hexdigest()


@lru_cache(maxsize=1)
def _in_this_process() -> dict[str, int]:
    return {}


def _remembered(key: str) -> int | None:
    """Return up to which context a file with this key was tried; None where it was not."""
    if key not in _in_this_process():
        with suppress(OSError, RuntimeError, ValueError):
            _in_this_process()[key] = int((user_cache() / "trials" / key).read_text())
    return _in_this_process().get(key)


def _remember(key: str, n_ctx: int) -> None:
    _in_this_process()[key] = n_ctx
    # Without a cache, or with a full disk, another process tries again.
    with suppress(InputError, OSError, RuntimeError):
        folder = user_cache() / "trials"
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / key, f"{n_ctx}\n")
