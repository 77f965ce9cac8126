"""Compare a reference with its variants: from files to one record."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pyengine.comparison.corpus_pass import CorpusPass, measure_corpus, scope_record
from pyengine.comparison.options import CompareOptions
from pyengine.comparison.records import (
    ComparisonResult,
    CorpusRecord,
    PairRecord,
    VariantRecord,
)
from pyengine.comparison.setting import Progress, Setting, make_setting, silent
from pyengine.comparison.subjects import (
    Subject,
    check_numbers,
    name_subjects,
    open_subject,
    same_vocabulary,
)
from pyengine.comparison.variant import foreign_variant, kindred_variant
from pyengine.comparison.verdicts import compare_variants
from pyengine.corpus import Corpus, load_corpus
from pyengine.errors import OptionError
from pyengine.results import provenance


def compare(
    reference: str | Path,
    variants: Sequence[str | Path],
    *,
    corpus: Corpus | None = None,
    options: CompareOptions | None = None,
    save_logits: str | Path | None = None,
    progress: Progress = silent,
) -> ComparisonResult:
    """Measure how far each variant's next-token distributions are from the reference's.

    Args:
        reference: a GGUF file.
        variants: GGUF files. Those with another vocabulary get bits per byte and keywords as
            strings only, with the reason.
        corpus: documents to measure on; None for the shipped ones.
        options: what to measure.
        save_logits: a folder for all rows of logits, n_vocab * 4 bytes for each token and model.
        progress: called with what is being done and the part that is done.

    Raises:
        OptionError: an option is impossible, or there is no variant.
        ModelFileError, ModelKindError: a file cannot be used.
        CorpusError: there is nothing to score.
    """
    options = options or CompareOptions()
    options.check()
    if not variants:
        raise OptionError("nothing to compare: name at least one variant beside the reference")
    first = open_subject(reference, options)
    others = [open_subject(path, options) for path in variants]
    name_subjects([first, *others])
    folder = None if save_logits is None else Path(save_logits)
    setting = make_setting(first, corpus or load_corpus(), options, progress, folder)
    kindred = [s for s in others if same_vocabulary(first.record, s.record)]
    if folder is not None:
        _check_saving(options, kindred)
    measured = _measured(setting, kindred) if options.corpus and kindred else None
    records = [_variant(setting, subject, kindred, measured) for subject in others]
    return ComparisonResult(
        provenance=provenance(
            threads=setting.threads, devices=first.opened().devices, seed=options.seed
        ),
        reference=first.record,
        corpus=_corpus_record(setting) if options.corpus else None,
        scope=None if measured is None else scope_record(setting, measured),
        null=None if measured is None else measured.null,
        variants=records,
        pairs=[] if measured is None else _pairs(setting, kindred, measured),
        margin=options.margin,
    )


def _check_saving(options: CompareOptions, kindred: list[Subject]) -> None:
    if options.memory.plan == "cache":
        raise OptionError("logits cannot be saved from a cache, which does not hold whole rows")
    if not options.corpus:
        raise OptionError("logits are those of the corpus, which is not to be measured")
    if not kindred:
        raise OptionError("no variant has the reference's vocabulary, so no logits would be saved")


def _measured(setting: Setting, variants: list[Subject]) -> CorpusPass:
    corpus = measure_corpus(setting, variants)
    check_numbers(corpus.measurement.null.pairs, setting.reference.path)
    for subject, columns in zip(variants, corpus.measurement.variants, strict=True):
        check_numbers(columns.pairs, subject.path)
    return corpus


def _variant(
    setting: Setting, subject: Subject, kindred: list[Subject], measured: CorpusPass | None
) -> VariantRecord:
    for index, candidate in enumerate(kindred):
        if candidate is subject:
            return kindred_variant(setting, subject, measured, index)
    return foreign_variant(setting, subject)


def _pairs(setting: Setting, kindred: list[Subject], measured: CorpusPass) -> list[PairRecord]:
    return compare_variants(
        [subject.label for subject in kindred],
        [np.asarray(variant.pairs["kl"]) for variant in measured.measurement.variants],
        measured.table.clusters,
        setting.options.margin,
    )


def _corpus_record(setting: Setting) -> CorpusRecord:
    corpus = setting.corpus
    return CorpusRecord(
        origin=corpus.origin,
        sha256=corpus.sha256,
        n_documents=len(corpus),
        n_bytes=corpus.n_bytes,
        languages={name: len(found) for name, found in corpus.by_language().items()},
    )
