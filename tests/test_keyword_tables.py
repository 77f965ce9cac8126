"""The shipped keyword tables say what their sources say, and a user's table is checked."""

from __future__ import annotations

import builtins
import keyword
import re
from pathlib import Path

import pytest

from pyengine.errors import KeywordTableError
from pyengine.vocabulary.keywords import (
    LANGUAGES,
    WordClass,
    load_table,
    load_tables,
)

PAPER_COUNTS = {
    "python": 35,
    "java": 51,
    "cpp": 93,
    "go": 25,
    "react": 30,
    "javascript": 46,
    "rust": 51,
    "php": 62,
}
HEAD = 'language = "x"\nversion = "1"\n[[groups]]\nclass = "builtin"\nsource = "s"\n'
RESERVED_COUNTS = {"python": 35, "go": 25, "csharp": 77, "ruby": 41, "cpp": 92, "java": 54}


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_the_reference_collection_has_the_twelve_languages_in_order() -> None:
    assert tuple(load_tables()) == LANGUAGES


def test_every_entry_names_its_class_version_and_source() -> None:
    for table in load_tables().values():
        assert table.version
        assert table.origin == "shipped:reference"
        for entry in table:
            assert entry.source
            assert str(entry.url).startswith("https://")
            assert entry.word_class is not WordClass.LISTED


@pytest.mark.parametrize("language", RESERVED_COUNTS)
def test_reserved_words_are_as_many_as_the_reference_counts(language: str) -> None:
    assert len(load_tables()[language].words(WordClass.RESERVED)) == RESERVED_COUNTS[language]


def test_python_words_agree_with_the_interpreter() -> None:
    table = load_tables()["python"]
    assert set(table.words(WordClass.RESERVED)) == set(keyword.kwlist)
    known = set(table.words(WordClass.CONTEXTUAL))
    assert set(keyword.softkwlist) <= known
    assert all(hasattr(builtins, word) for word in table.words(WordClass.BUILTIN))


def test_words_look_like_words() -> None:
    allowed = re.compile(r"[#']?[A-Za-z_][A-Za-z0-9_]*([-? ][a-z]*)?")
    for collection in ("reference", "paper"):
        for table in load_tables(collection).values():
            assert [w for w in table.words() if not allowed.fullmatch(w)] == []


def test_the_paper_collection_has_the_published_counts() -> None:
    tables = load_tables("paper")
    assert {name: len(table) for name, table in tables.items()} == PAPER_COUNTS
    assert sum(len(table) for table in tables.values()) == 393
    assert len({word for table in tables.values() for word in table.words()}) == 219
    assert "yield from" in tables["php"].words()
    assert {k.word_class for t in tables.values() for k in t} == {WordClass.LISTED}


def test_a_user_table_replaces_the_shipped_one(tmp_path: Path) -> None:
    path = write(
        tmp_path / "go.toml",
        'language = "go"\nversion = "mine"\n'
        '[[groups]]\nclass = "reserved"\nsource = "me"\nwords = ["func"]\n',
    )
    tables = load_tables(extra=[path])
    assert tables["go"].words() == ("func",)
    assert tables["go"].origin == str(path)
    assert len(load_tables()["go"]) > 1


def test_a_user_table_extends_the_shipped_one(tmp_path: Path) -> None:
    path = write(
        tmp_path / "go.toml",
        'language = "go"\nversion = "mine"\nextends = true\n'
        '[[groups]]\nclass = "framework"\nsource = "me"\nwords = ["gin", "len"]\n',
    )
    before, after = load_tables()["go"], load_tables(extra=[path])["go"]
    assert set(after.words()) == set(before.words()) | {"gin"}
    assert after.words(WordClass.FRAMEWORK) == ("len", "gin")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("language = 3", "language"),
        ('language = "x"\nversion = "1"', "groups"),
        ("nonsense", "TOML"),
        ('language = "x"\nversion = "1"\ncolour = 1\ngroups = []', "colour"),
        (
            'language = "x"\nversion = "1"\n[[groups]]\nclass = "odd"\nsource = "s"\nwords = ["a"]',
            "odd",
        ),
        (
            HEAD + 'words = ["a", "a"]',
            "twice",
        ),
        (
            HEAD + 'words = [" a"]',
            "' a'",
        ),
    ],
)
def test_a_bad_table_is_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path / "bad.toml", text)
    with pytest.raises(KeywordTableError, match=message) as caught:
        load_table(path)
    assert str(path) in str(caught.value)


def test_missing_file_and_unknown_collection_are_refused(tmp_path: Path) -> None:
    with pytest.raises(KeywordTableError, match="no such file"):
        load_table(tmp_path / "absent.toml")
    with pytest.raises(KeywordTableError, match="unknown keyword collection"):
        load_tables("other")  # type: ignore[arg-type]


def test_extending_an_unknown_language_is_refused(tmp_path: Path) -> None:
    path = write(
        tmp_path / "zig.toml",
        'language = "zig"\nversion = "1"\nextends = true\n'
        '[[groups]]\nclass = "reserved"\nsource = "s"\nwords = ["comptime"]\n',
    )
    with pytest.raises(KeywordTableError, match="zig"):
        load_tables(extra=[path])
