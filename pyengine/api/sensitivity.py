"""`sensitivity`: what a model loses when a group of its tensors is rounded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyengine.api.arguments import (
    Named,
    Names,
    Progress,
    names,
    optional_path,
    silent,
    usable_model,
)

if TYPE_CHECKING:
    from pyengine.run.record import Run


def sensitivity(
    model: Named,
    *,
    at: str = "q4_k",
    groups: int = 14,
    imatrix: Named | None = None,
    corpus: Names = None,
    half: bool = True,
    tokens: int = 1536,
    context: int = 512,
    threads: int | None = None,
    gpu_layers: int = 0,
    seed: int = 20260102,
    progress: Progress = silent,
) -> Run:
    """Measure how far a model moves when some of its tensors are rounded, and all else stays.

    First the tensors of each kind, in all layers; then halves of the layers of what loses most. One
    type is measured, in memory; what others would lose is predicted from the error of the weights.
    What was measured is kept in the user's cache: the same call goes on where a killed one ended.

    Args:
        model: a model of floats: F16, BF16 or F32.
        at: the tensor type to which a group is rounded. A tensor whose rows are no whole blocks of
            it has the type of the nearest size.
        groups: into how many groups the tensors are divided, if there are not more kinds.
        imatrix: importance matrix to quantize with; what needs one is then predicted, too.
        corpus: files or folders of text; None: the shipped programs in twelve languages.
        half: measure on the half of the documents by which recipes choose types; the other one is
            what they are verified on.
        tokens: scored tokens, an equal share of each of twelve documents or more.
        context: tokens in a window.
        threads: CPU threads; None for the cores less one.
        gpu_layers: layers on the GPU; -1 for all.
        seed: of the half, and of the order of documents.
        progress: called with what is being done and the part that is done.

    Returns:
        a run with "kl" (nats per token) and "same_first_choice" by group, such as
        `tensors=attn_q 0-14`, and of all groups at once without one; and an exhibit "tensor-group"
        for each group, with what every type that it can have would lose.

    Raises:
        ModelFileError, ModelKindError: the model or the matrix cannot be used.
        NumbersError: the model computes logits that are NaN or infinite.
        CorpusError: there is nothing to score, or one document, which cannot be halved.
        WorkerError: a process died.
        OptionError: an option is impossible.

    Examples:
        >>> pyengine.sensitivity("f16.gguf").table("kl", rows="tensors", columns="metric")
    """
    from pyengine.measure.sensitivity import SensitivityOptions, measure_sensitivity
    from pyengine.text.documents import load_corpus
    from pyengine.text.halves import halves

    options = SensitivityOptions(
        at=at,
        n_groups=groups,
        imatrix=optional_path(imatrix),
        tokens=tokens,
        n_ctx=context,
        threads=threads,
        n_gpu_layers=gpu_layers,
        seed=seed,
    )
    options.check()
    documents = load_corpus(names(corpus))
    if half:
        documents = halves(documents, seed=seed).choosing
    return measure_sensitivity(usable_model(model), documents, options=options, progress=progress)
