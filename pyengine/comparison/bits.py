"""What can be compared where two tokenizers differ: bits per byte, and keywords as strings."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from pyengine.comparison.options import WindowOptions
from pyengine.comparison.records import BitsRecord, EstimateRecord, StringRecord
from pyengine.comparison.setting import Progress
from pyengine.comparison.subjects import padding_ids
from pyengine.comparison.texts import tokenize
from pyengine.comparison.windows import document_windows
from pyengine.corpus import Document
from pyengine.engine.session import Session
from pyengine.errors import CorpusError
from pyengine.probes.starts import natural_start
from pyengine.statistics import clustered_ratio, row_statistics
from pyengine.vocabulary import load_tables
from pyengine.vocabulary.coverage import split_text

Floats = npt.NDArray[np.float64]


def document_bits(
    session: Session,
    texts: Sequence[Document],
    options: WindowOptions,
    *,
    progress: Callable[[float], None],
) -> Floats:
    """Return -log2 P(document) of each document, every token of it scored once.

    Every window begins with the model's natural start, so that the first token is scored too.
    NaN for a document that the tokenizer refuses.
    """
    prefix, padding = _start(session), _padding(session)
    documents = tokenize(texts, session.model.vocabulary, parse=False)
    bits = np.where([document.refused for document in documents], np.nan, 0.0)
    for number, document in enumerate(documents):
        for window in document_windows(number, document.ids, prefix, options):
            begin = 0
            for _, rows in session.iterate_rows(window.ids, window.rows):
                targets = window.targets[begin : begin + len(rows)]
                begin += len(rows)
                found = row_statistics(rows, padding=padding, threads=session.threads)
                chosen = rows[np.arange(len(rows)), targets].astype(np.float64)
                bits[number] -= float(np.sum(chosen - found["log_sum_exp"])) / np.log(2)
        progress((number + 1) / len(documents))
    return bits


def bits_record(reference: Floats, variant: Floats, texts: Sequence[Document]) -> BitsRecord:
    """Compare the bits of the same documents, paired.

    Raises:
        CorpusError: there is no document that both tokenizers take.
    """
    taken = ~(np.isnan(reference) | np.isnan(variant))
    if not taken.any():
        raise CorpusError("there is no document that both tokenizers can split")
    sizes = np.array([float(len(text.content)) for text in texts])[taken]
    left_out = [text.name for text, kept in zip(texts, taken, strict=True) if not kept]
    reference, variant = reference[taken], variant[taken]
    return BitsRecord(
        reference=EstimateRecord.of(clustered_ratio(reference, sizes)),
        variant=EstimateRecord.of(clustered_ratio(variant, sizes)),
        difference=EstimateRecord.of(clustered_ratio(variant - reference, sizes)),
        n_bytes=int(sizes.sum()),
        left_out=left_out,
    )


def string_log_probabilities(session: Session, strings: Sequence[str]) -> Floats:
    """Return ln P(the text begins with this string, along the tokenizer's own split of it).

    Strings that share a beginning share its row.
    """
    start, padding = _start(session), _padding(session)
    vocabulary = session.model.vocabulary
    splits = [split_text(vocabulary, string) for string in strings]
    needed = sorted({ids[:i] for ids in splits for i in range(len(ids))})
    table: dict[tuple[int, ...], npt.NDArray[np.float64]] = {}
    following: dict[tuple[int, ...], list[int]] = {}
    for ids in splits:
        for i, token in enumerate(ids):
            following.setdefault(ids[:i], []).append(token)
    for indices, rows in session.iterate_batches([[*start, *before] for before in needed]):
        lse = row_statistics(rows, padding=padding, threads=session.threads)["log_sum_exp"]
        for place, index in enumerate(indices):
            tokens = following[needed[index]]
            table[needed[index]] = rows[place, tokens].astype(np.float64) - lse[place]
    used = dict.fromkeys(needed, 0)
    totals = np.full(len(splits), np.nan)
    for number, ids in enumerate(splits):
        total = 0.0
        for i in range(len(ids)):
            before = ids[:i]
            total += float(table[before][used[before]])
            used[before] += 1
        totals[number] = total if ids else np.nan
    return totals


def compare_strings(reference: Session, variant: Session, progress: Progress) -> list[StringRecord]:
    """Compare the cold-start probability of every language's keywords as strings."""
    records = []
    tables = load_tables()
    for number, (language, table) in enumerate(tables.items()):
        words = table.words()
        p = string_log_probabilities(reference, words)
        q = string_log_probabilities(variant, words)
        progress("keywords as strings", (number + 1) / len(tables))
        known = np.isfinite(p) & np.isfinite(q)
        if not known.any():
            continue
        records.append(
            StringRecord(
                language=language,
                n_keywords=int(known.sum()),
                total_reference=float(np.exp(p[known]).sum()),
                total_variant=float(np.exp(q[known]).sum()),
                mean_log_ratio=float(np.mean(q[known] - p[known])),
            )
        )
    return records


def _start(session: Session) -> list[int]:
    return list(natural_start(session.model).ids)


def _padding(session: Session) -> npt.NDArray[np.int32]:
    return padding_ids(session.model.vocabulary, session.model.n_vocab)
