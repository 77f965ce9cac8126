"""Open a model in a child process first, where llama.cpp might abort.

`check_gguf` refuses what is known to abort llama.cpp. For architectures and tokenizers whose
loading was not reviewed, a damaged file could still end the process that opens it: there a child
process opens it and decodes before its parent does. What passed is remembered in the user's cache
by the file's identity, so that the next opening costs a few system calls.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from pyengine import _core
from pyengine._build_info import LLAMA_CPP_PYTHON_VERSION
from pyengine.errors import ModelFileError
from pyengine.models.child import child_environment
from pyengine.models.gguf import check_gguf
from pyengine.models.options import ModelOptions
from pyengine.models.remembered import Remembered

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
    parts = [Path(part) for part in summary.parts]
    versions = [_core.llama_version(), LLAMA_CPP_PYTHON_VERSION]
    trial = Remembered("trials", parts, asdict(options), versions)
    known = _length(trial.read())
    if known is not None and known >= wanted:
        return known
    if progress is not None:
        progress(0.0)
    try_open(path, options=options, n_ctx=wanted)
    if progress is not None:
        progress(1.0)
    trial.write(str(wanted))
    return wanted


def _length(text: str | None) -> int | None:
    """Return the context that a text names; None for no text, or a damaged one."""
    return int(text) if text is not None and text.isdecimal() else None


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
