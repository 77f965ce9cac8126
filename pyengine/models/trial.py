"""Open a model in a child process first, where llama.cpp might abort.

`check_gguf` refuses what is known to abort llama.cpp. For architectures and tokenizers whose
loading was not reviewed, a damaged file could still end the process that opens it: there a child
process opens it and decodes before its parent does. What passed is remembered in the user's cache
by the file's identity, so that the next opening costs a few system calls.
"""

import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from pyengine import _core
from pyengine._build_info import LLAMA_CPP_PYTHON_VERSION
from pyengine.errors import (
    ModelFileError,
    ModelKindError,
    NumbersError,
    PyengineError,
    TokenizerError,
    WorkerError,
)
from pyengine.models.child import Child
from pyengine.models.devices import given_gpus
from pyengine.models.gguf import check_gguf
from pyengine.models.log import forward_log
from pyengine.models.options import ModelOptions, default_threads
from pyengine.models.prefix_tree import separate_batch, tree_batch
from pyengine.models.remembered import Remembered

SECONDS = 600.0
# Raised when a trial tries more than before, so that what passed less is tried again.
TRIAL = 2
# Tokens of a session where nothing else is said: what an opening tries before anybody says more.
POSITIONS = 512
# Small micro-batches, so that a few tokens are several; kernels choose their ways of computing by
# numbers of tokens well below this.
UBATCH = 64
PAIRS = 4  # tokens of two sequences of two
TEXT = "def f(x):\n\treturn 'ä' + str(12345)  # 日本語\n"


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
    trial = Remembered("trials", parts, asdict(options), versions, TRIAL)
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
    """Open a model in a child process and decode there.

    Args:
        path: the model file.
        options: how to open it.
        n_ctx: tokens of the context; its last position is decoded too.
        seconds: how long the child may take.

    Raises:
        ModelFileError: the file cannot be opened, or llama.cpp ended the child process, which
            would have ended the caller's.
    """
    try:
        with Child() as child:
            child.call(
                open_and_decode, str(path), options or ModelOptions(), n_ctx, seconds=seconds
            )
    except (ModelKindError, NumbersError):
        return  # no danger: whoever opens it next says so
    except TimeoutError:
        raise ModelFileError(
            f"{path}: llama.cpp did not open it within {seconds:.0f} s in a trial"
        ) from None
    except WorkerError as error:
        if not error.signal:
            raise ModelFileError(f"{path}: a trial of it failed: {error}") from None
        name = signal.Signals(error.signal).name
        reason = f" ({error.complaint})" if error.complaint else ""
        raise ModelFileError(f"{path}: llama.cpp dies on it with {name}{reason}") from None
    except PyengineError as error:
        raise ModelFileError(str(error)) from None


def open_core(
    path: str | Path, options: ModelOptions, progress: Callable[[float], object] | None = None
) -> _core.Model:
    """Open a file in llama.cpp in this process."""
    n_gpu_layers = 0 if options.vocabulary_only else options.n_gpu_layers
    try:
        return _core.Model(
            str(path),
            gpus=given_gpus(n_gpu_layers, options.rpc),
            progress=progress,
            adapters=[(adapter.path, adapter.scale) for adapter in options.lora],
            n_gpu_layers=n_gpu_layers,
            use_mmap=options.use_mmap,
            use_extra_bufts=options.use_extra_bufts,
            vocabulary_only=options.vocabulary_only,
            skip_vocabulary=options.skip_vocabulary,
        )
    finally:
        forward_log()


def open_and_decode(path: str, options: ModelOptions, n_ctx: int) -> None:
    """Open the model; decode three micro-batches, two sequences at once, and the last position.

    Two sequences are decoded again where each has a memory of its own.

    Called in the child process, and for nothing but whether it comes back.
    """
    model = open_core(path, options)
    with suppress(TokenizerError):
        model.vocabulary.tokenize(TEXT, parse_special=True)
    if options.vocabulary_only:
        return
    last = min(n_ctx, model.n_positions or n_ctx)
    n_tokens = min(2 * UBATCH + 1, last)
    ids = np.linspace(0, model.n_vocab - 1, n_tokens).astype(np.int32)
    new_context = partial(
        _core.Context,
        model,
        n_ctx=max(n_ctx, PAIRS),
        n_batch=max(n_tokens, PAIRS),
        n_ubatch=min(UBATCH, n_tokens),
        n_seq_max=2,
        n_outputs_max=2,
        threads=default_threads(),
        **{name: value for name, value in options.sessions if name != "n_ubatch"},
    )
    context = new_context()
    context.decode(ids, np.arange(n_tokens), [[0]] * n_tokens, [False] * (n_tokens - 1) + [True])
    context.clear()
    first, middle = int(ids[0]), int(ids[n_tokens // 2])
    two = [[first, middle][:last], [first, first][:last]]
    apart = separate_batch(two)
    is_recurrent = model.is_recurrent or model.is_hybrid
    batch = apart if is_recurrent else tree_batch(two)
    context.decode(batch.ids, batch.positions, batch.sequences, batch.outputs)
    context.clear()
    context.decode(ids[:1], [last - 1], [[0]], [True])
    if not is_recurrent:
        del context  # first: it may be large
        context = new_context(kv_unified=False)
        context.decode(apart.ids, apart.positions, apart.sequences, apart.outputs)
