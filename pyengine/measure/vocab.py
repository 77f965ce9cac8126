"""Analyse tokenizers one by one, and every two of them together: from models to one run."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from pyengine.measure.exhibits import table_exhibit
from pyengine.measure.models import model_facts, variant_ids
from pyengine.measure.provenance import provenance
from pyengine.measure.vocab_analysis import Analysed, Progress, VocabOptions, analyse
from pyengine.measure.vocab_findings import (
    pair_exhibits,
    pair_rows,
    tokenizer_exhibits,
    tokenizer_notes,
    tokenizer_rows,
)
from pyengine.models.model import Model
from pyengine.run.record import Exhibit, ModelInfo, Population, Run
from pyengine.text.documents import Corpus
from pyengine.vocabulary.paper import find_paper_tokenizer, holds_paper_lists, paper_lines
from pyengine.vocabulary.tokenizer import Tokenizer


def vocab(
    models: Sequence[Model], options: VocabOptions, *, progress: Progress = lambda *_: None
) -> Run:
    """Analyse the tokenizers of open models.

    Args:
        models: opened with or without weights, which are not used.
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
        analyse(name, tokenizer, options, progress)
        for name, tokenizer in zip(ids, tokenizers, strict=True)
    ]
    for model in models:
        model.core.require_unchanged()
    infos = [_info(name, model) for name, model in zip(ids, models, strict=True)]
    hashes = {info.id: info.vocabulary_sha256 for info in infos}
    pairs = list(combinations(found, 2))
    differing = [(a, b) for a, b in pairs if hashes[a.id] != hashes[b.id]]
    exhibits = [
        table_exhibit(table, collection=name)
        for name, tables in options.collections.items()
        for table in tables.values()
    ]
    exhibits += [e for item in found for e in tokenizer_exhibits(item)]
    exhibits += [e for pair in differing for e in pair_exhibits(*pair)]
    if holds_paper_lists(options.collections):
        exhibits += [exhibit for item in found for exhibit in _paper(item)]
    rows = [row for item in found for row in tokenizer_rows(item)]
    for a, b in pairs:
        rows += pair_rows(a, b, identical=hashes[a.id] == hashes[b.id])
    return Run(
        command="vocab",
        options={"collections": list(options.collections)},
        provenance=provenance(threads=1, devices=[]),
        models=infos,
        population=_population(options.corpus),
        measurements=rows,
        exhibits=exhibits,
        notes=[note for item in found for note in tokenizer_notes(item)],
    )


def _info(id: str, model: Model) -> ModelInfo:  # noqa: A002 - the field's own name
    return ModelInfo(id=id, path=str(model.path), sha256="", **model_facts(model))


def _population(corpus: Corpus) -> Population:
    """Describe the text that was tokenized; nothing of it was scored."""
    return Population(
        origin=corpus.origin,
        sha256=corpus.sha256,
        n_documents=len(corpus),
        n_bytes=corpus.n_bytes,
        languages={name: len(group) for name, group in corpus.by_language().items()},
        n_scored_documents=0,
        n_windows=0,
        n_tokens=0,
        n_ctx=0,
        stride=0,
        prefix=[],
        seed=0,
    )


def _paper(item: Analysed) -> list[Exhibit]:
    """Set the paper's numbers beside ours, where the tokenizer is one of the paper's."""
    entry = find_paper_tokenizer(item.tokenizer.features.pieces)
    if entry is None:
        return []
    lines = paper_lines(entry, item.coverage["paper"], item.tokenizer)
    return [Exhibit(kind="paper", model=item.id, content={"name": entry["name"], "lines": lines})]
