"""The shipped corpus and the reading of a user's files and folders."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

from pyengine.errors import CorpusError
from pyengine.text.documents import TEXT, language_of, load_corpus, shipped_corpus
from pyengine.vocabulary.keywords import LANGUAGES


def test_the_shipped_corpus_has_130_lines_or_more_in_each_of_twelve_languages() -> None:
    grouped = shipped_corpus().by_language()
    assert sorted(grouped) == sorted(LANGUAGES)
    for language, documents in grouped.items():
        assert len(documents) >= 3
        assert sum(d.n_lines for d in documents) >= 130, language


def test_the_shipped_corpus_is_text_and_its_python_compiles() -> None:
    for document in shipped_corpus():
        text = document.content.decode("utf-8")
        assert text.endswith("\n")
        assert "\r" not in text
        if document.language == "python":
            ast.parse(text)


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
