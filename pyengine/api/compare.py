"""`compare`: what compression, distillation or fine-tuning did, and how sure we are."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from typing import TYPE_CHECKING, Any, Literal

from pyengine.api.arguments import (
    MIB,
    Named,
    Names,
    Progress,
    names,
    optional_path,
    silent,
    texts_of,
    usable_spec,
    usable_specs,
    window_length,
)
from pyengine.errors import OptionError

if TYPE_CHECKING:
    from pyengine.measure.options import Axis
    from pyengine.measure.racing import Watch
    from pyengine.run.record import Run

# What the emulation knows; whatever else is asked for with it would be ignored.
EMULATION = frozenset(
    {
        *("reference", "variants", "corpus", "emulate", "base_file"),
        *("context", "windows", "threads", "gpu_layers", "progress", "watch"),
    }
)


def compare(
    reference: Named,
    variants: Names,
    *,
    corpus: Names = None,
    chat: Names = None,
    starts: bool = True,
    text: bool = True,
    document_tokens: int = 128,
    context: int | None = None,
    stride: int | None = None,
    windows: int | None = None,
    by_position: bool = False,
    tokens: int = 100_000,
    precision: float = 0.2,
    margin: float = 0.1,
    axis: Axis = "auto",
    positions: int = 10,
    passages: int = 3,
    continuations: int = 12,
    memory_cap: int = 512,
    one_at_a_time: bool = False,
    save_logits: Named | None = None,
    emulate: Literal["llama-perplexity"] | None = None,
    base_file: Named | None = None,
    threads: int | None = None,
    gpu_layers: int = 0,
    seed: int = 20260102,
    progress: Progress = silent,
    watch: Watch | None = None,
) -> Run:
    """Measure how far variants are from a reference, over whole next-token distributions.

    KL divergence with clustered errors, by language, confidence and syntax, and of every file
    from itself; bits per byte and keywords as strings where vocabularies differ.

    Args:
        reference: the model that the others are held against.
        variants: one or several models, or folders of them.
        corpus: files or folders of text; None: the shipped programs in twelve languages.
        chat: files of conversations, one in each line, in the shape of OpenAI's messages; in
            place of a corpus, rendered by the reference's template and scored where the assistant
            speaks.
        starts: measure cold and warm starts.
        text: measure over the corpus.
        document_tokens: scored tokens of each document at most, from a place that the seed draws,
            after 28 that are not scored; 0 for whole documents, window after window.
        context: tokens in a window; None for 512, and for 4,096 with conversations.
        stride: tokens from window to window; None for half of them.
        windows: stop after so many windows.
        by_position: join documents into texts as long as `context`, and say how far variants are
            at every depth of it; nothing stops early.
        tokens: scored tokens of a variant at most; 0 for no limit.
        precision: a variant stops when its mean KL divergence is known to this part of it, and it
            is told apart from its neighbours in size or within `margin` of them, never before 12
            documents; 0 to score all tokens.
        margin: part by which the divergences of two variants may differ and be alike: 0.1 for
            10 %.
        axis: what separates the variants: "auto" reads it from the files; "quantization",
            "fine-tuning", "scaling", "identical".
        positions, passages: positions, and passages, of largest divergence to keep.
        continuations: documents to continue greedily.
        memory_cap: MiB for the rows of logits of a chunk, float32 (rows, n_vocab).
        one_at_a_time: hold one model in memory at a time: each is opened anew for every chunk.
        save_logits: a folder for all rows: 4 bytes times n_vocab for each token and model; all of
            the text is measured, whatever `precision` says.
        emulate: "llama-perplexity" repeats that program's windows, clipping and formulas.
        base_file: its base file; read when it exists, else written.
        threads: CPU threads; None for the cores less one.
        gpu_layers: layers on the GPU; -1 for all.
        seed: of the order of documents and of resampling.
        progress: called with what is being done and the part that is done.
        watch: called with a model's name and what is known of it, whenever that changes.

    Returns:
        a run whose first model is the reference. Divergences and entropies are nats per token,
        probabilities and shares lie between 0 and 1.

    Raises:
        ModelFileError, ModelKindError: a model cannot be used.
        NumbersError: the reference, or every variant, computes logits that are NaN or infinite.
        WorkerError: the reference's process died, or that of every variant.
        CorpusError: there is nothing to score.
        OptionError: an option is impossible, or does not go with emulate.

    Examples:
        >>> pyengine.compare("f16.gguf", ["Q4_K_M.gguf", "Q8_0.gguf"], corpus="src/").table("kl")
    """
    given = locals()
    from pyengine.measure.compare import compare as measure
    from pyengine.measure.llama_perplexity.emulate import emulate as emulated
    from pyengine.measure.options import CompareOptions
    from pyengine.measure.racing import unwatched
    from pyengine.text.documents import load_corpus
    from pyengine.text.windows import WindowOptions

    if emulate is not None:
        refuse_others(given)
        return emulated(
            usable_spec(reference),
            usable_specs(variants),
            load_corpus(names(corpus)),
            n_ctx=window_length(context, chat),
            max_chunks=windows,
            base_file=optional_path(base_file),
            threads=threads,
            n_gpu_layers=gpu_layers,
            progress=progress,
        )
    if base_file is not None:
        raise OptionError("--base-file belongs to --emulate llama-perplexity")
    if by_position and chat is not None:
        raise OptionError("--by-position joins documents, and --chat gives conversations")
    options = CompareOptions(
        windows=WindowOptions(
            n_ctx=window_length(context, chat),
            stride=stride,
            document_tokens=None if by_position else document_tokens or None,
            max_windows=windows,
            max_tokens=tokens or None,
            by_position=by_position,
        ),
        cap_bytes=memory_cap * MIB,
        keep_open=not one_at_a_time,
        threads=threads,
        n_gpu_layers=gpu_layers,
        corpus=text,
        starts=starts,
        positions=positions,
        passages=passages,
        continuations=continuations,
        margin=margin,
        precision=0 if by_position else precision,
        axis=axis,
        seed=seed,
    )
    options.check()
    texts = texts_of(corpus, chat)
    return measure(
        usable_spec(reference),
        usable_specs(variants),
        corpus=texts,
        options=options,
        save_logits=save_logits,
        progress=progress,
        watch=watch or unwatched,
    )


def refuse_others(given: Mapping[str, Any]) -> None:
    """Raise OptionError where an argument is not its default that the emulation does not have.

    Args:
        given: by the name of the argument. One that `compare` does not have has the default None,
            or False.
    """
    known = signature(compare).parameters
    for name, value in given.items():
        unset = [known[name].default] if name in known else [None, False]
        if name not in EMULATION and value not in unset:
            option = name.replace("_", "-")
            raise OptionError(f"--{option} does not go with --emulate, which repeats one program")
