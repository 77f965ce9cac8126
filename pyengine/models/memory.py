"""How much memory a model takes: forecast from its file's header, free here, taken by a process."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pyengine import _core
from pyengine._build_info import LLAMA_CPP_PYTHON_VERSION
from pyengine.errors import ModelFileError, OptionError, WorkerError
from pyengine.files import temporary_folder
from pyengine.models.child import Child
from pyengine.models.devices import given_gpus
from pyengine.models.options import ModelOptions, SessionOptions
from pyengine.models.remembered import Remembered

SECONDS = 600.0
# Beyond it the cells of the cache alone, which are really made, take a gigabyte.
MOST_TOKENS = 1 << 24
_STATUS = Path("/proc/self/status")
_FIRST_PART = re.compile(r"-00001-of-(\d{5})\.gguf$")


@dataclass(frozen=True, kw_only=True)
class MemoryShare:
    """What one device holds, in bytes.

    Attributes:
        device: "CPU" for the machine's memory, or the name of a GPU.
        weights: of the layers that it has.
        cache: keys and values of attention, for the whole context; of a layer with a sliding
            window only for the window and one micro-batch.
        recurrent: states of recurrent layers, which do not grow with the context.
        compute: intermediate results of the largest micro-batch.
        process: of the CPU, what the program holds beside: itself, tokenizer, graph, logits.
    """

    device: str
    weights: int
    cache: int
    recurrent: int
    compute: int
    process: int = 0

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.cache + self.recurrent + self.compute + self.process


@dataclass(frozen=True, kw_only=True)
class MemoryForecast:
    """What a model takes when it is run, in bytes.

    Attributes:
        shares: of each device, the CPU's first.
    """

    shares: tuple[MemoryShare, ...]

    @property
    def main(self) -> int:
        """What is taken of the machine's own memory."""
        return self.shares[0].total

    @property
    def total(self) -> int:
        """What is taken of all devices' memory."""
        return sum(share.total for share in self.shares)


def forecast(
    path: str | Path,
    context: int,
    *,
    k_type: str = "f16",
    v_type: str = "f16",
    flash_attention: str = "auto",
    gpu_layers: int = 0,
    ubatch: int = 512,
    sequences: int = 1,
    full_windows: bool = False,
    rpc: tuple[str, ...] = (),
) -> MemoryForecast:
    """Say what memory a model will take, without reading its weights.

    llama.cpp builds model and context as it does to run them, with sizes in place of buffers
    (`no_alloc`), in a child process, whose own memory is counted for the program's.

    Args:
        path: a model file, or its beginning: header, metadata and tensor table are enough. Of a
            split model the first part, with the others, or their beginnings, beside it.
        context: tokens that are held at once, over all sequences.
        k_type: type of the attention cache's keys: f32, f16, bf16, q8_0, q5_1, q5_0, q4_1, q4_0
            or iq4_nl.
        v_type: type of its values.
        flash_attention: "auto", "on" or "off".
        gpu_layers: layers on the GPU; negative for all.
        ubatch: tokens computed at once.
        sequences: how many are held at once.
        full_windows: keep what lies behind a sliding window, as `Session` does; llama.cpp's
            programs do not.
        rpc: addresses of RPC servers of llama.cpp, whose devices count as GPUs.

    Raises:
        ModelFileError: the file cannot be used, or llama.cpp died of it.
        ModelKindError: it has no weights or no next-token distribution.
        OptionError: an option is out of range, or the model has no cache of that type.
    """
    if not 1 <= context <= MOST_TOKENS:
        raise OptionError(f"a context has 1 to {MOST_TOKENS} tokens, not {context}")
    parts = parts_of(path)
    cache = (k_type, v_type, flash_attention)
    asked = (context, *cache, gpu_layers, ubatch, sequences, full_windows, rpc)
    versions = [_core.llama_version(), LLAMA_CPP_PYTHON_VERSION]
    memory = Remembered("memory", parts, asked, versions)
    known = memory.read()
    if known is None:
        with temporary_folder() as folder, Child() as child:
            whole = _as_long_as_whole(parts, folder)
            known = _counted_by(child, whole, asked, str(path))
        memory.write(known)
    return MemoryForecast(shares=tuple(MemoryShare(**share) for share in json.loads(known)))


def forecast_opened(path: str | Path, options: ModelOptions, context: int) -> MemoryForecast:
    """Say what memory a model takes that is opened so, see `forecast`, adapters included."""
    session = options.session(SessionOptions())
    said = forecast(
        path,
        context,
        k_type=session.k_type,
        v_type=session.v_type,
        flash_attention=session.flash_attention,
        gpu_layers=options.n_gpu_layers,
        ubatch=session.n_ubatch,
        rpc=options.rpc,
    )
    adapters = sum(Path(adapter.path).stat().st_size for adapter in options.lora)
    first, *others = said.shares
    return MemoryForecast(shares=(replace(first, weights=first.weights + adapters), *others))


