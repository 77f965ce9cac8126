"""Fertility on code: how many tokens a tokenizer spends, on lines, keywords and indentation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pyengine.errors import TokenizerError
from pyengine.text.classes import (
    SyntaxClass,
    classify_bytes,
    classify_tokens,
    classify_white_space,
)
from pyengine.text.documents import Document
from pyengine.text.parsing import PARSED_LANGUAGES
from pyengine.vocabulary.coverage import Tokenizer
from pyengine.vocabulary.offsets import PieceReader, token_offsets


class Splitter(Tokenizer, PieceReader, Protocol):
    """A vocabulary that splits text and knows the bytes of its tokens."""


@dataclass(frozen=True)
class ClassCount:
    """Tokens of one syntactic class, and the bytes that belong to that class."""

    tokens: int = 0
    n_bytes: int = 0

    def __add__(self, other: ClassCount) -> ClassCount:
        return ClassCount(self.tokens + other.tokens, self.n_bytes + other.n_bytes)


@dataclass(frozen=True)
class Fertility:
    """Token counts over some text; sums over documents add up with `+`.

    keywords, keyword_tokens: occurrences of keywords, and the tokens that touch them, each
    occurrence counted alone. indentation_tokens: tokens that are indentation and nothing else
    but white space. classes: by the class of the token's first solid byte; empty without parser.
    located: bytes in documents whose tokens could be located; the figures by class hold for them.
    """

    documents: int = 0
    refused: int = 0
    n_bytes: int = 0
    n_lines: int = 0
    tokens: int = 0
    located: int = 0
    located_tokens: int = 0
    keywords: int = 0
    keyword_tokens: int = 0
    indentation_tokens: int = 0
    classes: Mapping[SyntaxClass, ClassCount] = field(default_factory=dict)

    def __add__(self, other: Fertility) -> Fertility:
        numbers = {
            name: getattr(self, name) + getattr(other, name)
            for name in self.__dataclass_fields__
            if name != "classes"
        }
        names = sorted({*self.classes, *other.classes})
        none = ClassCount()
        classes = {
            name: self.classes.get(name, none) + other.classes.get(name, none) for name in names
        }
        return Fertility(**numbers, classes=classes)


def measure_documents(vocabulary: Splitter, documents: Iterable[Document]) -> Fertility:
    """Tokenize documents, one by one and without special tokens, and count.

    Documents that the tokenizer refuses, having no token for a byte, are counted as such.
    """
    total = Fertility()
    for document in documents:
        try:
            total += measure_document(vocabulary, document)
        except TokenizerError:
            total += Fertility(refused=1)
    return total


def measure_document(vocabulary: Splitter, document: Document) -> Fertility:
    """Tokenize one document and count; by syntactic class where its language has a parser."""
    text = document.content
    ids = vocabulary.tokenize(text)
    total = Fertility(
        documents=1, n_bytes=len(text), n_lines=document.n_lines, tokens=int(ids.size)
    )
    offsets = token_offsets(vocabulary, ids, text)
    if offsets is None:
        return total
    parsed = document.language in PARSED_LANGUAGES
    bytes_classes = (
        classify_bytes(text, document.language) if parsed else classify_white_space(text)
    )
    tokens = classify_tokens(bytes_classes, offsets)
    starts, ends = _keyword_spans(bytes_classes)
    return total + Fertility(
        located=len(text),
        located_tokens=int(ids.size),
        keywords=starts.size,
        keyword_tokens=_touching(offsets, starts, ends),
        indentation_tokens=int(np.count_nonzero(tokens == SyntaxClass.INDENTATION)),
        classes=_class_counts(tokens, bytes_classes) if parsed else {},
    )


def _keyword_spans(
    classes: npt.NDArray[np.uint8],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    inside = np.concatenate(([0], (classes == SyntaxClass.KEYWORD).astype(np.int8), [0]))
    change = np.diff(inside)
    return np.flatnonzero(change == 1), np.flatnonzero(change == -1)


def _touching(
    offsets: npt.NDArray[np.int64], starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]
) -> int:
    """Return the number of tokens that cover bytes of the spans, span by span."""
    first = np.searchsorted(offsets, starts, side="right") - 1
    last = np.searchsorted(offsets, ends, side="left")
    return int((last - first).sum())


def _class_counts(
    tokens: npt.NDArray[np.uint8], n_bytes: npt.NDArray[np.uint8]
) -> dict[SyntaxClass, ClassCount]:
    token_counts = np.bincount(tokens, minlength=len(SyntaxClass)).tolist()
    byte_counts = np.bincount(n_bytes, minlength=len(SyntaxClass)).tolist()
    return {c: ClassCount(token_counts[c], byte_counts[c]) for c in SyntaxClass if byte_counts[c]}
