"""`quantize`: make quantized files of a model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyengine.api.arguments import (
    Named,
    Names,
    Progress,
    Words,
    optional_path,
    silent,
    split_commas,
    usable_model,
    words,
)
from pyengine.api.recipes import quantize_to_sizes
from pyengine.errors import OptionError

if TYPE_CHECKING:
    from pyengine.measure.quantize_plans import SizeLimit
    from pyengine.measure.racing import Watch
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
    recipe: bool = False,
    sensitivity: Named | None = None,
    corpus: Names = None,
    tokens: int = 100_000,
    precision: float = 0.2,
    margin: float = 0.1,
    seed: int = 20260102,
    speed: float | None = None,
    context: int | None = None,
    progress: Progress = silent,
    watch: Watch | None = None,
) -> Run:
    """Quantize a model to one or several types through llama.cpp's own quantizer.

    Files that an earlier run made of the same source with the same options are kept; another file
    of the same name is never overwritten.

    With `recipe` the type of each tensor is chosen so that all together lose least within the size,
    by how far rounding groups of tensors moves the model over one half of the documents. The file
    is compared over the other half beside the largest type within the size, and the better of the
    two is written.

    Args:
        source: a model of F16, BF16 or F32 weights.
        to: file types such as "Q4_K_M", by commas or as a list; "all" for Q8_0 to Q2_K; a size
            such as "5GB", "4.5GiB" or "4.5bpw" (bits per weight) for the largest type within it.
            None, in a dry run, for every type that there is. For a recipe a type is its size.
        output_dir: where the files go: NAME-TYPE.gguf.
        output_type, embedding_type: tensor types of output.weight and token_embd.weight.
        pure: one tensor type throughout, no mixture.
        tensor_type: PATTERN=TYPE for tensors whose name matches; the first match wins.
        imatrix: an importance matrix, a GGUF by `pyengine.imatrix` or llama-imatrix.
        requantize: accept a source that is quantized already.
        threads: CPU threads; None for the cores less one.
        dry_run: tell exact sizes and write nothing.
        recipe: choose the type of each tensor.
        sensitivity: for a recipe, a run that `pyengine.sensitivity` saved; None measures it.
        corpus: for a recipe, files or folders of text; None: the shipped programs in twelve
            languages.
        tokens: for a recipe, scored tokens at most in its comparison.
        precision, margin: for a recipe, when its comparison ends, see `pyengine.compare`.
        seed: for a recipe, of the halves and of the order of documents.
        speed: for a recipe, tokens per second that it must generate at least: of all that are
            predicted to, the one that loses least within the size. Types are timed for it.
        context: tokens of context at which speed is measured; None for 8,192, or as many as the
            model was trained with.
        progress: called with what is being done and the part that is done.
        watch: called with a file's name and what is known of it, whenever that changes.

    Returns:
        a run with one exhibit "quantized" for each file: path, file_bytes, bits_per_weight and
        the tensors that fell back to another type. With `recipe` a comparison, a run whose first
        model is the source, with one exhibit "recipe" for each size, and speeds where one is asked
        for.

    Raises:
        ModelFileError, ModelKindError: the source cannot be used.
        InputError: a folder cannot be made, a disk is too small, or another file is in the way.
        OptionError: a type or an option is impossible or would do nothing, a type needs an
            importance matrix, or none is so small or so fast; the sensitivity is of something else.
        CorpusError: there are no two documents that differ.
        NumbersError: for a recipe, the source computes logits that are NaN or infinite.
        WorkerError: for a recipe, a process died.

    Examples:
        >>> pyengine.quantize("f16.gguf", to="Q4_K_M,Q8_0", dry_run=True).shown("quantized")
    """
    from pyengine.measure.quantize import quantize_all
    from pyengine.models.file_types import expand_types
    from pyengine.models.options import used_threads
    from pyengine.models.quantize_options import QuantizeOptions
    from pyengine.models.references import resolve_model

    asked = split_commas(to)
    if not asked and not recipe and (to is not None or not dry_run):
        raise OptionError(
            "no file type to quantize to was given (--to); --dry-run without it shows all"
        )
    sizes = [word for word in asked if word[0].isdigit() or word[0] == "."]
    named = [word for word in asked if word not in sizes]
    limits = [_limit(word) for word in sizes]
    types = expand_types(named, has_imatrix=imatrix is not None) if named else []
    options = QuantizeOptions(
        output_type=output_type,
        embedding_type=embedding_type,
        pure=pure,
        overrides=tuple(_split_override(text) for text in words(tensor_type)),
        imatrix=optional_path(imatrix),
        allow_requantize=requantize,
        threads=used_threads(threads),
    )
    choice: dict[str, Any] = {
        "sensitivity": sensitivity,
        "corpus": corpus,
        "tokens": tokens,
        "precision": precision,
        "margin": margin,
        "seed": seed,
        "speed": speed,
        "context": context,
    }
    if recipe:
        return quantize_to_sizes(
            usable_model(source),
            [*types, *limits],
            Path(output_dir),
            options,
            dry_run=dry_run,
            progress=progress,
            watch=watch,
            **choice,
        )
    _refuse_others(choice)
    return quantize_all(
        resolve_model(source),
        None if to is None else types,
        Path(output_dir),
        options=options,
        limits=limits,
        dry_run=dry_run,
        progress=progress,
    )


def _refuse_others(choice: Mapping[str, object]) -> None:
    """Raise OptionError where an option is given that decides nothing without a recipe."""
    known = signature(quantize).parameters
    for name, value in choice.items():
        if value != known[name].default:
            raise OptionError(f"--{name} does nothing without --recipe")


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
