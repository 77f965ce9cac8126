"""What is found in one tokenizer: keywords, tokens spent on code, and what is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pyengine.measure.fertility import Fertility, measure_documents
from pyengine.text.documents import Corpus, Document
from pyengine.vocabulary.coverage import LanguageCoverage, coverage
from pyengine.vocabulary.integrity import PieceFaults, RoundTrip, piece_faults, round_trips
from pyengine.vocabulary.keywords import KeywordTable
from pyengine.vocabulary.reachability import Reachability, find_unreachable
from pyengine.vocabulary.tokenizer import Tokenizer

Progress = Callable[[str, float], object]


@dataclass(frozen=True)
class VocabOptions:
    """What is looked for: keyword collections by name, and the text that is tokenized."""

    collections: Mapping[str, Mapping[str, KeywordTable]]
    corpus: Corpus


@dataclass(frozen=True)
class Analysed:
    """All that was found in one tokenizer.

    Attributes:
        id: of its model in the run.
        coverage: by collection and language.
        fertility: by language.
    """

    id: str
    tokenizer: Tokenizer
    coverage: Mapping[str, Mapping[str, LanguageCoverage]]
    fertility: Mapping[str, Fertility]
    reachability: Reachability
    faults: PieceFaults
    trips: Sequence[RoundTrip]


def analyse(
    id: str,  # noqa: A002 - the field's own name
    tokenizer: Tokenizer,
    options: VocabOptions,
    progress: Progress,
) -> Analysed:
    """Look up keywords, tokenize the corpus, and test the tokenizer's integrity."""
    vocabulary, features = tokenizer.vocabulary, tokenizer.features
    covered = {name: coverage(vocabulary, tables) for name, tables in options.collections.items()}
    known = (language for tables in options.collections.values() for language in tables)
    documents = _in_order_of(known, options.corpus.by_language())
    fertility = {}
    doing = f"tokenize with {tokenizer.model.path.name}"
    for done, (language, group) in enumerate(documents.items()):
        progress(doing, done / len(documents))
        fertility[language] = measure_documents(vocabulary, group)
    progress(doing, 1.0)
    return Analysed(
        id=id,
        tokenizer=tokenizer,
        coverage=covered,
        fertility=fertility,
        reachability=find_unreachable(vocabulary, features, tokenizer.model.path),
        faults=piece_faults(features, vocabulary.repeated_pieces()),
        trips=round_trips(vocabulary),
    )


def _in_order_of(
    languages: Iterable[str], groups: Mapping[str, tuple[Document, ...]]
) -> dict[str, tuple[Document, ...]]:
    known = [language for language in languages if language in groups]
    return {language: groups[language] for language in dict.fromkeys((*known, *groups))}
