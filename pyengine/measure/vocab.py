"""Analyse tokenizers one by one, and every two of them together: from models to one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

from pyengine.measure.documents import population
from pyengine.measure.exhibits import table_exhibit
from pyengine.measure.fertility import fertility
from pyengine.measure.models import model_info, variant_ids
from pyengine.measure.provenance import provenance
from pyengine.measure.vocab_findings import (
    Analysed,
    pair_exhibits,
    pair_rows,
    tokenizer_exhibits,
    tokenizer_notes,
    tokenizer_rows,
)
from pyengine.models.model import Model
from pyengine.run.record import Exhibit, Run
from pyengine.text.documents import Corpus
from pyengine.text.windows import WindowOptions
from pyengine.vocabulary.coverage import coverage
from pyengine.vocabulary.integrity import piece_faults, round_trips
from pyengine.vocabulary.keywords import KeywordTable
from pyengine.vocabulary.paper import find_paper_tokenizer, holds_paper_lists, paper_lines
from pyengine.vocabulary.reachability import find_unreachable
from pyengine.vocabulary.tokenizer import Tokenizer

Progress = Callable[[str, float], object]
Collections = Mapping[str, Mapping[str, KeywordTable]]


def vocab(
    models: Sequence[Model],
    collections: Collections,
    corpus: Corpus,
    *,
    progress: Progress = lambda *_: None,
) -> Run:
    """Analyse the tokenizers of open models.

    Args:
        models: opened with or without weights, which are not used.
        collections: keyword tables by language, by name of the collection.
        corpus: the text that is tokenized.
        progress: called with what is being done and the part that is done.

    Returns:
        a run; its models have no hash of their file, which is not read whole.

    Raises:
        TokenizerError: a model has no tokenizer.
        ModelFileError: a file changed while its tokenizer was read.
    """
    tokenizers = [Tokenizer(model) for model in models]
    ids = variant_ids([model.path for model in models])
    found = [
        _analyse(name, tokenizer, collections, corpus, progress)
        for name, tokenizer in zip(ids, tokenizers, strict=True)
    ]
    for model in models:
        model.core.require_unchanged()
    infos = [model_info(name, model) for name, model in zip(ids, models, strict=True)]
    hashes = {info.id: info.vocabulary_sha256 for info in infos}
    pairs = list(combinations(found, 2))
    differing = [(a, b) for a, b in pairs if hashes[a.id] != hashes[b.id]]
    exhibits = [
        table_exhibit(table, collection=name)
        for name, tables in collections.items()
        for table in tables.values()
    ]
    exhibits += [e for item in found for e in tokenizer_exhibits(item)]
    exhibits += [e for pair in differing for e in pair_exhibits(*pair)]
    if holds_paper_lists(collections):
        exhibits += [exhibit for item in found for exhibit in _paper(item)]
    rows = [row for item in found for row in tokenizer_rows(item)]
    for a, b in pairs:
        rows += pair_rows(a, b, identical=hashes[a.id] == hashes[b.id])
    return Run(
        command="vocab",
        options={"collections": list(collections)},
        provenance=provenance(threads=1, devices=[]),
        models=infos,
        # Nothing of the text is scored.
        population=population(
            corpus, (), WindowOptions(n_ctx=0, stride=0, document_tokens=None), prefix=(), seed=0
        ),
        measurements=rows,
        exhibits=exhibits,
        notes=[note for item in found for note in tokenizer_notes(item)],
    )


def _analyse(
    id: str,  # noqa: A002 - the field's own name
    tokenizer: Tokenizer,
    collections: Collections,
    corpus: Corpus,
    progress: Progress,
) -> Analysed:
    """Look up keywords, tokenize the corpus, and test the tokenizer's integrity."""
    vocabulary, features = tokenizer.vocabulary, tokenizer.features
    covered = {name: coverage(vocabulary, tables) for name, tables in collections.items()}
    groups = corpus.by_language()
    known = [name for tables in collections.values() for name in tables if name in groups]
    spent = {}
    doing = f"tokenize with {tokenizer.model.path.name}"
    for done, language in enumerate(dict.fromkeys((*known, *groups))):
        progress(doing, done / len(groups))
        spent[language] = fertility(vocabulary, groups[language])
    progress(doing, 1.0)
    return Analysed(
        id=id,
        tokenizer=tokenizer,
        coverage=covered,
        fertility=spent,
        reachability=find_unreachable(vocabulary, features, tokenizer.model.path),
        faults=piece_faults(features, vocabulary.repeated_pieces()),
        trips=round_trips(vocabulary),
    )


def _paper(item: Analysed) -> list[Exhibit]:
    """Set the paper's numbers beside ours, where the tokenizer is one of the paper's."""
    entry = find_paper_tokenizer(item.tokenizer.features.pieces)
    if entry is None:
        return []
    lines = paper_lines(entry, item.coverage["paper"], item.tokenizer)
    return [Exhibit(kind="paper", model=item.id, content={"name": entry["name"], "lines": lines})]
