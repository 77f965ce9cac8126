"""The shipped corpus and the reading of a user's files and folders."""

from __future__ import annotations

import ast
import os
import re
from itertools import combinations
from pathlib import Path

import pytest

from pyengine.errors import CorpusError
from pyengine.models.model import open_model
from pyengine.models.options import ModelOptions
from pyengine.text.documents import TEXT, language_of, load_corpus, shipped_corpus
from pyengine.vocabulary.keywords import LANGUAGES

PROJECT = Path(__file__).parent.parent
# Those that need the fewest tokens for a text come first.
TOKENIZERS = ("llama-bpe", "qwen2", "deepseek-v3", "gemma-4", "deepseek-llm", "gpt-2", "llama-spm")
_WORDS = re.compile(r"\w+|[^\w\s]")


def test_the_shipped_corpus_has_ten_documents_or_more_in_each_of_twelve_languages() -> None:
    grouped = shipped_corpus().by_language()
    assert sorted(grouped) == sorted(LANGUAGES)
    assert all(len(documents) >= 10 for documents in grouped.values())
    assert len(shipped_corpus()) >= 120


def test_the_shipped_corpus_is_the_one_that_the_documentation_describes() -> None:
    corpus = shipped_corpus()
    text = (PROJECT / "docs" / "compare.md").read_text()
    assert corpus.sha256 in text
    assert f"{len(corpus)} documents, {corpus.n_bytes:,} bytes" in text


def test_the_shipped_corpus_is_text_and_its_python_compiles() -> None:
    for document in shipped_corpus():
        text = document.content.decode("utf-8")
        assert text.endswith("\n")
        assert "\r" not in text
        if document.language == "python":
            ast.parse(text)


def test_each_shipped_document_is_worth_400_tokens_of_the_embedded_model(embedded: Path) -> None:
    assert _too_short(embedded) == []


@pytest.mark.parametrize("name", TOKENIZERS)
def test_each_shipped_document_is_worth_400_tokens_of_well_known_tokenizers(
    shared: Path, name: str
) -> None:
    path = shared / "vocabs" / f"ggml-vocab-{name}.gguf"
    if not path.is_file():
        pytest.skip(f"no {path.name} in ../shared/vocabs")
    assert _too_short(path) == []


def _too_short(model: Path) -> list[tuple[str, int]]:
    """Name the shipped documents of fewer than 400 tokens, and how many they have."""
    with open_model(model, options=ModelOptions(vocabulary_only=True)) as opened:
        counts = [(d.name, len(opened.vocabulary.tokenize(d.content))) for d in shipped_corpus()]
    return [(name, n) for name, n in counts if n < 400]


def test_no_two_shipped_documents_are_alike() -> None:
    documents = shipped_corpus().documents
    shingles = [_runs(_WORDS.findall(d.content.decode()), 8) for d in documents]
    passages = [_runs(_telling_lines(d.content.decode()), 6) for d in documents]
    for i, j in combinations(range(len(documents)), 2):
        names = (documents[i].name, documents[j].name)
        common = len(shingles[i] & shingles[j])
        assert common / (len(shingles[i]) + len(shingles[j]) - common) < 0.03, names
        assert not passages[i] & passages[j], names


def _runs(items: list[str], n: int) -> set[tuple[str, ...]]:
    return {tuple(items[i : i + n]) for i in range(len(items) - n + 1)}


def _telling_lines(text: str) -> list[str]:
    """Return the lines of more than three characters: no lone brackets, no `end`."""
    return [line.strip() for line in text.splitlines() if len(line.strip()) > 3]


def test_without_paths_the_shipped_corpus_is_loaded() -> None:
    assert load_corpus().sha256 == shipped_corpus().sha256
    assert load_corpus().origin == "shipped"


def test_folders_are_searched_in_order_and_files_taken_as_named(tmp_path: Path) -> None:
    (tmp_path / "b.py").write_text("x = 1\n")
    (tmp_path / "a.rs").write_text("fn main() {}\n")
    (tmp_path / "notes.txt").write_text("words\n")
    (tmp_path / "empty.go").write_text("")
    (tmp_path / "blob.c").write_bytes(b"\0\1")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "c.py").write_text("x")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "d.js").write_text("x")
    corpus = load_corpus([tmp_path, tmp_path / "notes.txt", tmp_path / "b.py"])
    assert [Path(d.name).name for d in corpus] == ["a.rs", "b.py", "notes.txt"]
    assert [d.language for d in corpus] == ["rust", "python", TEXT]


def test_language_by_file_name() -> None:
    assert language_of("x/App.TSX") == "react"
    assert language_of("a.h") == "c"
    assert language_of("Makefile") is None


def test_lines_are_counted_with_and_without_a_last_end(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("a\nb")
    (tmp_path / "two.py").write_text("a\nb\n")
    assert [d.n_lines for d in load_corpus([tmp_path])] == [2, 2]


def test_what_cannot_be_measured_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="absent"):
        load_corpus([tmp_path / "absent"])
    with pytest.raises(CorpusError, match="no text to measure"):
        load_corpus([tmp_path])
    (tmp_path / "blob.py").write_bytes(b"\0")
    with pytest.raises(CorpusError, match="binary"):
        load_corpus([tmp_path / "blob.py"])
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CorpusError, match="a named pipe"):
        load_corpus([tmp_path / "pipe"])
