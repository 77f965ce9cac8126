"""Compare a reference with its variants: from files to one record."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
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
    name_subjects,
    open_subject,
    positions_of,
    same_vocabulary,
)
from pyengine.comparison.variant import foreign_variant, kindred_variant
from pyengine.comparison.verdicts import compare_variants
from pyengine.corpus import Corpus, load_corpus
from pyengine.errors import NumbersError, OptionError
from pyengine.files import making_folder
from pyengine.results import failed, fitted, provenance


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
        NumbersError: the reference, or every variant, computes logits that are NaN or infinite; of
            several variants, one that does is left out with a note, unless logits are saved.
        CorpusError: there is nothing to score.
    """
    options = options or CompareOptions()
    options.check()
    if not variants:
        raise OptionError("nothing to compare: name at least one variant beside the reference")
    first = open_subject(reference, options)
    others = [open_subject(path, options) for path in variants]
    name_subjects([first, *others])
    n_positions = positions_of([first, *others])
    n_ctx, notes = fitted(options.windows.n_ctx, n_positions)
    options = replace(options, windows=replace(options.windows, n_ctx=n_ctx))
    options.check()
    folder = None if save_logits is None else Path(save_logits)
    setting = make_setting(
        first, corpus or load_corpus(), options, progress, folder, n_positions=n_positions
    )
    while True:
        try:
            result = _compare(setting, others)
            break
        except NumbersError as error:
            if folder is not None:  # its files are named by the variants' numbers
                raise
            others = _others_than(error, first, others)
            notes.append(failed(error))
    notes += [note for subject in (first, *others) for note in subject.notes()]
    return result.model_copy(update={"notes": notes})


def _others_than(error: NumbersError, first: Subject, variants: list[Subject]) -> list[Subject]:
    """Return the variants that are left without the model that computes no numbers."""
    left = [subject for subject in variants if str(subject.path) != error.path]
    if not left or str(first.path) == error.path:
        raise error
    return left


def _compare(setting: Setting, others: list[Subject]) -> ComparisonResult:
    first, options = setting.reference, setting.options
    kindred = [s for s in others if same_vocabulary(first.record, s.record)]
    if setting.save_logits is not None:
        _check_saving(options, kindred)
    folder = setting.save_logits
    with nullcontext() if folder is None else making_folder(folder):
        measured = measure_corpus(setting, kindred) if options.corpus and kindred else None
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
