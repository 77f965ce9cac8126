"""Quantize a model file through llama.cpp's own quantizer.

The quantizer cannot be interrupted and aborts on some damaged files, so it runs in a child
process: Ctrl-C ends the child, and the half-written file is removed.
"""

import hashlib
import json
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from pyengine.errors import (
    EngineError,
    InputError,
    ModelFileError,
    ModelKindError,
    NoSpaceError,
    OptionError,
    PyengineError,
    WorkerError,
)
from pyengine.files import replacing
from pyengine.inputs import read_bytes
from pyengine.models.child import Child
from pyengine.models.file_types import NEEDS_IMATRIX
from pyengine.models.gguf import known_sha256, model_parts, read_tensor_table
from pyengine.models.making import (
    OPTIONS_SHA256_KEY,
    SOURCE_KEY,
    quantize_metadata,
    read_making,
)
from pyengine.models.quantize_options import QuantizationPlan, QuantizeOptions
from pyengine.models.quantize_plan import (
    core_settings,
    plan_here,
    quantizable_here,
    quantize_here,
)

# What the C++ library says of a full disk; llama.cpp writes through std::ofstream.
WRITE_FAILED = "iostream error"

Progress = Callable[[float], object]


def file_sha256(path: str | Path) -> str:
    """Return the SHA-256 of a model's bytes, over all parts of a split one, in hexadecimal."""
    return known_sha256(model_parts(path))


def plan_quantization(
    source: str | Path,
    file_types: Sequence[str],
    *,
    options: QuantizeOptions | None = None,
    impossible: Callable[[str, OptionError], object] | None = None,
    progress: Progress | None = None,
) -> list[QuantizationPlan]:
    """Say what quantizing would write, without writing anything.

    Args:
        source: the model to quantize.
        file_types: by their names, in which order the plans are.
        options: how to quantize.
        impossible: called with a type that cannot be made of this source, and why, in place of
            an error.
        progress: called with a fraction from 0 to 1 of the plans made.

    Raises:
        ModelFileError, ModelKindError: the source or the importance matrix cannot be used.
        OptionError: an option is impossible for this source, or does nothing.
    """
    options = options or QuantizeOptions()
    plans = []
    with quantizing_child(source) as child:
        for number, file_type in enumerate(file_types):
            try:
                plans.append(child.call(plan_here, str(source), file_type, options))
            except ModelKindError as error:  # the core knows no command line
                told = str(error).replace("allow requantizing", "--requantize")
                raise ModelKindError(told) from None
            except OptionError as error:
                if impossible is None:
                    raise
                impossible(file_type, error)
            if progress is not None:
                progress((number + 1) / len(file_types))
    return plans


def quantizable(source: str | Path) -> frozenset[str]:
    """Return the tensors of a model of floats that llama.cpp quantizes at all.

    Raises:
        ModelFileError, ModelKindError: the source cannot be used.
    """
    with quantizing_child(source) as child:
        found: frozenset[str] = child.call(quantizable_here, str(source))
    return found


def check_importance(source: str | Path, plan: QuantizationPlan, options: QuantizeOptions) -> None:
    """Raise OptionError where a type needs the importance of tensors, and it is not given."""
    if not plan.lacks_importance:
        return
    first, n_more = plan.lacks_importance[0], len(plan.lacks_importance) - 1
    kind = next(tensor.type for tensor in plan.tensors if tensor.name == first)
    named = f"{first}, which becomes {kind}" + (f", and of {n_more} more" if n_more else "")
    if options.imatrix is not None:
        raise OptionError(
            f"{options.imatrix}: holds no importance of {named}: {plan.file_type} cannot be made "
            f"of {source} with it; give such tensors another type (--tensor-type), or take "
            "another file type"
        )
    raise OptionError(
        f"{source}: {plan.file_type} needs an importance matrix (--imatrix): that of {named}; "
        f"without one, of any model, all types but {', '.join(NEEDS_IMATRIX)} can be made"
    )


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

    It is the same when it records the same source hash and options and has the planned tensors.

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
        OptionError: the type needs importance that is not given.
        EngineError: llama.cpp failed.
        KeyboardInterrupt: Ctrl-C; nothing of the target is left.
    """
    options = options or QuantizeOptions()
    target = Path(target)
    recorded = options_sha256(plan.file_type, options)
    if target.exists():
        _check_reusable(target, plan, source_sha256, recorded)
        return True
    check_importance(source, plan, options)
    check_free_space(target.parent, plan.file_bytes)
    metadata = quantize_metadata(
        plan.file_type,
        options,
        source_sha256=source_sha256,
        options_sha256=recorded,
        importance_sha256="" if options.imatrix is None else bytes_sha256(options.imatrix),
    )
    settings = core_settings(plan.file_type, options, metadata)
    with replacing(target, is_ours=lambda _: False) as temporary:  # what came meanwhile stays

        def report() -> None:
            if progress is not None:
                progress(min(1.0, temporary.stat().st_size / plan.file_bytes))

        try:
            with quantizing_child(source) as child:
                child.call(quantize_here, str(source), str(temporary), settings, waiting=report)
        except EngineError as error:
            if WRITE_FAILED not in str(error):
                raise
            written, free = temporary.stat().st_size, shutil.disk_usage(target.parent).free
            raise NoSpaceError(
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
    """Raise InputError unless there is the folder, NoSpaceError unless its disk has the room."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder to write to")
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise NoSpaceError(
            f"{folder}: {needed / 1e6:.1f} MB are needed and {free / 1e6:.1f} MB are free"
        )


def options_sha256(file_type: str, options: QuantizeOptions) -> str:
    """Return a hash of all that decides the bytes written, beside the source."""
    settings = asdict(options)
    for name in ("threads", "allow_requantize", "recipe_sha256", "corpus_sha256"):
        del settings[name]
    settings["imatrix"] = None if options.imatrix is None else bytes_sha256(options.imatrix)
    settings["file_type"] = file_type
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def bytes_sha256(path: Path) -> str:
    """Return the SHA-256 of the bytes of an importance matrix."""
    return hashlib.sha256(read_bytes(path, error=ModelFileError, most=None)).hexdigest()


def _check_reusable(
    target: Path, plan: QuantizationPlan, source_sha256: str, recorded: str
) -> None:
    try:
        tensors = read_tensor_table(target)  # of a file that is whole
        said = read_making(target)
    except ModelFileError:
        tensors, said = [], {}
    source, made_with = said.get(SOURCE_KEY), said.get(OPTIONS_SHA256_KEY)
    # Other versions tell more or less of the making, so the files' sizes may differ.
    if (source, made_with) == (source_sha256, recorded) and tuple(tensors) == plan.tensors:
        return
    if source is None:
        reason = "is not a file that pyengine quantized"
    elif source != source_sha256:
        reason = "was quantized from another source"
    else:
        reason = "was quantized with other options"
    raise InputError(f"{target}: exists and {reason}; remove it or choose another folder")


@contextmanager
def quantizing_child(source: str | Path) -> Iterator[Child]:
    """Yield a process to quantize in; its death is told as what it means for the source."""
    try:
        with Child() as child:
            yield child
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
