"""The whole analysis of tokenizers: from open models to the record of `pyengine vocab`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pyengine._core import gguf_int32_list
from pyengine.corpus import Corpus, Document
from pyengine.engine.vocabulary_hash import vocabulary_sha256
from pyengine.errors import TokenizerError
from pyengine.results import provenance
from pyengine.vocabulary import describe, records
from pyengine.vocabulary.coverage import LanguageCoverage, coverage
from pyengine.vocabulary.fertility import Fertility, measure_documents
from pyengine.vocabulary.integrity import piece_faults, round_trips, special_token_faults
from pyengine.vocabulary.keywords import KeywordTable
from pyengine.vocabulary.paper import find_paper_tokenizer, holds_paper_lists, paper_record
from pyengine.vocabulary.piece_features import PieceFeatures
from pyengine.vocabulary.reachability import find_unreachable
from pyengine.vocabulary.sharing import cl100k_ranks, compare_vocabularies
from pyengine.vocabulary.token_classes import TokenClasses, classify_features
from pyengine.vocabulary.tokens import Pieces

if TYPE_CHECKING:
    from pyengine.engine.model import Model

Tables = Mapping[str, KeywordTable]
Progress = Callable[[str, float], object]


@dataclass(frozen=True)
class AnalysisOptions:
    """What is looked for: keyword collections by name, and the text that is tokenized."""

    collections: Mapping[str, Tables]
    corpus: Corpus

    @property
    def titles(self) -> dict[str, str]:
        """Titles of all languages of all tables, in order."""
        tables = (table for group in self.collections.values() for table in group.values())
        return {table.language: table.title for table in tables}


class Tokenizer:
    """One model's tokenizer with what is derived from it, computed when first asked for."""

    def __init__(self, model: Model) -> None:
        if model.vocabulary.kind == "none":
            raise TokenizerError(
                f"{model.path}: the file has no tokenizer (its kind is `none`), so there is "
                "nothing to analyse; give the model's own GGUF with its vocabulary"
            )
        self.model = model
        self.vocabulary = model.vocabulary

    @cached_property
    def features(self) -> PieceFeatures:
        """Features of all pieces."""
        return PieceFeatures(Pieces.of(self.vocabulary))

    @cached_property
    def classes(self) -> TokenClasses:
        """Class of every token, and the overlapping sets."""
        return classify_features(self.features)

    @cached_property
    def cl100k(self) -> npt.NDArray[np.int64] | None:
        """Places in the order of cl100k_base, see sharing.cl100k_ranks."""
        return cl100k_ranks(self.features)

    @cached_property
    def file_kinds(self) -> npt.NDArray[np.int32]:
        """Kinds as the file declares them; llama.cpp makes some normal tokens control tokens."""
        return gguf_int32_list(str(self.model.path), "tokenizer.ggml.token_type")

    @cached_property
    def sha256(self) -> str:
        """Hash by which equal tokenizers are known."""
        return vocabulary_sha256(self.vocabulary)


@dataclass(frozen=True)
class Measured:
    """A tokenizer with its coverage and fertility."""

    tokenizer: Tokenizer
    coverage: Mapping[str, Mapping[str, LanguageCoverage]]
    fertility: Mapping[str, Fertility]


def analyze(
    models: Sequence[Model], options: AnalysisOptions, *, progress: Progress = lambda *_: None
) -> records.VocabResult:
    """Analyse tokenizers one by one and every two of them together.

    Raises TokenizerError for a model without a tokenizer.
    """
    measured = [measure(Tokenizer(model), options, progress=progress) for model in models]
    pairs = list(combinations(range(len(measured)), 2))
    found = [_record(item, options) for item in measured]
    for model in models:
        model.core.require_unchanged()
    return records.VocabResult(
        provenance=provenance(threads=1, devices=[]),
        corpus=options.corpus.origin,
        corpus_sha256=options.corpus.sha256,
        corpus_documents=len(options.corpus),
        models=found,
        sharing=[_sharing(measured, a, b) for a, b in pairs],
        differences=[
            describe.difference(measured, a, b)
            for a, b in pairs
            if found[a].sha256 != found[b].sha256
        ],
        paper=list(_paper(measured, found)) if holds_paper_lists(options.collections) else [],
    )


