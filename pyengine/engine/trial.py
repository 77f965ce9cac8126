"""Open a model in a child process first, where llama.cpp might abort.

`check_gguf` refuses what is known to abort llama.cpp. For architectures and tokenizers whose
loading was not reviewed, a damaged file could still end the process that opens it: there a child
process opens it and decodes a token before its parent does.
"""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from pyengine.engine.gguf import check_gguf
from pyengine.engine.model import open_model
from pyengine.engine.options import ModelOptions, SessionOptions
from pyengine.engine.session import Session
from pyengine.errors import ModelFileError, ModelKindError, PyengineError

SECONDS = 600.0


def try_where_needed(
    path: str | Path,
    *,
    vocabulary_only: bool = False,
    progress: Callable[[float], object] | None = None,
) -> None:
    """Check a model file and, unless its architecture was reviewed, open it in a child process.

    Costs milliseconds for a reviewed file; else a process's start and one opening.

    Raises:
        ModelFileError: the file cannot be opened, or the trial died of it.
    """
    summary = check_gguf(path)
    without_weights = vocabulary_only or summary.n_tensors == 0
    if summary.tokenizer_reviewed if without_weights else summary.reviewed:
        return
    if progress is not None:
        progress(0.0)
    try_open(path, options=ModelOptions(vocabulary_only=without_weights))
    if progress is not None:
        progress(1.0)


def try_open(
    path: str | Path, *, options: ModelOptions | None = None, seconds: float = SECONDS
) -> None:
    """Open a model in a child process and decode one token there.

    Args:
        path: the model file.
        options: only `vocabulary_only` and `n_gpu_layers` matter here.
        seconds: how long the child may take.

    Raises:
        ModelFileError: the file cannot be opened, or llama.cpp ended the child process, which
            would have ended the caller's.
    """
    options = options or ModelOptions()
    mode = "vocabulary" if options.vocabulary_only else "weights"
    command = [sys.executable, "-m", "pyengine.engine.trial", str(path), mode]
    command.append(str(options.n_gpu_layers))
    try:
        done = subprocess.run(command, capture_output=True, timeout=seconds, check=False)
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


def _child(path: str, mode: str, n_gpu_layers: str) -> int:
    options = ModelOptions(vocabulary_only=mode == "vocabulary", n_gpu_layers=int(n_gpu_layers))
    try:
        with open_model(path, options=options) as model:
            if model.has_weights:
                session = Session(model, options=SessionOptions(n_ctx=32, n_batch=32, max_rows=1))
                session.logits([0])
    except ModelKindError:
        return 0  # a valid file; whether its kind will do is for the caller to say
    except PyengineError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(_child(*sys.argv[1:]))
