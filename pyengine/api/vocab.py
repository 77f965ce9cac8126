"""`vocab`: how tokenizers encode programming languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pyengine.api.arguments import (
    Named,
    Names,
    Progress,
    Words,
    choose_languages,
    model_names,
    names,
    silent,
    usable_model,
    words,
)

if TYPE_CHECKING:
    from pyengine.models.model import Model
    from pyengine.run.record import Run
    from pyengine.vocabulary.keywords import KeywordTable


def vocab(
    models: Names = None,
    *,
    corpus: Names = None,
    keywords: Names = None,
    language: Words = None,
    collection: str = "reference",
    progress: Progress = silent,
) -> Run:
    """Analyse how tokenizers encode programming languages; no weight is read.

    Args:
        models: one or several GGUF files, with or without weights; none: the embedded model.
        corpus: files or folders of text; None: the shipped programs in twelve languages.
        keywords: keyword tables (TOML) that extend or replace shipped ones.
        language: only these languages, by table name.
        collection: keyword tables: "reference" (language references) or "paper" (its lists).
        progress: called with what is being done and the part that is done.

    Returns:
        a run of shares from 0 to 1, bytes, tokens and ids; every two models are set side by side.
        Its models have no hash of their file, which is not read whole.

    Raises:
        ModelFileError: a file cannot be used, or changed meanwhile.
        TokenizerError: a model has no tokenizer.
        KeywordTableError, CorpusError, OptionError: an argument cannot be used.

    Examples:
        >>> pyengine.vocab("embedded:base").table("tokens_per_1000_bytes")
    """
    from pyengine.measure.vocab import vocab as analyse
    from pyengine.text.documents import load_corpus

    collections = _collections(collection, names(keywords), words(language))
    documents = load_corpus(names(corpus))
    sources: Sequence[Named | None] = model_names(models) or [None]
    opened = [_open(source) for source in sources]
    return analyse(opened, collections, documents, progress=progress)


def _collections(
    collection: str, files: list[Named], languages: list[str]
) -> dict[str, Mapping[str, KeywordTable]]:
    """Return the tables asked for, and beside them those of the paper as they are."""
    from pyengine.vocabulary.keywords import load_tables

    tables = load_tables(collection, extra=files)  # type: ignore[arg-type]
    chosen, paper = choose_languages(tables, languages), load_tables("paper")
    changed = collection == "paper" and dict(chosen) != dict(paper)
    return {"paper, changed" if changed else collection: chosen, "paper": paper}


def _open(source: Named | None) -> Model:
    from pyengine.models.model import open_model
    from pyengine.models.options import ModelOptions

    path = usable_model(source, vocabulary_only=True)
    return open_model(path, options=ModelOptions(vocabulary_only=True))
