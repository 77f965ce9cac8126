"""Make an importance matrix: from a model and documents to a file and a run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import pyengine
from pyengine import _core
from pyengine.errors import OptionError
from pyengine.measure.contexts import one_batch
from pyengine.measure.documents import measured_of
from pyengine.measure.found import Finding, beyond_trained, by_kind, documents_left_out, fitted
from pyengine.measure.importance_coverage import coverage
from pyengine.measure.models import model_info, variant_ids
from pyengine.measure.provenance import provenance
from pyengine.models.gguf import parts_sha256, read_tensor_table
from pyengine.models.imatrix import ImatrixFile, check_fits
from pyengine.models.model import Model, open_model
from pyengine.models.options import ModelOptions, used_threads
from pyengine.models.session import Session
from pyengine.run.record import Exhibit, Population, Run
from pyengine.text.documents import Corpus
from pyengine.text.stream import Ids, StreamContexts, stream_contexts

# Products of fewer tokens are left out, here as in llama-imatrix.
LEAST_CONTEXT = 16

Progress = Callable[[str, float], object]


@dataclass(frozen=True, kw_only=True)
class ImatrixOptions:
    """How a matrix is made.

    Attributes:
        n_ctx: tokens of a context.
        max_tokens: tokens at most, of contexts at equal distances; None for all.
        process_output: follow the output layer, too, also where it is the embedding.
        merged: matrices to which the sums are added.
        seed: of the place of the first context, where not all are taken.
        threads: CPU threads; None for the cores less one.
        n_gpu_layers: layers on the GPU; negative for all.
    """

    n_ctx: int = 512
    max_tokens: int | None = 100_000
    process_output: bool = False
    merged: tuple[Path, ...] = ()
    seed: int = 20260102
    threads: int | None = None
    n_gpu_layers: int = 0

    def check(self) -> None:
        """Raise OptionError for an impossible value."""
        if self.n_ctx < LEAST_CONTEXT:
            raise OptionError(
                f"a context of {self.n_ctx} tokens is too short; use at least {LEAST_CONTEXT}"
            )
        if self.max_tokens is not None and self.max_tokens < self.n_ctx:
            raise OptionError(
                f"{self.max_tokens} tokens are no whole context of {self.n_ctx}; use more --tokens "
                "or a smaller --context"
            )


def make_imatrix(
    source: Path, corpus: Corpus, target: Path, *, options: ImatrixOptions, progress: Progress
) -> Run:
    """Sum the squared activations of a model over a corpus, and write them as a file.

    The file is written when all is summed. Until then the sums are kept beside it, in NAME.part:
    the same call goes on from there. A file that the same call wrote is kept.

    Returns:
        a run with the exhibits of `coverage` and "imatrix", see `_content`.

    Raises:
        ModelFileError, ModelKindError: the model or a matrix cannot be used.
        NumbersError: activations are NaN or infinite.
        CorpusError: there is less text than one context.
        InputError: the file cannot be written, or another one is there.
        OptionError: an option is impossible.
    """
    options.check()
    tensors = read_tensor_table(source)
    merged = [_merged(path, check_fits(path, tensors, source)) for path in options.merged]
    threads = used_threads(options.threads)
    how = ModelOptions(n_gpu_layers=options.n_gpu_layers)
    with open_model(source, options=how, progress=partial(progress, "open the model")) as model:
        n_ctx, notes = fitted(options.n_ctx, model.n_positions)
        contexts = stream_contexts(
            corpus,
            model.vocabulary,
            n_ctx=n_ctx,
            max_tokens=options.max_tokens,
            seed=options.seed,
        )
        file = ImatrixFile(
            target=target,
            settings=_settings(model, corpus, options, merged),
            model=model.sha256,
            corpus="" if merged else corpus.sha256,
            n_ctx=n_ctx,
            dataset=corpus.origin,
            collector=_core.ImportanceCollector(with_output=options.process_output),
        )
        file.resume(options.merged)
        reused = file.whole
        if not reused:
            _collect(model, contexts.ids, file, threads, progress)
            file.finish()
        (name,) = variant_ids([source])
        content = _content(file, options, merged, n_contexts=len(contexts.ids), reused=reused)
        found: list[Finding] = [Exhibit(kind="imatrix", model=name, content=content)]
        found += coverage(name, file.counted(), tensors)
        found += [*notes, *documents_left_out(contexts.refused)]
        found += beyond_trained([(name, model.n_ctx_train)], n_ctx)
        info = model_info(name, model).model_copy(update={"sha256": model.sha256})
        return Run(
            command="imatrix",
            provenance=provenance(threads=threads, devices=model.devices, seed=options.seed),
            models=[info],
            population=_population(corpus, contexts, options.seed),
            **by_kind(found),
        )


def _collect(
    model: Model, contexts: Ids, file: ImatrixFile, threads: int, progress: Progress
) -> None:
    """Decode the contexts that are left, one after the other."""
    n_contexts, n_ctx = contexts.shape
    # Rows of logits are asked for everywhere: without, the last layer computes fewer tokens.
    every = np.ones(n_ctx, dtype=np.bool_)
    session = Session(
        model,
        options=one_batch(n_ctx, max_rows=n_ctx, threads=threads),
        collector=file.collector,
    )
    progress("sum activations", file.n_contexts / n_contexts)
    for ids in contexts[file.n_contexts :]:
        session.context.clear()
        session.decode(ids, np.arange(n_ctx), [[0]] * n_ctx, every)
        file.keep()
        progress("sum activations", file.n_contexts / n_contexts)


def _settings(
    model: Model, corpus: Corpus, options: ImatrixOptions, merged: Sequence[dict[str, Any]]
) -> str:
    """Return a SHA-256 of all that decides the sums but rounding."""
    told = asdict(options)
    for name in ("threads", "n_gpu_layers"):
        del told[name]
    told |= {
        "merged": [one["sha256"] for one in merged],
        "model": model.sha256,
        "corpus": corpus.sha256,
        "pyengine": pyengine.__version__,
        "llama_cpp": _core.llama_version(),
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _merged(path: Path, counted: Sequence[object]) -> dict[str, Any]:
    return {"path": str(path), "sha256": parts_sha256([path]), "entries": len(counted)}


def _content(
    file: ImatrixFile,
    options: ImatrixOptions,
    merged: list[dict[str, Any]],
    *,
    n_contexts: int,
    reused: bool,
) -> dict[str, Any]:
    """Describe the file.

    Keys: path, sha256 and file_bytes; n_contexts and n_ctx of this run, process_output, reused (an
    earlier call wrote it), merged: of each matrix that was added to path, sha256 and entries.
    """
    return {
        "path": str(file.target),
        "sha256": parts_sha256([file.target]),
        "file_bytes": file.target.stat().st_size,
        "n_contexts": n_contexts,
        "n_ctx": file.n_ctx,
        "process_output": options.process_output,
        "reused": reused,
        "merged": merged,
    }


def _population(corpus: Corpus, contexts: StreamContexts, seed: int) -> Population:
    n_contexts, n_ctx = contexts.ids.shape
    return Population(
        **measured_of(corpus, contexts.documents),
        n_windows=n_contexts,
        n_tokens=n_contexts * n_ctx,
        document_tokens=0,
        lead=0,
        n_ctx=n_ctx,
        stride=n_ctx,
        prefix=[],
        seed=seed,
    )
