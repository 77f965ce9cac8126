"""`imatrix`: how much each input column of each weight matters, for the quantizer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pyengine.api.arguments import Named, Names, Progress, names, silent, usable_model

if TYPE_CHECKING:
    from pyengine.run.record import Run


def imatrix(
    model: Named,
    *,
    output: Named | None = None,
    corpus: Names = None,
    half: bool = False,
    context: int = 512,
    tokens: int = 100_000,
    process_output: bool = False,
    merge: Names = None,
    threads: int | None = None,
    gpu_layers: int = 0,
    seed: int = 20260102,
    progress: Progress = silent,
) -> Run:
    """Make an importance matrix of a model, as llama-imatrix does, from code or other text.

    The same call goes on where a killed one ended, and keeps a file that it wrote before; another
    file is never overwritten.

    Args:
        model: the model that is to be quantized, best in F16, BF16 or F32.
        output: the file; None for NAME-imatrix.gguf here.
        corpus: files or folders of text; None: the shipped programs in twelve languages.
        half: take the half of the documents by which `sensitivity` and recipes choose: files are
            then verified on documents that the matrix knows nothing of.
        context: tokens of a context, decoded from an empty memory.
        tokens: tokens at most; of a longer text contexts at equal distances are taken. 0 for no
            limit.
        process_output: cover the output layer, too, also where it is the embedding (tied), which
            llama-imatrix never covers.
        merge: earlier matrices of this model, to whose sums these are added.
        threads: CPU threads; None for the cores less one.
        gpu_layers: layers on the GPU; -1 for all.
        seed: of the place of the first context, where not all are taken, and of the half.
        progress: called with what is being done and the part that is done.

    Returns:
        a run with the exhibits "imatrix" (the file), "covered" (weights, and tokens of each
        expert) and "not-covered" (weights, and why).

    Raises:
        ModelFileError, ModelKindError: the model or an earlier matrix cannot be used.
        NumbersError: the model computes activations that are NaN or infinite.
        CorpusError: there is less text than one context.
        InputError: the file cannot be written, or another one is there.
        OptionError: an option is impossible.

    Examples:
        >>> pyengine.imatrix("f16.gguf", corpus="src/", tokens=50_000).shown("not-covered")
    """
    from pyengine.measure.imatrix import ImatrixOptions, make_imatrix
    from pyengine.measure.quantize import variant_path
    from pyengine.text.documents import load_corpus
    from pyengine.text.halves import halves

    options = ImatrixOptions(
        n_ctx=context,
        max_tokens=tokens or None,
        process_output=process_output,
        merged=tuple(Path(path) for path in names(merge)),
        seed=seed,
        threads=threads,
        n_gpu_layers=gpu_layers,
    )
    options.check()
    documents = load_corpus(names(corpus))
    if half:
        documents = halves(documents, seed=seed).choosing
    source = usable_model(model)
    target = variant_path(source, Path(), "imatrix") if output is None else Path(output)
    return make_imatrix(source, documents, target, options=options, progress=progress)