def measure(tokenizer: Tokenizer, options: AnalysisOptions, *, progress: Progress) -> Measured:
    """Look up the keywords and tokenize the corpus."""
    name = tokenizer.model.path.name
    found = {
        collection: coverage(tokenizer.vocabulary, tables)
        for collection, tables in options.collections.items()
    }
    documents = _in_order_of(options.titles, options.corpus.by_language())
    fertility = {}
    for done, (language, group) in enumerate(documents.items()):
        progress(f"tokenize with {name}", done / len(documents))
        fertility[language] = measure_documents(tokenizer.vocabulary, group)
    progress(f"tokenize with {name}", 1.0)
    return Measured(tokenizer, found, fertility)


def _in_order_of(
    languages: Iterable[str], groups: Mapping[str, tuple[Document, ...]]
) -> dict[str, tuple[Document, ...]]:
    known = [language for language in languages if language in groups]
    return {language: groups[language] for language in dict.fromkeys((*known, *groups))}


def _record(item: Measured, options: AnalysisOptions) -> records.VocabularyRecord:
    tokenizer, model = item.tokenizer, item.tokenizer.model
    vocabulary, features = tokenizer.vocabulary, tokenizer.features
    titles = options.titles
    return records.VocabularyRecord(
        path=str(model.path),
        name=model.name,
        architecture=model.architecture,
        kind=vocabulary.kind,
        pre_tokenizer=vocabulary.pre_tokenizer,
        size=vocabulary.size,
        text_tokens=int(np.count_nonzero(features.textual)),
        padding=describe.n_padding(features),
        sha256=tokenizer.sha256,
        add_bos=vocabulary.add_bos,
        add_eos=vocabulary.add_eos,
        begins_with_cl100k=tokenizer.cl100k is not None,
        special_tokens=describe.special_tokens(vocabulary),
        classes=describe.class_records(features, tokenizer.classes),
        sets=describe.set_records(features, tokenizer.classes, item.coverage),
        indentation=describe.indentation_records(features),
        paper_rules=describe.paper_rules(features, tokenizer.classes, tokenizer.file_kinds),
        collections=[
            describe.collection_record(name, options.collections[name], found, tokenizer)
            for name, found in item.coverage.items()
        ],
        fertility=[
            describe.fertility_record(language, titles.get(language, language), found)
            for language, found in item.fertility.items()
        ],
        integrity=_integrity(tokenizer),
    )


def _paper(
    measured: Sequence[Measured], found: Sequence[records.VocabularyRecord]
) -> Iterator[records.PaperRecord]:
    for item, record in zip(measured, found, strict=True):
        entry = find_paper_tokenizer(item.tokenizer.features.pieces)
        if entry is not None:
            yield paper_record(entry, record)


def _integrity(tokenizer: Tokenizer) -> records.IntegrityRecord:
    vocabulary, features = tokenizer.vocabulary, tokenizer.features
    return describe.integrity_record(
        features,
        find_unreachable(vocabulary, features, tokenizer.model.path),
        piece_faults(features, vocabulary.repeated_pieces()),
        special_token_faults(vocabulary, tokenizer.model.metadata),
        round_trips(vocabulary),
    )


def _sharing(measured: Sequence[Measured], a: int, b: int) -> records.SharingRecord:
    left, right = measured[a].tokenizer, measured[b].tokenizer
    found = compare_vocabularies(left.features, right.features)
    return records.SharingRecord(
        a=a,
        b=b,
        identical=left.sha256 == right.sha256,
        common=found.common,
        share_of_a=found.common / found.size_a if found.size_a else 0.0,
        share_of_b=found.common / found.size_b if found.size_b else 0.0,
        same_ids=found.same_ids,
        same_order=found.same_order,
        last_a=found.last_a,
        last_b=found.last_b,
    )
