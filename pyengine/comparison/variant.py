"""Everything that is said of one variant."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from pyengine.comparison.averages import (
    confidence_labels,
    divergences,
    groups_by,
    keyword_groups,
)
from pyengine.comparison.bits import bits_record, compare_strings, document_bits
from pyengine.comparison.corpus_pass import CorpusPass
from pyengine.comparison.greedy import continuation_record, first_divergence, greedy_options
from pyengine.comparison.passages import passage_record
from pyengine.comparison.records import (
    BitsRecord,
    ContinuationRecord,
    VariantRecord,
)
from pyengine.comparison.setting import Setting
from pyengine.comparison.spots import spot_record
from pyengine.comparison.starts import Context, cold_top, compare_starts, contexts
from pyengine.comparison.subjects import Subject, axis_of
from pyengine.comparison.verdicts import bits_verdict, variant_verdict
from pyengine.corpus import Document
from pyengine.engine.options import SessionOptions
from pyengine.engine.session import Session
from pyengine.probes.starts import natural_start


def kindred_variant(
    setting: Setting, variant: Subject, corpus: CorpusPass | None, index: int
) -> VariantRecord:
    """Describe a variant that shares the reference's vocabulary."""
    fields: dict[str, Any] = {
        "label": variant.label,
        "model": variant.record,
        "axis": axis_of(setting.reference, variant, setting.options),
        "same_vocabulary": True,
        "refused": [],
        "verdict": "",
    }
    if corpus is not None:
        fields |= _corpus_fields(setting, variant, corpus, index)
    if setting.options.starts:
        fields |= _starts(setting, variant)
    return VariantRecord.model_validate(fields)


def _corpus_fields(
    setting: Setting, variant: Subject, corpus: CorpusPass, index: int
) -> dict[str, Any]:
    columns, table = corpus.measurement.variants[index], corpus.table
    pairs, clusters = columns.pairs, table.clusters
    labels, order = confidence_labels(pairs)
    vocabulary = setting.reference.opened().vocabulary
    overall = divergences(pairs, clusters, seed=setting.options.seed)
    n_keywords = {name: len(ids) for name, ids in setting.keywords.items()}
    return {
        "overall": overall,
        "by_language": groups_by(table.language, pairs, clusters),
        "by_confidence": groups_by(labels, pairs, clusters, order),
        "by_class": groups_by(table.token_class, pairs, clusters),
        "keywords": keyword_groups(table, columns.keywords, n_keywords),
        "spots": [
            spot_record(spot, setting.documents[spot.document], vocabulary)
            for spot in corpus.measurement.spots[index].best()
        ],
        "passages": [
            passage_record(passage, setting.documents[passage.document], vocabulary)
            for passage in corpus.measurement.passages[index].best()
        ],
        "continuations": _continuations(setting, variant, corpus),
        "verdict": variant_verdict(variant.label, overall, corpus.null, setting.options.margin),
    }


def _continuations(
    setting: Setting, variant: Subject, corpus: CorpusPass
) -> list[ContinuationRecord]:
    if not corpus.continuations:
        return []
    how = greedy_options(len(setting.prefix), setting.threads)
    session = Session(variant.opened(), options=how)
    vocabulary = setting.reference.opened().vocabulary
    return [
        continuation_record(
            c, first_divergence(session, c, setting.padding), setting.documents, vocabulary
        )
        for c in corpus.continuations
    ]


def _starts(setting: Setting, variant: Subject) -> dict[str, Any]:
    model = setting.reference.opened()
    cold = natural_start(model).ids
    wanted = contexts(model.vocabulary, setting.prefix, cold, setting.n_positions)
    decoding = _start_options(wanted, setting.threads)
    sessions = [Session(opened, options=decoding) for opened in (model, variant.opened())]
    starts = compare_starts(
        sessions[0],
        sessions[1],
        wanted,
        setting.keywords,
        setting.padding,
        progress=partial(setting.progress, f"cold and warm starts, {variant.label}"),
    )
    tops = [cold_top(session, wanted[0].ids, model.vocabulary) for session in sessions]
    return {"starts": starts, "cold_reference_top": tops[0], "cold_variant_top": tops[1]}


def _start_options(wanted: Sequence[Context], threads: int) -> SessionOptions:
    longest = max(len(context.ids) for context in wanted)
    n_tokens = max(512, longest)
    return SessionOptions(
        n_ctx=n_tokens,
        n_batch=n_tokens,
        n_ubatch=min(512, n_tokens),
        n_seq_max=32,
        max_rows=32,
        threads=threads,
    )


def foreign_variant(setting: Setting, variant: Subject) -> VariantRecord:
    """Describe a variant with another vocabulary: bits per byte and keywords as strings."""
    a, b = setting.reference.record, variant.record
    reason = (
        f"token-level divergences are refused: {variant.label} has another vocabulary "
        f"({b.n_vocab:,} entries, {b.tokenizer}) than the reference ({a.n_vocab:,}, "
        f"{a.tokenizer}), so one token id means different bytes to each"
    )
    fields: dict[str, Any] = {
        "label": variant.label,
        "model": variant.record,
        "axis": axis_of(setting.reference, variant, setting.options),
        "same_vocabulary": False,
        "refused": [reason],
        "verdict": "",
    }
    if setting.options.corpus:
        bits = _bits(setting, variant)
        fields |= {"bits_per_byte": bits, "verdict": bits_verdict(variant.label, bits)}
    if setting.options.starts:
        fields["strings"] = compare_strings(
            _scoring(setting, setting.reference), _scoring(setting, variant), setting.progress
        )
    return VariantRecord.model_validate(fields)


def _bits(setting: Setting, variant: Subject) -> BitsRecord:
    texts = affordable(setting)
    found = []
    for subject in (setting.reference, variant):
        what = f"bits per byte, {subject.label}"
        found.append(
            document_bits(
                _scoring(setting, subject),
                texts,
                setting.options.windows,
                progress=partial(setting.progress, what),
            )
        )
    return bits_record(found[0], found[1], texts)


def affordable(setting: Setting) -> list[Document]:
    """Return whole documents, in the order of the seed, within the budget of tokens."""
    order = np.random.default_rng(setting.options.seed).permutation(len(setting.documents))
    budget = setting.options.windows.max_tokens
    chosen: list[Document] = []
    n_tokens = 0
    for i in order:
        if budget is not None and n_tokens >= budget:
            break
        n_tokens += len(setting.documents[i].ids)
        chosen.append(setting.documents[i].text)
    return chosen


def _scoring(setting: Setting, subject: Subject) -> Session:
    n_ctx = setting.options.windows.n_ctx
    cap = setting.options.memory.cap_bytes // (8 * subject.record.n_vocab)
    options = SessionOptions(
        n_ctx=max(n_ctx, 64),
        n_batch=max(n_ctx, 64),
        n_ubatch=min(512, max(n_ctx, 64)),
        n_seq_max=8,
        max_rows=max(8, min(n_ctx, cap)),
        threads=setting.threads,
    )
    return Session(subject.opened(), options=options)
