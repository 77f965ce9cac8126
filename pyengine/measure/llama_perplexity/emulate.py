"""Run models as llama-perplexity would, from files to a record: its windows, its scored half.

Every model decodes every chunk once.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pyengine import _core
from pyengine.errors import (
    CorpusError,
    NumbersError,
    OptionError,
    ResultFileError,
    TokenizerError,
    VocabularyMismatchError,
    failure_values,
)
from pyengine.measure.contexts import one_batch
from pyengine.measure.found import (
    beyond_trained,
    fewest_positions,
    fitted,
    variant_failed,
)
from pyengine.measure.llama_perplexity.base_file import (
    BaseHeader,
    Words,
    read_base_file,
    writing_base_file,
)
from pyengine.measure.llama_perplexity.figures import figures, final_estimate
from pyengine.measure.provenance import provenance
from pyengine.models.model import Model, open_model
from pyengine.models.options import ModelOptions, used_threads
from pyengine.models.session import Session
from pyengine.models.settings import Given, ModelSpec
from pyengine.run.record import Exhibit, Note, Run
from pyengine.statistics.rows import pair_statistics
from pyengine.text.documents import Corpus

Losses = npt.NDArray[np.float32]


@dataclass
class Emulated:
    """A variant beside its reference.

    Attributes:
        chunks: for each chunk one record a token, from the reference's coded rows: nll, nll_base,
            kld, p_diff, same_top.
        exact: `pair_statistics` of each chunk, from live logits.
        failure: why it was left out, where its logits are not numbers.
    """

    chunks: list[npt.NDArray[np.void]] = field(default_factory=list)
    exact: list[npt.NDArray[np.void]] = field(default_factory=list)
    failure: NumbersError | None = None


def emulate(
    reference: Given,
    variants: Sequence[Given],
    corpus: Corpus,
    *,
    n_ctx: int,
    max_chunks: int | None,
    base_file: Path | None,
    threads: int | None,
    n_gpu_layers: int,
    progress: Callable[[str, float], object],
) -> Run:
    """Repeat llama-perplexity's base run and its KL run for each variant.

    Returns:
        a run with the exhibits "base-run" (reference, base_file and final_estimate: perplexity and
        its error, null where the base file was read; n_ctx, n_chunks) and "emulation" for each
        variant, see `_exhibit`.

    Args:
        corpus: its documents are joined into one text, as that program takes one file.
        base_file: read where it exists, and checked against the reference; otherwise written
            there. None for none.

    Raises:
        ResultFileError: the base file is damaged, or was made with another context or text.
        VocabularyMismatchError: a model has another vocabulary than the base file.
        CorpusError: the text is too short.
        NumbersError: the reference, or every variant, computes logits that are NaN or infinite.
    """
    text = b"".join(document.content for document in corpus.documents)
    threads = used_threads(threads)
    how = ModelOptions(n_gpu_layers=n_gpu_layers)
    with ExitStack() as stack:
        first, *rest = (ModelSpec.of(given) for given in (reference, *variants))
        model, *others = (
            stack.enter_context(open_model(spec.path, options=spec.opening(how)))
            for spec in (first, *rest)
        )
        positions = fewest_positions(m.n_positions for m in (model, *others))
        n_ctx, notes = fitted(n_ctx, positions)
        base = None
        if base_file is not None and base_file.exists():
            header, base = read_base_file(base_file)
            _check_same_text(base_file, header, model, text, max_chunks, n_ctx)
        else:
            header = chunk_text(model, text, n_ctx, max_chunks)
        new = base_file if base is None else None
        with writing_base_file(new, header) if new else nullcontext(None) as write:
            losses, found = emulate_chunks(
                model,
                others,
                header,
                base=base,
                write=write,
                threads=threads,
                progress=lambda part: progress("decode chunks", part),
            )
        devices = list(model.devices)
        notes += _failures(others, found)
        trained = [(str(m.path), m.n_ctx_train) for m in (model, *others)]
        notes += beyond_trained(trained, n_ctx)
    estimate = None if base is not None else final_estimate(losses)
    content = {
        "reference": str(first),
        "base_file": None if base_file is None else str(base_file),
        "final_estimate": estimate,
        "n_ctx": n_ctx,
        "n_chunks": header.n_chunk,
    }
    exhibits = [Exhibit(kind="base-run", model="", content=content)]
    whole = [pair for pair in zip(rest, found, strict=True) if pair[1].failure is None]
    exhibits += [_exhibit(*pair) for pair in whole]
    return Run(
        command="compare",
        options={"emulate": "llama-perplexity"},
        provenance=provenance(threads=threads, devices=devices),
        models=[],
        exhibits=exhibits,
        notes=notes,
    )


def _failures(variants: Sequence[Model], found: Sequence[Emulated]) -> list[Note]:
    """Note the variants whose logits are not numbers; raise where all are such."""
    failed = [
        (model, emulated.failure)
        for model, emulated in zip(variants, found, strict=True)
        if emulated.failure is not None
    ]
    if len(failed) == len(found):
        raise failed[0][1]
    return [variant_failed(str(m.path), failure_values(error, m.path)) for m, error in failed]


def _check_same_text(
    path: Path, there: BaseHeader, model: Model, text: bytes, max_chunks: int | None, n_ctx: int
) -> None:
    if there.n_ctx != n_ctx:
        raise ResultFileError(
            f"{path}: was made with a context of {there.n_ctx} tokens, not {n_ctx}; "
            f"ask for --context {there.n_ctx} or name another file"
        )
    if there.n_vocab != model.vocabulary.size:
        raise ResultFileError(
            f"{path}: was made with a vocabulary of {there.n_vocab:,} entries; the reference has "
            f"{model.vocabulary.size:,}"
        )
    here = chunk_text(model, text, n_ctx, max_chunks)
    if there.n_chunk != here.n_chunk or not np.array_equal(there.tokens, here.tokens):
        raise ResultFileError(
            f"{path}: holds other tokens ({there.n_chunk} chunks) than this text makes "
            f"({here.n_chunk}); give the text and the number of windows that it was made with"
        )


def _exhibit(spec: ModelSpec, emulated: Emulated) -> Exhibit:
    """Write out one variant.

    Keys: path, chunks and statistics (see `figures`), and from live float32 logits exact_kl (mean,
    nats), exact_ppl_reference (what the base run prints as "Final estimate", and its KL mode does
    not) and exact_log_ppl_ratio (mean of ln P(x) - ln Q(x)).
    """
    exact = np.concatenate(emulated.exact)
    content = {
        "path": str(spec),
        **figures(emulated.chunks),
        "exact_kl": float(np.mean(exact["kl"])),
        "exact_ppl_reference": float(np.exp(-np.mean(exact["log_p_target"]))),
        "exact_log_ppl_ratio": float(np.mean(exact["log_p_target"] - exact["log_q_target"])),
    }
    return Exhibit(kind="emulation", model="", content=content)


def chunk_text(model: Model, text: bytes, n_ctx: int, max_chunks: int | None) -> BaseHeader:
    """Cut a text as llama-perplexity does: one token stream, fixed boundaries, the rest dropped.

    Raises:
        CorpusError: the text is shorter than two windows.
        OptionError: the context is too short.
        TokenizerError: that program refuses the tokenizer.
    """
    if model.vocabulary.add_eos:
        raise TokenizerError(
            f"{model.path}: its tokenizer adds EOS after a text (add_eos_token), with which "
            "llama-perplexity does not run; compare without --emulate"
        )
    if n_ctx < 4:
        raise OptionError(f"a context of {n_ctx} tokens is too short; use at least 4")
    ids = model.vocabulary.tokenize(text, add_special=True)
    if len(ids) < 2 * n_ctx:
        raise CorpusError(
            f"the text makes {len(ids)} tokens; a context of {n_ctx} needs at least {2 * n_ctx}"
        )
    n_chunk = len(ids) // n_ctx
    n_chunk = n_chunk if max_chunks is None else min(n_chunk, max_chunks)
    return BaseHeader(n_ctx, model.vocabulary.size, ids[: n_chunk * n_ctx].reshape(n_chunk, n_ctx))


def rows_of_chunks(
    model: Model, header: BaseHeader, threads: int
) -> Iterator[npt.NDArray[np.float32]]:
    """Yield the logits of each chunk's scored positions, valid until the next chunk."""
    options = one_batch(header.n_ctx, max_rows=header.n_ctx - header.first, threads=threads)
    session = Session(model, options=options)
    bos = model.vocabulary.bos if model.vocabulary.add_bos else None
    # The last position is asked for and dropped, as there: batches of the same shape, same bits.
    positions = np.arange(header.first, header.n_ctx)
    for chunk in header.tokens:
        fed = chunk.copy()
        if bos is not None:
            fed[0] = bos
        for _, rows in session.iterate_rows(fed, positions):
            yield rows[: header.n_scored]


