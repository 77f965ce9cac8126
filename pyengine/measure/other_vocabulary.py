"""What can be compared where two tokenizers differ: bits per byte, and keywords as strings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyengine.errors import CorpusError
from pyengine.measure import decode
from pyengine.measure.aggregate import aggregate
from pyengine.measure.cold_rows import decode_starts
from pyengine.measure.contexts import Chunk, one_batch
from pyengine.measure.documents import BYTES_AT_ONCE
from pyengine.measure.engine import Processes
from pyengine.measure.found import Finding, documents_left_out
from pyengine.measure.observers import target_columns
from pyengine.measure.plan import Plan
from pyengine.measure.start_tokens import natural_start
from pyengine.measure.strings import string_log_probabilities
from pyengine.measure.subjects import Subject, padding_ids
from pyengine.measure.table import TokenTable
from pyengine.measure.variants import Variant
from pyengine.models.model import Model, Vocabulary, open_model
from pyengine.models.options import ModelOptions
from pyengine.run.measurement import Measurement, group_of
from pyengine.run.record import Note
from pyengine.text.documents import Corpus, Document
from pyengine.text.tokens import tokenize
from pyengine.text.windows import WindowOptions, document_windows
from pyengine.vocabulary.coverage import word_tokens
from pyengine.vocabulary.keywords import load_tables

Floats = npt.NDArray[np.float64]
# The bits of whole documents are known well from so many tokens of the reference; more of them are
# scored only where all of the text is asked for.
ENOUGH_TOKENS = 20_000


@dataclass(frozen=True, eq=False)
class Alone:
    """A model that is measured in its own tokens.

    Attributes:
        n_vocab: length of its rows of logits.
        start: ids before every text, so that the first token is scored too.
        padding: entries of a row that belong to no token.
    """

    variant: Variant
    vocabulary: Vocabulary
    n_vocab: int
    start: tuple[int, ...]
    padding: npt.NDArray[np.int32]


def alone(variant: Variant, model: Model) -> Alone:
    """Return an open model with what it needs to be measured in its own tokens."""
    vocabulary, n_vocab = model.vocabulary, model.n_vocab
    start, padding = natural_start(model.vocabulary).ids, padding_ids(vocabulary, n_vocab)
    return Alone(variant, vocabulary, n_vocab, start, padding)


def measure_others(
    plan: Plan, model: Model, subjects: Sequence[Subject], corpus: Corpus, processes: Processes
) -> Iterator[Finding]:
    """Yield what can be said of variants with another vocabulary than the reference's.

    Args:
        model: the reference, open.
    """
    if not subjects:
        return
    options, first = plan.options, plan.reference
    texts: list[Document] = []
    refused: list[str] = []
    whole = options.corpus and not corpus.is_chat  # each renders a conversation in its own way
    if whole:
        budget, seed = options.windows.max_tokens, options.seed
        if options.precision:
            budget = min(budget or ENOUGH_TOKENS, ENOUGH_TOKENS)
        texts, refused = affordable(corpus.documents, model.vocabulary, budget, seed=seed)
    for subject in subjects:
        path = subject.variant.path
        with open_model(path, options=ModelOptions(vocabulary_only=True)) as other:
            tokens = tokenize(texts, other.vocabulary, parse=False)
            taken = [document.text for document in tokens if not document.refused]
            if whole and not taken:
                raise CorpusError("there is no document that both tokenizers can split")
            names = [*refused, *(d.text.name for d in tokens if d.refused)]
            yield from documents_left_out(names, subject.info.id)
            pair = alone(first.variant, model), alone(subject.variant, other)
            if taken:
                yield from _bits(processes, *pair, taken, options.windows, plan.threads)
            if options.starts:
                yield from string_measurements(processes, *pair, plan.threads)
        values = {
            "n_vocab": subject.info.n_vocab,
            "tokenizer": subject.info.tokenizer,
            "reference_n_vocab": first.info.n_vocab,
            "reference_tokenizer": first.info.tokenizer,
        }
        yield Note(code="other-vocabulary", model=subject.info.id, values=values)


def _bits(
    processes: Processes,
    reference: Alone,
    variant: Alone,
    texts: Sequence[Document],
    options: WindowOptions,
    threads: int,
) -> Iterator[Measurement]:
    """Compare the bits of the same documents, paired."""
    p, q = (_document_bits(processes, m, texts, options, threads) for m in (reference, variant))
    sizes = np.array([float(len(text.content)) for text in texts])
    for model, columns in ((reference, {"bits": p}), (variant, {"bits": q, "bits_change": q - p})):
        yield from aggregate(
            TokenTable(np.arange(len(texts)), {}, {**columns, "n_bytes": sizes}),
            model=model.variant.id,
            reference=reference.variant.id,
            group=group_of({"documents": "whole"}),
            metrics=("bits_per_byte", "bits_per_byte_change"),
        )


def _document_bits(
    processes: Processes,
    model: Alone,
    texts: Sequence[Document],
    options: WindowOptions,
    threads: int,
) -> Floats:
    """Return -log2 P(document) of each document, every token of it scored once."""
    windows = [
        window
        for number, document in enumerate(tokenize(texts, model.vocabulary, parse=False))
        for window in document_windows(number, document.ids, model.start, options)
    ]
    max_rows = max(8, min(options.n_ctx, BYTES_AT_ONCE // (4 * model.n_vocab)))
    session = one_batch(max(options.n_ctx, 64), max_rows=max_rows, threads=threads)
    chunk = Chunk("bits", tuple(windows), session)
    seen: decode.Observation = processes.call(
        model.variant, decode.observe, model.variant, chunk, (target_columns,), {}, model.padding
    )
    documents = np.repeat([w.document for w in windows], [len(w) for w in windows])
    bits = -seen.columns["log_p"] / np.log(2)
    return np.bincount(documents, weights=bits, minlength=len(texts)).astype(np.float64)


def keyword_log_probabilities(
    processes: Processes, model: Alone, words: Iterable[str], threads: int
) -> dict[str, float]:
    """Return ln P(the text begins with this word) of all words that the tokenizer can write."""
    spelled = {word: word_tokens(model.vocabulary, word) for word in words}
    (first_row,) = decode_starts(processes, model.variant, [model.start], model.n_vocab, threads)
    return string_log_probabilities(
        processes,
        model.variant,
        model.start,
        first_row,
        {word: ids for word, ids in spelled.items() if ids},
        padding=model.padding,
        threads=threads,
    )


def string_measurements(
    processes: Processes, reference: Alone, variant: Alone, threads: int
) -> Iterator[Measurement]:
    """Compare the probability of every language's keywords as strings, after the start."""
    tables = load_tables()
    words = dict.fromkeys(word for table in tables.values() for word in table.words())
    p, q = (
        keyword_log_probabilities(processes, model, words, threads)
        for model in (reference, variant)
    )
    for language, table in tables.items():
        both = [
            (p[word], q[word])
            for word in table.words()
            if math.isfinite(p.get(word, math.nan)) and math.isfinite(q.get(word, math.nan))
        ]
        if not both:
            continue
        group = group_of({"language": language})
        n, pairs = len(both), np.array(both)
        first, second = reference.variant.id, variant.variant.id
        for model, total in zip((first, second), np.exp(pairs).sum(axis=0).tolist(), strict=True):
            yield Measurement("keyword_string_mass", model, "", group, total, n=n)
        ratio = float(np.mean(pairs[:, 1] - pairs[:, 0]))
        yield Measurement("keyword_string_ratio", second, first, group, ratio, n=n)


def affordable(
    documents: Sequence[Document], vocabulary: Vocabulary, budget: int | None, *, seed: int
) -> tuple[list[Document], list[str]]:
    """Return whole documents, in the order of the seed, until they have so many tokens.

    The second list names those among them that the tokenizer refuses.
    """
    chosen: list[Document] = []
    refused: list[str] = []
    n_tokens = 0
    for i in np.random.default_rng(seed).permutation(len(documents)):
        if budget is not None and n_tokens >= budget:
            break
        (document,) = tokenize([documents[i]], vocabulary, parse=False)
        if document.refused:
            refused.append(documents[i].name)
        else:
            chosen.append(documents[i])
            n_tokens += len(document.ids)
    return chosen, refused
