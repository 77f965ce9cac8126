"""Quantize a model file through llama.cpp's own quantizer.

The quantizer cannot be interrupted and aborts on some damaged files, so it runs in a child
process: Ctrl-C ends the child, and the half-written file is removed.
"""

import hashlib
import json
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from pyengine import _core
from pyengine.errors import (
    EngineError,
    InputError,
    ModelFileError,
    ModelKindError,
    OptionError,
    PyengineError,
    WorkerError,
)
from pyengine.files import replacing
from pyengine.inputs import read_bytes
from pyengine.models.child import Child
from pyengine.models.gguf import TensorEntry, bits_per_weight, known_sha256, model_parts

# Largest first: the order of `all`.
QUANTIZED_TYPES = (
    *("Q8_0", "Q6_K", "Q5_K_M", "Q5_K_S", "Q5_1", "Q5_0", "Q4_K_M", "Q4_K_S", "Q4_1", "Q4_0"),
    *("Q3_K_L", "Q3_K_M", "Q3_K_S", "Q2_K", "Q2_K_S"),
)
FLOAT_TYPES = ("F16", "BF16", "F32")
NEEDS_IMATRIX = ("Q2_K_S",)
SOURCE_KEY = "pyengine.source_sha256"
OPTIONS_KEY = "pyengine.quantize_sha256"
# What the C++ library says of a full disk; llama.cpp writes through std::ofstream.
WRITE_FAILED = "iostream error"

T = TypeVar("T")
Progress = Callable[[float], object]


@dataclass(frozen=True, kw_only=True)
class QuantizeOptions:
    """How to quantize.

    Attributes:
        output_type: tensor type of output.weight, such as "q8_0"; None for llama.cpp's choice.
        embedding_type: tensor type of token_embd.weight; None for llama.cpp's choice.
        pure: give every tensor the file type's own tensor type, no mixture.
        overrides: pairs of a regular expression on tensor names and a tensor type.
        imatrix: importance matrix in the GGUF format of llama-imatrix.
        allow_requantize: accept a source that is quantized already.
        threads: CPU threads; the bytes written do not depend on it.
    """

    output_type: str | None = None
    embedding_type: str | None = None
    pure: bool = False
    overrides: tuple[tuple[str, str], ...] = ()
    imatrix: Path | None = None
    allow_requantize: bool = False
    threads: int = 1


@dataclass(frozen=True, kw_only=True)
class QuantizationPlan:
    """What quantizing to one type will write: exact sizes, before anything is written.

    Attributes:
        tensors: as they will be.
        fallbacks: those that are quantized to another type because their rows are no whole blocks
            of the file type's own tensor type: one with smaller blocks, or f16.
        importance_entries: how many tensors the importance matrix names; 0 without one.
        importance_used: how many of them the source has.
    """

    file_type: str
    base_type: str
    file_bytes: int
    tensors: tuple[TensorEntry, ...]
    fallbacks: tuple[TensorEntry, ...]
    importance_entries: int = 0
    importance_used: int = 0

    @property
    def tensor_types(self) -> dict[str, int]:
        """Number of tensors of each type, the most frequent first."""
        return dict(Counter(tensor.type for tensor in self.tensors).most_common())

    @property
    def bits_per_weight(self) -> float:
        """8 * bytes of all tensors / number of weights."""
        return bits_per_weight(self.tensors)


def file_sha256(path: str | Path) -> str:
    """Return the SHA-256 of a model's bytes, over all parts of a split one, in hexadecimal."""
    return known_sha256(model_parts(path))


def expand_types(names: list[str], *, has_imatrix: bool) -> list[str]:
    """Turn the words of `--to` into file types; "all" leaves out what needs an absent imatrix.

    Raises:
        OptionError: a word is no file type, or there are none.
    """
    chosen: list[str] = []
    for name in names:
        if name.lower() == "all":
            chosen += [t for t in QUANTIZED_TYPES if has_imatrix or t not in NEEDS_IMATRIX]
        elif name.upper() in QUANTIZED_TYPES + FLOAT_TYPES:
            chosen.append(name.upper())
        else:
            known = ", ".join(QUANTIZED_TYPES + FLOAT_TYPES)
            raise OptionError(f"there is no file type {name!r} to quantize to; use all, {known}")
    if not chosen:
        raise OptionError("no file type to quantize to was given")
    return list(dict.fromkeys(chosen))


def plan_quantization(
    source: str | Path, file_types: list[str], *, options: QuantizeOptions | None = None
) -> list[QuantizationPlan]:
    """Say what quantizing would write, without writing anything.

    Raises:
        ModelFileError, ModelKindError: the source or the importance matrix cannot be used.
        OptionError: an option is impossible for this source.
    """
    settings = _settings(options or QuantizeOptions())
    try:
        return _in_child(source, _plan_here, str(source), file_types, settings)
    except ModelKindError as error:  # the core knows no command line
        raise ModelKindError(str(error).replace("allow requantizing", "--requantize")) from None