def emulate_chunks(
    reference: Model,
    variants: Sequence[Model],
    header: BaseHeader,
    *,
    base: Words | None = None,
    write: Callable[[Words], None] | None = None,
    threads: int = 1,
    progress: Callable[[float], object] = lambda _: None,
) -> tuple[list[Losses], list[Emulated]]:
    """Let the reference and every variant decode each chunk once, one after another.

    Args:
        base: the coded rows of a base file that the variants are held against; None for the rows
            that the reference has just given, coded alike.
        write: takes the coded rows of a new base file, the same that llama-perplexity writes.

    Returns:
        the reference's losses in each chunk, nats, none where a base file was read; and for each
        variant what was found.

    Raises:
        VocabularyMismatchError: a variant has another vocabulary.
    """
    for variant in variants:
        _check_vocabulary(variant, header)
    losses: list[Losses] = []
    found = [Emulated() for _ in variants]
    streams = [rows_of_chunks(model, header, threads) for model in variants]
    for number, p in enumerate(rows_of_chunks(reference, header, threads)):
        targets = header.tokens[number, header.first + 1 :]
        if base is None:
            coded, lost = _core.encode_kld_rows(p, targets, threads=threads)
            losses.append(lost)
            if write is not None:
                write(coded)
        else:
            coded = np.asarray(base[number])
        for stream, emulated in zip(streams, found, strict=True):
            if emulated.failure is not None:
                continue
            try:
                q = next(stream)
            except NumbersError as error:
                emulated.failure = error
                continue
            compared = _core.compare_kld_rows(q, targets, coded, threads=threads)
            emulated.chunks.append(compared)
            emulated.exact.append(pair_statistics(p, q, targets, threads=threads))
        progress((number + 1) / header.n_chunk)
    return losses, found


def _check_vocabulary(model: Model, header: BaseHeader) -> None:
    if model.vocabulary.size != header.n_vocab or model.n_vocab != header.n_vocab:
        raise VocabularyMismatchError(
            f"{model.path}: has {model.n_vocab:,} entries; the reference's rows have "
            f"{header.n_vocab:,} entries"
        )
