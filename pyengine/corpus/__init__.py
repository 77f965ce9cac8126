"""Texts to measure on: the small corpus that is shipped, and the user's own files and folders."""

from pyengine.corpus.documents import (
    TEXT,
    Corpus,
    Document,
    language_of,
    load_corpus,
    shipped_corpus,
)

__all__ = ["TEXT", "Corpus", "Document", "language_of", "load_corpus", "shipped_corpus"]
