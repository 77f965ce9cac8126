"""The whole emulation, from files to a record: every model decodes every chunk once."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path

import numpy as np

from pyengine.errors import ResultFileError
from pyengine.measure.limits import fewest_positions, fitted
from pyengine.measure.llama_perplexity.base_file import read_base_file, writing_base_file
from pyengine.measure.llama_perplexity.emulate import Emulated, chunk_text, emulate_chunks
from pyengine.measure.llama_perplexity.printed import print_comparison, print_final_estimate
from pyengine.measure.provenance import provenance
from pyengine.models.model import Model, open_model
from pyengine.models.options import ModelOptions
from pyengine.models.session import default_threads
from pyengine.run.record import Exhibit, Note, Run
from pyengine.text.documents import Corpus

Progress = Callable[[str, float], object]


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
) -> Run:
    """Repeat llama-perplexity's base run and its KL run for each variant.

    Returns:
        a run with the exhibits "base-run" (reference, base_file and final_estimate: what the base
        run printed, null where it was read; n_ctx, n_chunks) and "emulation" for each variant, see
        `_exhibit`.

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
    threads = threads or default_threads()
    how = ModelOptions(n_gpu_layers=n_gpu_layers)
    with ExitStack() as stack:
        model = stack.enter_context(open_model(reference, options=how))
        others = [stack.enter_context(open_model(path, options=how)) for path in variants]
        positions = fewest_positions(m.n_positions for m in (model, *others))
        n_ctx, notes = fitted(n_ctx, positions)
        base = None
        if base_file is not None and base_file.exists():
            _check_same_text(base_file, model, text, n_ctx, max_chunks)
            base = read_base_file(base_file)
        header = base.header if base else chunk_text(model, text, n_ctx, max_chunks)
        new = base_file if base is None else None
        with writing_base_file(new, header) if new else nullcontext(None) as writer:
            run, found = emulate_chunks(
                model,
                others,
                header,
                base=base,
                writer=writer,
                threads=threads,
                progress=lambda part: progress("decode chunks", part),
            )
        devices = list(model.devices)
        notes += _notes([model, *others], n_ctx, found)
    estimate = None if base else print_final_estimate(run.nll, run.nll2, run.n)
    content = {
        "reference": str(reference),
        "base_file": None if base_file is None else str(base_file),
        "final_estimate": estimate,
        "n_ctx": n_ctx,
        "n_chunks": header.n_chunk,
    }
    exhibits = [Exhibit(kind="base-run", model="", content=content)]
    whole = [pair for pair in zip(variants, found, strict=True) if pair[1].failure is None]
    exhibits += [_exhibit(*pair) for pair in whole]
    return Run(
        command="compare",
        options={"emulate": "llama-perplexity"},
        provenance=provenance(threads=threads, devices=devices),
        models=[],
        exhibits=exhibits,
        notes=notes,
    )


def _notes(models: Sequence[Model], n_ctx: int, found: Sequence[Emulated]) -> list[Note]:
    """Note models that failed or got more positions than they were trained with.

    Raises:
        NumbersError: of every variant the logits are not numbers.
    """
    failures = [emulated.failure for emulated in found if emulated.failure is not None]
    if len(failures) == len(found):
        raise failures[0]
    notes = [
        Note(
            code="variant-failed",
            model=str(model.path),
            values={
                "reason": str(emulated.failure).removeprefix(f"{model.path}: "),
                "chunk": "open",
            },
        )
        for model, emulated in zip(models[1:], found, strict=True)
        if emulated.failure is not None
    ]
    notes += [
        Note(
            code="beyond-trained-context",
            model=str(model.path),
            values={"positions": n_ctx, "trained": model.n_ctx_train},
        )
        for model in models
        if 0 < model.n_ctx_train < n_ctx
    ]
    return notes


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


def _exhibit(path: Path, emulated: Emulated) -> Exhibit:
    """Write out one variant.

    Keys: path, printed (what llama-perplexity prints, from the chunk table on), and from live
    float32 logits exact_kl (mean, nats), exact_ppl_reference (what the base run prints as "Final
    estimate", and its KL mode does not) and exact_log_ppl_ratio (mean of ln P(x) - ln Q(x)).
    """
    exact = np.concatenate(emulated.exact)
    content = {
        "path": str(path),
        "printed": print_comparison(emulated.chunks),
        "exact_kl": float(np.mean(exact["kl"])),
        "exact_ppl_reference": float(np.exp(-np.mean(exact["log_p_target"]))),
        "exact_log_ppl_ratio": float(np.mean(exact["log_p_target"] - exact["log_q_target"])),
    }
    return Exhibit(kind="emulation", model="", content=content)
