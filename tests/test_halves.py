"""Two halves of a corpus, one to choose by and one that takes no part."""

from collections import Counter

import pytest

from pyengine.errors import CorpusError
from pyengine.text.documents import Corpus, Document, shipped_corpus
from pyengine.text.halves import Halves, halves


def drawn(languages: dict[str, int], *, seed: int = 1) -> tuple[Corpus, Halves]:
    documents = [
        Document(f"{language}/{n}", language, f"{language} {n}\n".encode())
        for language, count in languages.items()
        for n in range(count)
    ]
    corpus = Corpus(tuple(documents), "mine")
    return corpus, halves(corpus, seed=seed)


@pytest.mark.parametrize("seed", range(20))
def test_each_document_is_in_one_half(seed: int) -> None:
    corpus, found = drawn({"c": 7, "go": 4, "php": 1, "rust": 3}, seed=seed)
    names = [d.name for d in (*found.choosing, *found.held_out)]
    assert sorted(names) == sorted(d.name for d in corpus)
    for half in (found.choosing, found.held_out):
        assert [d for d in corpus if d in half.documents] == list(half.documents)
        assert half.origin == "mine"


@pytest.mark.parametrize("seed", range(20))
def test_languages_have_the_same_share_of_both(seed: int) -> None:
    _, found = drawn({"c": 7, "go": 4, "php": 1, "rust": 3, "java": 5}, seed=seed)
    left, right = (Counter(d.language for d in half) for half in (found.choosing, found.held_out))
    assert all(abs(left[name] - right[name]) <= 1 for name in left | right)
    assert left["go"] == right["go"] == 2
    assert abs(len(found.choosing) - len(found.held_out)) <= 1


def test_a_seed_decides() -> None:
    corpus, first = drawn({"c": 30}, seed=1)
    assert halves(corpus, seed=1) == first
    assert halves(corpus, seed=2).choosing != first.choosing
    assert first.choosing.sha256 != first.held_out.sha256


def test_the_shipped_halves_have_five_documents_of_each_language() -> None:
    found = halves(shipped_corpus(), seed=20260102)
    for half in (found.choosing, found.held_out):
        assert {len(documents) for documents in half.by_language().values()} == {5}
        assert len(half.by_language()) == 12


@pytest.mark.parametrize("seed", range(10))
def test_copies_of_a_document_stay_together(seed: int) -> None:
    texts = [b"a", b"b", b"a", b"c", b"a", b"b"]
    documents = tuple(Document(str(n), "c", text) for n, text in enumerate(texts))
    found = halves(Corpus(documents, "mine"), seed=seed)
    left, right = ({d.content for d in half} for half in (found.choosing, found.held_out))
    assert left | right == {b"a", b"b", b"c"}
    assert not left & right


@pytest.mark.parametrize("copies", [1, 3])
def test_one_document_has_no_halves(copies: int) -> None:
    documents = tuple(Document(str(n), "c", b"text") for n in range(copies))
    with pytest.raises(CorpusError, match=r"mine: one document cannot be halved.*two or more"):
        halves(Corpus(documents, "mine"), seed=1)
