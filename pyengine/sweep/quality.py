"""Measure one variant against the reference: per-token numbers over a corpus, and a cold start."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from pyengine.comparison.options import WindowOptions
from pyengine.comparison.passes import Reduction, live_window
from pyengine.comparison.records import Choice
from pyengine.comparison.setting import document_prefix
from pyengine.comparison.starts import keyword_sets, top_choices
from pyengine.comparison.subjects import padding_ids
from pyengine.comparison.texts import TokenizedText, tokenize
from pyengine.comparison.tokens import token_table
from pyengine.comparison.windows import Window, cut_windows
from pyengine.corpus import load_corpus
from pyengine.engine.model import Model, Vocabulary, open_model
from pyengine.engine.options import ModelOptions, SessionOptions
from pyengine.engine.session import Session
from pyengine.engine.vocabulary_hash import vocabulary_sha256
from pyengine.errors import CorpusError, VocabularyMismatchError
from pyengine.probes.starts import natural_start
from pyengine.sweep.tasks import QualityTask
from pyengine.sweep.token_numbers import NOT_PARSED, TokenNumbers
from pyengine.vocabulary.keywords import load_tables


@dataclass(frozen=True)
class Quality:
    """What one comparison gives. Masses are those of the cold start."""

    tokens: TokenNumbers
    n_documents: int
    start_ids: tuple[int, ...]
    prefix: tuple[int, ...]
    keyword_mass: tuple[float, float]
    keyword_masses: Mapping[str, tuple[float, float]]
    cold_top: tuple[Choice, ...]
    devices: tuple[str, ...]
    longest_context: int
    n_ctx_train: int


def measure_quality(task: QualityTask) -> Quality:
    """Open both models, decode the corpus with both side by side, and compare row by row.

    Raises:
        VocabularyMismatchError: the models do not share their vocabulary.
        CorpusError: the corpus is not the one that the task names, or holds nothing to score.
        NumbersError: a model computes logits that are not numbers.
    """
    options = ModelOptions(n_gpu_layers=task.n_gpu_layers)
    with ExitStack() as stack:
        reference = stack.enter_context(open_model(task.reference, options=options))
        variant = stack.enter_context(open_model(task.variant, options=options))
        _check_vocabularies(reference, variant)
        sessions = [
            Session(reference, options=_session_options(task, task.n_ctx, task.threads)),
            Session(variant, options=_session_options(task, task.n_ubatch, task.variant_threads)),
        ]
        documents = _documents(task, reference.vocabulary)
        start = natural_start(reference).ids
        window_options = WindowOptions(
            n_ctx=task.n_ctx, stride=task.stride, max_tokens=task.max_tokens
        )
        prefix = document_prefix(reference)
        windows = cut_windows(documents, prefix, window_options, seed=task.seed)
        tokens = _token_numbers(sessions, documents, windows, task.threads)
        rows = [session.logits(start) for session in sessions]
        masses = keyword_masses(reference.vocabulary, rows)
        return Quality(
            tokens=tokens,
            n_documents=len(np.unique(tokens.document)),
            start_ids=start,
            prefix=tuple(prefix),
            keyword_mass=masses.pop("all"),
            keyword_masses=masses,
            cold_top=tuple(top_choices(rows[1], reference.vocabulary)),
            devices=tuple(variant.devices),
            longest_context=variant.longest_context,
            n_ctx_train=variant.n_ctx_train,
        )


def keyword_masses(
    vocabulary: Vocabulary, rows: Sequence[npt.NDArray[np.float32]]
) -> dict[str, tuple[float, float]]:
    """Return, for each language and for "all", the keywords' probability in both rows.

    The tokens are those of `compare`: words as written, bare or after a space, newline or tab.
    """
    padding = padding_ids(vocabulary, len(rows[0]))
    sets = keyword_sets(vocabulary, padding)
    sets["all"] = np.unique(np.concatenate(list(sets.values())))
    first, second = (_probabilities(row, padding) for row in rows)
    return {name: (float(first[ids].sum()), float(second[ids].sum())) for name, ids in sets.items()}


@cache
def keyword_text() -> str:
    """Return all keywords of all languages, and which of their tokens count, for a hash."""
    tables = load_tables()
    words = (f"{name}: {' '.join(table.words())}" for name, table in tables.items())
    return "\n".join(["bare, space, newline, tab; padding masked", *words])


def _probabilities(
    row: npt.NDArray[np.float32], padding: npt.NDArray[np.int32]
) -> npt.NDArray[np.float64]:
    logits = row.astype(np.float64)
    logits[padding] = -np.inf
    probabilities: npt.NDArray[np.float64] = softmax(logits)
    return probabilities


def _session_options(task: QualityTask, n_ubatch: int, threads: int) -> SessionOptions:
    return SessionOptions(
        n_ctx=task.n_ctx,
        n_batch=task.n_ctx,
        n_ubatch=n_ubatch,
        max_rows=task.n_ctx,
        threads=threads,
    )


def _check_vocabularies(reference: Model, variant: Model) -> None:
    if vocabulary_sha256(reference.vocabulary) != vocabulary_sha256(variant.vocabulary):
        raise VocabularyMismatchError(
            f"{variant.path}: its vocabulary is not that of {reference.path}; "
            "a sweep compares variants of one model"
        )


def _documents(task: QualityTask, vocabulary: Vocabulary) -> list[TokenizedText]:
    corpus = load_corpus([Path(path) for path in task.corpus])
    if corpus.sha256 != task.corpus_sha256:
        raise CorpusError(f"{corpus.origin}: the corpus changed since the sweep began")
    return tokenize(corpus.documents, vocabulary)


def _token_numbers(
    sessions: Sequence[Session],
    documents: Sequence[TokenizedText],
    windows: Sequence[Window],
    threads: int,
) -> TokenNumbers:
    reference, variant = sessions
    padding = padding_ids(reference.model.vocabulary, reference.model.n_vocab)
    reduction = Reduction(padding=padding, threads=threads)
    records = np.concatenate(
        [
            block.records
            for index, window in enumerate(windows)
            for block in live_window(reference, [variant], index, window, reduction)
        ]
    )
    table = token_table(list(documents), list(windows))
    return TokenNumbers(
        document=table.document.astype(np.int32),
        cluster=table.clusters.astype(np.int32),
        n_bytes=np.concatenate(list(_token_bytes(documents, windows))),
        kl=records["kl"].astype(np.float64),
        log_p=records["log_p_target"].astype(np.float64),
        log_q=records["log_q_target"].astype(np.float64),
        same_top=records["argmax_p"] == records["argmax_q"],
        token_class=np.concatenate(list(_token_classes(documents, windows))),
        padding_mass=records["padding_mass_q"].astype(np.float64),
    )


def _token_classes(
    documents: Sequence[TokenizedText], windows: Sequence[Window]
) -> Iterator[npt.NDArray[np.uint8]]:
    for window in windows:
        classes = documents[window.document].classes
        if classes is None:
            yield np.full(len(window), NOT_PARSED, np.uint8)
        else:
            yield classes[window.tokens]


def _token_bytes(
    documents: Sequence[TokenizedText], windows: Sequence[Window]
) -> Iterator[npt.NDArray[np.int32]]:
    for window in windows:
        starts = documents[window.document].starts
        if starts is None:
            yield np.full(len(window), -1, np.int32)
        else:
            begins = np.maximum(starts[window.tokens], 0)
            yield (starts[window.tokens + 1] - begins).astype(np.int32)