def quantize_file(
    source: str | Path,
    target: str | Path,
    plan: QuantizationPlan,
    *,
    source_sha256: str,
    options: QuantizeOptions | None = None,
    progress: Progress | None = None,
) -> bool:
    """Write one quantized file; keep the one that is there when it is the same.

    It is the same when it records the same source hash and options and has the planned size.

    Args:
        source: the model to quantize.
        target: the file to write, beside which a temporary one grows first.
        plan: what `plan_quantization` said for this source, type and options.
        source_sha256: what `file_sha256` says of the source.
        options: those of the plan.
        progress: called with a fraction from 0 to 1 of the bytes written.

    Returns:
        whether the file was there already.

    Raises:
        InputError: the target cannot be written, the disk is too small, or another file is there.
        EngineError: llama.cpp failed.
        KeyboardInterrupt: Ctrl-C; nothing of the target is left.
    """
    options = options or QuantizeOptions()
    target = Path(target)
    recorded = options_sha256(plan.file_type, options)
    if target.exists():
        _check_reusable(target, plan, source_sha256, recorded)
        return True
    check_free_space(target.parent, plan.file_bytes)
    settings = _settings(options, [(SOURCE_KEY, source_sha256), (OPTIONS_KEY, recorded)])
    settings["file_type"] = plan.file_type
    with replacing(target, is_ours=lambda _: False) as temporary:  # what came meanwhile stays

        def report() -> None:
            if progress is not None:
                progress(min(1.0, temporary.stat().st_size / plan.file_bytes))

        try:
            _in_child(source, _quantize_here, str(source), str(temporary), settings, waiting=report)
        except EngineError as error:
            if WRITE_FAILED not in str(error):
                raise
            written, free = temporary.stat().st_size, shutil.disk_usage(target.parent).free
            raise InputError(
                f"{target}: cannot be written: {written / 1e6:.1f} of {plan.file_bytes / 1e6:.1f} "
                f"MB went to the disk, which has {free / 1e6:.1f} MB free"
            ) from error
        if temporary.stat().st_size != plan.file_bytes:
            raise ModelFileError(
                f"{target}: {temporary.stat().st_size} bytes were written in place of "
                f"{plan.file_bytes}; is the disk full?"
            )
    return False


def check_free_space(folder: Path, needed: int) -> None:
    """Raise InputError unless the folder exists and its disk has room for `needed` bytes."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder to write to")
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"{folder}: {needed / 1e6:.1f} MB are needed and {free / 1e6:.1f} MB are free"
        )


def options_sha256(file_type: str, options: QuantizeOptions) -> str:
    """Return a hash of all that decides the bytes written, beside the source."""
    settings = asdict(options)
    del settings["threads"]
    del settings["allow_requantize"]
    settings["imatrix"] = None if options.imatrix is None else _bytes_sha256(options.imatrix)
    settings["file_type"] = file_type
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def _bytes_sha256(path: Path) -> str:
    return hashlib.sha256(read_bytes(path, error=ModelFileError, most=None)).hexdigest()


def _check_reusable(
    target: Path, plan: QuantizationPlan, source_sha256: str, recorded: str
) -> None:
    try:
        source = _core.gguf_string(str(target), SOURCE_KEY)
        made_with = _core.gguf_string(str(target), OPTIONS_KEY)
    except ModelFileError:
        source = made_with = None
    same = source == source_sha256 and made_with == recorded
    if same and target.stat().st_size == plan.file_bytes:
        return
    if source is None:
        reason = "is not a file that pyengine quantized"
    elif source != source_sha256:
        reason = "was quantized from another source"
    else:
        reason = "was quantized with other options"
    raise InputError(f"{target}: exists and {reason}; remove it or choose another folder")


def _settings(
    options: QuantizeOptions, metadata: list[tuple[str, str]] | None = None
) -> dict[str, Any]:
    """Return what the core takes; ggml spells tensor types q4_K and bf16."""

    def tensor_type(name: str) -> str:
        return name.lower().replace("_k", "_K")

    return {
        "threads": options.threads,
        "output_type": options.output_type and tensor_type(options.output_type),
        "embedding_type": options.embedding_type and tensor_type(options.embedding_type),
        "pure": options.pure,
        "allow_requantize": options.allow_requantize,
        "imatrix": "" if options.imatrix is None else str(options.imatrix),
        "overrides": [(pattern, tensor_type(name)) for pattern, name in options.overrides],
        # A plan counts bytes, of which these have as many.
        "metadata": metadata or [(SOURCE_KEY, "0" * 64), (OPTIONS_KEY, "0" * 64)],
    }


def _in_child(
    source: str | Path,
    function: Callable[..., T],
    *arguments: Any,  # noqa: ANN401
    waiting: Callable[[], object] | None = None,
) -> T:
    try:
        with Child() as child:
            return child.call(function, *arguments, waiting=waiting)
    except WorkerError as error:
        if not error.signal:
            raise PyengineError(f"{source}: quantizing failed: {error}") from None
        # Killed from outside, by the system for want of memory too; other deaths are llama.cpp's
        # answer to what is in the file.
        outside = error.signal in (signal.SIGKILL, signal.SIGTERM)
        kind = WorkerError if outside else ModelFileError
        first = error.complaint or "no message"
        raise kind(
            f"{source}: llama.cpp's quantizer died with signal {error.signal}: {first}"
        ) from None


def _plan_here(
    source: str, file_types: list[str], settings: dict[str, Any]
) -> list[QuantizationPlan]:
    plans = []
    for file_type in file_types:
        rows, file_bytes, base_type, entries, used = _core.plan_quantization(
            source, file_type=file_type, **settings
        )
        tensors, fallbacks = [], []
        for name, shape, source_type, target_type, _, n_bytes, fits in rows:
            tensors.append(TensorEntry(name, target_type, shape, n_bytes))
            if not fits and source_type != target_type:
                fallbacks.append(tensors[-1])
        plans.append(
            QuantizationPlan(
                file_type=file_type,
                base_type=base_type,
                file_bytes=file_bytes,
                tensors=tuple(tensors),
                fallbacks=tuple(fallbacks),
                importance_entries=entries,
                importance_used=used,
            )
        )
    return plans


def _quantize_here(source: str, target: str, settings: dict[str, Any]) -> None:
    _core.quantize(source, target, **settings)
