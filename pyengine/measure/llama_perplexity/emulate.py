"""Run a model as llama-perplexity would: its windows, its start tokens, its scored half."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pyengine.errors import (
    CorpusError,
    NumbersError,
    OptionError,
    TokenizerError,
    VocabularyMismatchError,
)
from pyengine.measure.llama_perplexity.base_file import BaseFile, BaseHeader, BaseWriter
from pyengine.models.model import Model
from pyengine.models.options import SessionOptions
from pyengine.models.session import Session
from pyengine.statistics.base_rows import compare_base_rows, encode_base_rows
from pyengine.statistics.rows import pair_statistics

Progress = Callable[[float], object]


def _silent(fraction: float) -> None:
    pass


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


@dataclass
class BaseRun:
    """Sums of the losses of the reference over n tokens, as the base run prints them."""

    nll: float = 0.0
    nll2: float = 0.0
    n: int = 0

    def add(self, losses: npt.NDArray[np.float32]) -> None:
        """Add the losses of a chunk, nats."""
        loss = losses.astype(np.float64)
        self.nll += float(loss.sum())
        self.nll2 += float((loss * loss).sum())
        self.n += len(loss)


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
    options = SessionOptions(
        n_ctx=header.n_ctx,
        n_batch=header.n_ctx,
        n_ubatch=min(512, header.n_ctx),
        max_rows=header.n_ctx - header.first,
        threads=threads,
    )
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


def targets_of(header: BaseHeader, chunk: int) -> npt.NDArray[np.int32]:
    """Return the tokens that followed each scored position."""
    return header.tokens[chunk, header.first + 1 :]


def emulate_chunks(
    reference: Model,
    variants: Sequence[Model],
    header: BaseHeader,
    *,
    base: BaseFile | None = None,
    writer: BaseWriter | None = None,
    threads: int = 1,
    progress: Progress = _silent,
) -> tuple[BaseRun, list[Emulated]]:
    """Let the reference and every variant decode each chunk once, one after another.

    Args:
        base: a base file whose rows the variants are held against; None for the rows that the
            reference has just given, coded alike.
        writer: of a new base file, the same bytes that llama-perplexity writes.

    Returns:
        the sums of the base run, of nothing where a base file was read; and for each variant what
        was found.

    Raises:
        VocabularyMismatchError: a variant has another vocabulary.
    """
    for variant in variants:
        _check_vocabulary(variant, header)
    run, found = BaseRun(), [Emulated() for _ in variants]
    streams = [rows_of_chunks(model, header, threads) for model in variants]
    for number, p in enumerate(rows_of_chunks(reference, header, threads)):
        targets = targets_of(header, number)
        if base is None:
            coded, losses = encode_base_rows(p, targets, threads=threads)
            run.add(losses)
            if writer is not None:
                writer.write(coded)
        else:
            coded = base.chunk(number)
        for stream, emulated in zip(streams, found, strict=True):
            if emulated.failure is not None:
                continue
            try:
                q = next(stream)
            except NumbersError as error:
                emulated.failure = error
                continue
            emulated.chunks.append(compare_base_rows(q, targets, coded, threads=threads))
            emulated.exact.append(pair_statistics(p, q, targets, threads=threads))
        progress((number + 1) / header.n_chunk)
    return run, found


def _check_vocabulary(model: Model, header: BaseHeader) -> None:
    if model.vocabulary.size != header.n_vocab or model.n_vocab != header.n_vocab:
        raise VocabularyMismatchError(
            f"{model.path}: has {model.n_vocab:,} entries; the reference's rows have "
            f"{header.n_vocab:,} entries"
        )
