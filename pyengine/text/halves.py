"""Two halves of a corpus: one to choose by, and one that took no part in the choice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from pyengine.errors import CorpusError
from pyengine.text.documents import Corpus, Document
from pyengine.text.windows import document_order


@dataclass(frozen=True)
class Halves:
    """The halves of a corpus, which share no document: what is chosen by one is shown by the other.

    Attributes:
        choosing: documents that decide.
        held_out: documents that took no part.
    """

    choosing: Corpus
    held_out: Corpus


def halves(corpus: Corpus, *, seed: int) -> Halves:
    """Draw two halves of a corpus, each with the same share of every language.

    Of each language, and of the whole, one half has at most one document more. Documents of the
    same content stay together, and keep their order.

    Args:
        corpus: two different documents at least.
        seed: of the draw; the same corpus and seed give the same halves.

    Raises:
        CorpusError: there are not two documents that differ.
    """
    copies: dict[bytes, list[int]] = defaultdict(list)
    for number, document in enumerate(corpus):
        copies[document.content].append(number)
    if len(copies) < 2:
        raise CorpusError(
            f"{corpus.origin}: one document cannot be halved into one part to choose by and one to "
            "check the choice on; give two or more that differ"
        )
    chosen = set(_drawn(corpus.documents, list(copies.values()), seed=seed))
    parts: tuple[list[Document], list[Document]] = ([], [])
    for number, document in enumerate(corpus):
        parts[number not in chosen].append(document)
    choosing, held_out = (Corpus(tuple(part), corpus.origin) for part in parts)
    return Halves(choosing, held_out)


def _drawn(documents: tuple[Document, ...], copies: list[list[int]], *, seed: int) -> Iterator[int]:
    """Yield the documents of one half: every second of each language, in an order drawn.

    The odd document of a language falls to each half in turn, so that they do not add up.
    """
    languages = [documents[same[0]].language for same in copies]
    by_language: dict[str, list[int]] = defaultdict(list)
    for number in document_order(languages, seed=seed):
        by_language[languages[number]].append(number)
    turn = True
    for numbers in by_language.values():
        for number in numbers:
            if turn:
                yield from copies[number]
            turn = not turn
