"""Analyse tokenizers one by one, and every two of them together: from models to one run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from pyengine.errors import TokenizerError
from pyengine.measure.documents import population
from pyengine.measure.exhibits import table_exhibit
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
from pyengine.models.model import Model, Vocabulary
from pyengine.run.record import Run
from pyengine.text.classes import (
    SyntaxClass,
    classify_bytes,
    classify_tokens,
    classify_white_space,
)
from pyengine.text.documents import Corpus, Document
from pyengine.text.parsing import PARSED_LANGUAGES
from pyengine.text.windows import WindowOptions
from pyengine.vocabulary.coverage import coverage
from pyengine.vocabulary.integrity import piece_faults, round_trips
from pyengine.vocabulary.keywords import KeywordTable
from pyengine.vocabulary.offsets import token_offsets
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


def fertility(vocabulary: Vocabulary, documents: Iterable[Document]) -> Counter[str]:
    """Tokenize documents, one by one and without special tokens, and count.

    Returns:
        documents, those that are refused because the tokenizer has no token for a byte not among
        them; refused; n_bytes, n_lines and tokens; located and located_tokens, the bytes and
        tokens of documents whose tokens could be located, of which alone the rest is known:
        keywords and keyword_tokens, occurrences of keywords and the tokens that touch them, each
        occurrence counted alone; indentation_tokens, which are indentation and nothing else but
        white space; and where the language has a parser "CLASS tokens", by the class of a token's
        first solid byte, and "CLASS bytes" for each `SyntaxClass` by its label.
    """
    total: Counter[str] = Counter()
    for document in documents:
        try:
            total.update(_counts(vocabulary, document))
        except TokenizerError:
            total["refused"] += 1
    return total


def _counts(vocabulary: Vocabulary, document: Document) -> dict[str, int]:
    text = document.content
    ids = vocabulary.tokenize(text)
    counts = {
        "documents": 1,
        "n_bytes": len(text),
        "n_lines": document.n_lines,
        "tokens": int(ids.size),
    }
    offsets = token_offsets(vocabulary, ids, text)
    if offsets is None:
        return counts
    parsed = document.language in PARSED_LANGUAGES
    classes = classify_bytes(text, document.language) if parsed else classify_white_space(text)
    tokens = classify_tokens(classes, offsets)
    inside = np.concatenate(([0], (classes == SyntaxClass.KEYWORD).astype(np.int8), [0]))
    starts, ends = (np.flatnonzero(np.diff(inside) == step) for step in (1, -1))
    counts |= {
        "located": len(text),
        "located_tokens": int(ids.size),
        "keywords": starts.size,
        "keyword_tokens": _touching(offsets, starts, ends),
        "indentation_tokens": int(np.count_nonzero(tokens == SyntaxClass.INDENTATION)),
    }
    for name in np.unique(classes).tolist() if parsed else ():
        label = SyntaxClass(name).label
        counts[f"{label} tokens"] = int(np.count_nonzero(tokens == name))
        counts[f"{label} bytes"] = int(np.count_nonzero(classes == name))
    return counts


def _touching(
    offsets: npt.NDArray[np.int64], starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]
) -> int:
    """Return the number of tokens that cover bytes of the spans, span by span."""
    first = np.searchsorted(offsets, starts, side="right") - 1
    last = np.searchsorted(offsets, ends, side="left")
    return int((last - first).sum())