def _counted_by(child: Child, whole: Path, asked: tuple[Any, ...], named: str) -> str:
    """Let a child process count; its errors speak of the file as the caller named it."""
    try:
        return child.call(count_memory, str(whole), *asked, seconds=SECONDS)
    except TimeoutError:
        reason = f"llama.cpp did not count its memory within {SECONDS:.0f} s"
    except WorkerError as error:
        reason = f"llama.cpp cannot count its memory: {error.complaint or error}"
    except ModelFileError as error:
        reason = str(error).removeprefix(f"{whole}: ")
    raise ModelFileError(f"{named}: {reason}")


def count_memory(
    path: str,
    context: int,
    k_type: str,
    v_type: str,
    flash_attention: str,
    gpu_layers: int,
    ubatch: int,
    sequences: int,
    full_windows: bool,
    rpc: tuple[str, ...],
) -> str:
    """Count what `forecast` says, in a process that did nothing else; return shares as JSON."""
    names = given_gpus(gpu_layers, rpc)
    model = _core.Model(path, n_gpu_layers=gpu_layers, gpus=names, no_alloc=True)
    # The tokenizer is a part of whatever runs the model; ours waits until it is needed.
    model.vocabulary.tokenize("a")

    def make(sequences: int, full_windows: bool) -> _core.Context:
        return _core.Context(
            model,
            n_ctx=context,
            n_batch=max(ubatch, sequences),
            n_ubatch=ubatch,
            n_seq_max=sequences,
            n_outputs_max=sequences,
            threads=1,
            k_type=k_type,
            v_type=v_type,
            flash_attention=flash_attention,
            full_windows=full_windows,
        )

    counted = make(sequences, full_windows)
    process = memory_of_process()
    recurrent = _recurrent(model, counted, lambda n: make(n, full_windows=True))
    shares = []
    for device, is_cpu, weights, cache, compute in counted.memory:
        state = recurrent.get(device, 0)
        shares.append(
            MemoryShare(
                device=device,
                weights=weights,
                cache=cache - state,
                recurrent=state,
                compute=compute,
                # The states are no sizes only: llama.cpp makes them even so.
                process=process - state if is_cpu else 0,
            )
        )
    return json.dumps([asdict(share) for share in shares])


def _recurrent(
    model: _core.Model, counted: _core.Context, make: Callable[[int], _core.Context]
) -> dict[str, int]:
    """Return the bytes of recurrent states on each device.

    llama.cpp gives one number for states and attention cache. Without sliding windows only the
    states grow with the number of sequences.
    """
    n = counted.n_seq_max
    if model.is_recurrent:
        return {device: cache for device, _, _, cache, _ in counted.memory}
    if not model.is_hybrid:
        return {}
    one, two = make(1).memory, make(2).memory
    return {b[0]: n * (b[3] - a[3]) for a, b in zip(one, two, strict=True)}


def parts_of(path: str | Path) -> list[Path]:
    """Return the file, or all parts of a split model, by the name of the first."""
    path = Path(path)
    match = _FIRST_PART.search(path.name)
    if not match:
        return [path]
    stem, count = path.name[: match.start()], match.group(1)
    return [path.with_name(f"{stem}-{n:05d}-of-{count}.gguf") for n in range(1, int(count) + 1)]


def _as_long_as_whole(parts: list[Path], folder: Path) -> Path:
    """Return the model's file; where only its beginning is there, a copy made as long as the whole.

    What the copy lacks is a hole, which takes no space on the disk.
    """
    lengths = [_core.gguf_extent(str(part)) for part in parts]
    short = [part.stat().st_size < length for part, length in zip(parts, lengths, strict=True)]
    if not any(short):
        return parts[0]
    for part, length, is_short in zip(parts, lengths, short, strict=True):
        copy = folder / part.name
        if is_short:
            shutil.copyfile(part, copy)
            os.truncate(copy, length)
        else:
            copy.symlink_to(part.resolve())
    return folder / parts[0].name


def memory_of_process(*, peak: bool = False) -> int:
    """Return the resident bytes of this process, now or the most that it had so far.

    Where the system does not say what it has now, it is the most.
    """
    field = "VmHWM:" if peak else "VmRSS:"
    if _STATUS.exists():
        for line in _STATUS.read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) * 1024
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size if sys.platform == "darwin" else size * 1024
