"""What can be compared where two tokenizers differ: bits per byte, and keywords as strings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyengine.measure import decode
from pyengine.measure.aggregate import LEVEL, measurement_of
from pyengine.measure.cold_rows import decode_starts
from pyengine.measure.contexts import Chunk, Context
from pyengine.measure.documents import BYTES_AT_ONCE
from pyengine.measure.engine import Processes
from pyengine.measure.observers import Columns, TargetColumns
from pyengine.measure.strings import string_log_probabilities
from pyengine.measure.variants import Variant
from pyengine.models.model import Vocabulary
from pyengine.models.options import SessionOptions
from pyengine.run.measurement import Measurement, group_of
from pyengine.statistics import clustered_ratio
from pyengine.text.documents import Document
from pyengine.text.tokens import tokenize
from pyengine.text.windows import WindowOptions, document_windows
from pyengine.vocabulary import load_tables
from pyengine.vocabulary.coverage import word_tokens

Floats = npt.NDArray[np.float64]


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

    def observe(self, processes: Processes, chunk: Chunk) -> Columns:
        """Return the target's columns over a chunk."""
        found: decode.Observation = processes.call(
            self.variant,
            decode.observe,
            self.variant,
            chunk,
            (TargetColumns(),),
            {},
            self.padding,
        )
        return found.columns


def document_bits(
    processes: Processes,
    model: Alone,
    texts: Sequence[Document],
    options: WindowOptions,
    session: SessionOptions,
) -> Floats:
    """Return -log2 P(document) of each document, every token of it scored once."""
    windows = [
        window
        for number, document in enumerate(tokenize(texts, model.vocabulary, parse=False))
        for window in document_windows(number, document.ids, model.start, options)
    ]
    contexts = tuple(Context(w.ids, w.rows, w.targets) for w in windows)
    columns = model.observe(processes, Chunk("bits", contexts, session))
    documents = np.repeat([w.document for w in windows], [len(w) for w in windows])
    bits = -columns["log_p"] / np.log(2)
    return np.bincount(documents, weights=bits, minlength=len(texts)).astype(np.float64)


def bits_measurements(
    reference: tuple[str, Floats], variant: tuple[str, Floats], texts: Sequence[Document]
) -> Iterator[Measurement]:
    """Compare the bits of the same documents, paired; each model is (id, bits of documents)."""
    sizes = np.array([float(len(text.content)) for text in texts])
    (first, p), (second, q) = reference, variant
    for model, bits in ((first, p), (second, q)):
        estimate = clustered_ratio(bits, sizes, level=LEVEL)
        group = group_of({"documents": "whole"})
        yield measurement_of(estimate, "bits_per_byte", model, "", group)
    change = clustered_ratio(q - p, sizes, level=LEVEL)
    group = group_of({"documents": "whole"})
    yield measurement_of(change, "bits_per_byte_change", second, first, group)


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


def measure_alone(
    processes: Processes,
    reference: Alone,
    variant: Alone,
    texts: Sequence[Document],
    options: WindowOptions,
    *,
    strings: bool,
    threads: int,
) -> Iterator[Measurement]:
    """Yield what can be said of two models with different vocabularies."""
    if texts:
        bits = [
            (
                model.variant.id,
                document_bits(processes, model, texts, options, _session(model, options, threads)),
            )
            for model in (reference, variant)
        ]
        yield from bits_measurements(bits[0], bits[1], texts)
    if strings:
        yield from string_measurements(processes, reference, variant, threads)


def _session(model: Alone, options: WindowOptions, threads: int) -> SessionOptions:
    n_tokens = max(options.n_ctx, 64)
    at_once = BYTES_AT_ONCE // (4 * model.n_vocab)
    return SessionOptions(
        n_ctx=n_tokens,
        n_batch=n_tokens,
        n_ubatch=min(512, n_tokens),
        max_rows=max(8, min(options.n_ctx, at_once)),
        threads=threads,
    )
