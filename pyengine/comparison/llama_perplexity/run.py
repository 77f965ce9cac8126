"""The whole emulation, from files to a record: the base file once, then every variant."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from pyengine.comparison.llama_perplexity.base_file import BaseFile, read_base_file
from pyengine.comparison.llama_perplexity.emulate import (
    chunk_text,
    compare_exactly,
    compare_with_base,
    write_base,
)
from pyengine.comparison.llama_perplexity.printed import print_comparison, print_final_estimate
from pyengine.corpus import Corpus
from pyengine.engine.model import Model, open_model
from pyengine.engine.options import ModelOptions
from pyengine.engine.session import default_threads
from pyengine.errors import NumbersError, ResultFileError
from pyengine.files import temporary_folder
from pyengine.results import Note, Record, Result, context_notes, failed, fitted, provenance

Progress = Callable[[str, float], None]


class EmulatedVariant(Record):
    """One variant.

    Attributes:
        path: the file.
        printed: what llama-perplexity prints, from the chunk table on.
        exact_kl: mean KL divergence from live float32 logits, in nats.
        exact_ppl_reference: perplexity of the reference from live logits: what the base run prints
            as "Final estimate", and its KL mode does not.
        exact_log_ppl_ratio: mean of ln P(target) - ln Q(target).
    """

    path: str
    printed: str
    exact_kl: float
    exact_ppl_reference: float
    exact_log_ppl_ratio: float


class EmulationResult(Result):
    """What llama-perplexity would have printed, with the exact values beside it."""

    kind: Literal["compare-emulation"] = "compare-emulation"
    reference: str
    base_file: str | None
    final_estimate: str | None
    n_ctx: int
    n_chunks: int
    variants: list[EmulatedVariant]


def emulate(
    reference: Path,
    variants: Sequence[Path],
    corpus: Corpus,
    *,
    n_ctx: int,
    max_chunks: int | None,
    base_file: Path | None,
    threads: int | None,
    n_gpu_layers: int,
    progress: Progress,
) -> EmulationResult:
    """Repeat llama-perplexity's base run and its KL run for each variant.

    Args:
        corpus: its documents are joined into one text, as that program takes one file.
        base_file: read where it exists, and checked against the reference; otherwise written
            there. None for a temporary one.

    Raises:
        ResultFileError: the base file is damaged, or was made with another context or text.
        VocabularyMismatchError: a model has another vocabulary than the base file.
        CorpusError: the text is too short.
        NumbersError: the reference, or every variant, computes logits that are NaN or infinite.
    """
    text = b"".join(document.content for document in corpus.documents)
    threads = threads or default_threads()
    how = ModelOptions(n_gpu_layers=n_gpu_layers)
    with open_model(reference, options=how) as model, temporary_folder() as folder:
        n_ctx, notes = fitted(n_ctx, model.n_positions)
        path = base_file or folder / "base.kld"
        estimate = None
        if path.exists():
            _check_same_text(path, model, text, n_ctx, max_chunks)
        else:
            run = write_base(
                model,
                text,
                path,
                n_ctx=n_ctx,
                max_chunks=max_chunks,
                threads=threads,
                progress=lambda part: progress("write the base file", part),
            )
            estimate = print_final_estimate(run.nll, run.nll2, run.n)
        base = read_base_file(path)
        found: list[EmulatedVariant] = []
        failures: list[NumbersError] = []
        for variant in variants:
            try:
                found.append(_variant(model, variant, base, how, threads, progress, notes))
            except NumbersError as error:
                if error.path == str(reference):
                    raise
                failures.append(error)
        if not found:
            raise failures[0]
        notes += map(failed, failures)
        notes += context_notes(model)
        return EmulationResult(
            notes=notes,
            provenance=provenance(threads=threads, devices=model.devices),
            reference=str(reference),
            base_file=None if base_file is None else str(base_file),
            final_estimate=estimate,
            n_ctx=n_ctx,
            n_chunks=base.header.n_chunk,
            variants=found,
        )


def _check_same_text(
    path: Path, model: Model, text: bytes, n_ctx: int, max_chunks: int | None
) -> None:
    there = read_base_file(path).header
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


def _variant(
    reference: Model,
    path: Path,
    base: BaseFile,
    how: ModelOptions,
    threads: int,
    progress: Progress,
    notes: list[Note],
) -> EmulatedVariant:
    with open_model(path, options=how) as model:
        emulated = compare_with_base(
            model,
            base,
            threads=threads,
            progress=lambda part: progress(f"compare {path.name}", part),
        )
        exact = compare_exactly(reference, model, base.header, threads=threads)
        notes += context_notes(model)
    return EmulatedVariant(
        path=str(path),
        printed=print_comparison(emulated.chunks),
        exact_kl=float(np.mean(exact["kl"])),
        exact_ppl_reference=float(np.exp(-np.mean(exact["log_p_target"]))),
        exact_log_ppl_ratio=float(np.mean(exact["log_p_target"] - exact["log_q_target"])),
    )
