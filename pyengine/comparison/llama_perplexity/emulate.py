"""Run a model as llama-perplexity would: its windows, its start tokens, its scored half."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pyengine.comparison.llama_perplexity.base_file import (
    BaseFile,
    BaseHeader,
    writing_base_file,
)
from pyengine.engine.model import Model
from pyengine.engine.options import SessionOptions
from pyengine.engine.session import Session
from pyengine.errors import (
    CorpusError,
    OptionError,
    TokenizerError,
    VocabularyMismatchError,
)
from pyengine.statistics import pair_statistics
from pyengine.statistics.base_rows import compare_base_rows, encode_base_rows

Progress = Callable[[float], None]


def _silent(fraction: float) -> None:
    pass


@dataclass(frozen=True)
class Emulation:
    """A variant against a base file.

    Attributes:
        chunks: for each chunk one record a token: nll, nll_base, kld, p_diff, same_top.
    """

    chunks: list[npt.NDArray[np.void]]


@dataclass(frozen=True)
class BaseRun:
    """Sums of the run that wrote a base file, over n tokens."""

    header: BaseHeader
    nll: float
    nll2: float
    n: int


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


def write_base(
    model: Model,
    text: bytes,
    path: str | Path,
    *,
    n_ctx: int = 512,
    max_chunks: int | None = None,
    threads: int = 1,
    progress: Progress = _silent,
) -> BaseRun:
    """Write a base file, the same bytes that llama-perplexity writes."""
    header = chunk_text(model, text, n_ctx, max_chunks)
    nll = nll2 = 0.0
    with writing_base_file(path, header) as writer:
        for number, rows in enumerate(rows_of_chunks(model, header, threads)):
            targets = targets_of(header, number)
            coded, losses = encode_base_rows(rows, targets, threads=threads)
            writer.write(coded)
            loss = losses.astype(np.float64)
            nll += float(loss.sum())
            nll2 += float((loss * loss).sum())
            progress((number + 1) / header.n_chunk)
    return BaseRun(header, nll, nll2, header.n_chunk * header.n_scored)


def compare_with_base(
    model: Model, base: BaseFile, *, threads: int = 1, progress: Progress = _silent
) -> Emulation:
    """Compare a model with a base file.

    Raises:
        VocabularyMismatchError: the file was made with another vocabulary.
    """
    header = base.header
    if model.vocabulary.size != header.n_vocab or model.n_vocab != header.n_vocab:
        raise VocabularyMismatchError(
            f"{base.path}: was made with {header.n_vocab:,} entries; {model.path} has "
            f"{model.n_vocab:,}"
        )
    chunks = []
    for number, rows in enumerate(rows_of_chunks(model, header, threads)):
        targets = targets_of(header, number)
        chunks.append(compare_base_rows(rows, targets, base.chunk(number), threads=threads))
        progress((number + 1) / header.n_chunk)
    return Emulation(chunks)


def compare_exactly(
    reference: Model, variant: Model, header: BaseHeader, *, threads: int = 1
) -> npt.NDArray[np.void]:
    """Return `pair_statistics` of both models at the same positions, from live logits."""
    found = []
    pairs = zip(
        rows_of_chunks(reference, header, threads),
        rows_of_chunks(variant, header, threads),
        strict=True,
    )
    for number, (p, q) in enumerate(pairs):
        found.append(pair_statistics(p, q, targets_of(header, number), threads=threads))
    return np.concatenate(found)
