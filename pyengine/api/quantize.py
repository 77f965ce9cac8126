"""`quantize`: make quantized files of a model."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from pyengine.api.arguments import (
    Named,
    Progress,
    Words,
    optional_path,
    silent,
    split_commas,
    words,
)
from pyengine.errors import OptionError

if TYPE_CHECKING:
    from pyengine.measure.quantize_plans import SizeLimit
    from pyengine.run.record import Run


def quantize(
    source: Named,
    *,
    to: Words = None,
    output_dir: Named = ".",
    output_type: str | None = None,
    embedding_type: str | None = None,
    pure: bool = False,
    tensor_type: Words = None,
    imatrix: Named | None = None,
    requantize: bool = False,
    threads: int | None = None,
    dry_run: bool = False,
    progress: Progress = silent,
) -> Run:
    """Quantize a model to one or several types through llama.cpp's own quantizer.

    Files that an earlier run made of the same source with the same options are kept; another file
    of the same name is never overwritten.

    Args:
        source: a model of F16, BF16 or F32 weights.
        to: file types such as "Q4_K_M", by commas or as a list; "all" for Q8_0 to Q2_K; a size
            such as "5GB", "4.5GiB" or "4.5bpw" (bits per weight) for the largest type within it.
            None, in a dry run, for every type that there is.
        output_dir: where the files go: NAME-TYPE.gguf.
        output_type, embedding_type: tensor types of output.weight and token_embd.weight.
        pure: one tensor type throughout, no mixture.
        tensor_type: PATTERN=TYPE for tensors whose name matches; the first match wins.
        imatrix: an importance matrix, a GGUF by `pyengine.imatrix` or llama-imatrix.
        requantize: accept a source that is quantized already.
        threads: CPU threads; None for the cores less one.
        dry_run: tell exact sizes and write nothing.
        progress: called with what is being done and the part that is done.

    Returns:
        a run with one exhibit "quantized" for each file: path, file_bytes, bits_per_weight and
        the tensors that fell back to another type.

    Raises:
        ModelFileError, ModelKindError: the source cannot be used.
        InputError: a folder cannot be made, a disk is too small, or another file is in the way.
        OptionError: a type or an option is impossible or would do nothing, a type needs an
            importance matrix, or none is so small.

    Example:
        pyengine.quantize("f16.gguf", to="Q4_K_M,Q8_0", dry_run=True).shown("quantized")
    """
    from pyengine.measure.quantize import quantize_all
    from pyengine.models.file_types import expand_types
    from pyengine.models.options import default_threads
    from pyengine.models.quantize_options import QuantizeOptions
    from pyengine.models.references import resolve_model

    asked = split_commas(to)
    if not asked and (to is not None or not dry_run):
        raise OptionError(
            "no file type to quantize to was given (--to); --dry-run without it shows all"
        )
    sizes = [word for word in asked if word[0].isdigit() or word[0] == "."]
    names = [word for word in asked if word not in sizes]
    limits = [_limit(word) for word in sizes]
    types = expand_types(names, has_imatrix=imatrix is not None) if names else []
    options = QuantizeOptions(
        output_type=output_type,
        embedding_type=embedding_type,
        pure=pure,
        overrides=tuple(_split_override(text) for text in words(tensor_type)),
        imatrix=optional_path(imatrix),
        allow_requantize=requantize,
        threads=default_threads() if threads is None else threads,
    )
    return quantize_all(
        resolve_model(source),
        None if to is None else types,
        Path(output_dir),
        options=options,
        limits=limits,
        dry_run=dry_run,
        progress=progress,
    )


def _limit(word: str) -> SizeLimit:
    """Read a size such as "5GB" or "4.5bpw".

    Raises:
        OptionError: it is none.
    """
    from pyengine.choose.conditions import parse_size
    from pyengine.measure.quantize_plans import SizeLimit

    bits = re.fullmatch(r"(\d*\.?\d+)\s*bpw", word.lower())
    if bits:
        return SizeLimit(word, bits=float(bits[1]))
    if not word[-1].isalpha():
        raise OptionError(f"--to {word!r} is no file type; a size has a unit: {word}GB, {word}bpw")
    try:
        return SizeLimit(word, n_bytes=parse_size(word))
    except OptionError:
        raise OptionError(
            f"--to {word!r} is no file type and no size; write for example 5GB, 4.5GiB or 4.5bpw"
        ) from None


def _split_override(text: str) -> tuple[str, str]:
    """Split PATTERN=TYPE at its last equals sign.

    Raises:
        OptionError: there is none.
    """
    pattern, equals, kind = text.rpartition("=")
    if not equals or not pattern or not kind:
        raise OptionError(f"--tensor-type {text!r} is not PATTERN=TYPE")
    return pattern, kind
