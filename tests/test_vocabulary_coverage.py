"""Coverage and controls on a vocabulary small enough to see through."""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt
import pytest
from vocabulary_files import pieces_of

from pyengine.models.model import Vocabulary
from pyengine.vocabulary.controls import english_like_words, english_words, like_words
from pyengine.vocabulary.coverage import (
    bare_ids,
    bare_tokens,
    coverage,
    each_once,
    find_forms,
    id_statistics,
    missing,
    variant_sets,
)
from pyengine.vocabulary.keywords import Keyword, KeywordTable, WordClass, load_tables
from pyengine.vocabulary.tokens import Pieces


class Toy(Pieces):
    """A tokenizer that takes the longest piece it knows."""

    def tokenize(
        self, text: bytes | str, *, add_special: bool = False, parse_special: bool = False
    ) -> npt.NDArray[np.int32]:
        assert (add_special, parse_special) == (False, False)
        rest = text.encode() if isinstance(text, str) else text
        pieces = [self.piece(token) for token in range(self.size)]
        found = []
        while rest:
            piece = max((p for p in pieces if rest.startswith(p)), key=len)
            found.append(pieces.index(piece))
            rest = rest[len(piece) :]
        return np.array(found, np.int32)


PIECES = pieces_of([b"if", b" if", b"IF", b" else", b"\tfor", b"\nfor", b"e", b"l", b"se", b"for"])
TOY = cast(Vocabulary, Toy(PIECES.data, PIECES.offsets, PIECES.kinds))


def table(*words: tuple[str, WordClass]) -> KeywordTable:
    keywords = tuple(Keyword(word, cls, "1", "test") for word, cls in words)
    return KeywordTable("toy", "Toy", "1", keywords, "test")


def test_forms_are_found_by_exact_bytes() -> None:
    assert find_forms(TOY, "if") == {"bare": 0, "space": 1}
    assert find_forms(TOY, "if", ["bare"]) == {"bare": 0}
    assert set(find_forms(TOY, "for")) == {"bare", "tab", "newline"}
    assert bare_tokens(TOY, ["if", "else", "for"]) == {"if": 0, "for": 9}
    assert variant_sets(TOY, ["if"])["case"] == [2]
    assert variant_sets(TOY, ["if"])["any"] == [0, 1, 2]


def test_coverage_counts_forms_names_what_is_missing_and_splits_it() -> None:
    words = table(
        ("if", WordClass.RESERVED), ("else", WordClass.RESERVED), ("see", WordClass.BUILTIN)
    )
    found = coverage(TOY, {"toy": words})["toy"]
    assert missing(found, "bare") == ["else", "see"]
    assert missing(found, "space") == missing(found) == ["see"]
    assert [w.split for w in found] == [(), (6, 7, 8), (8, 6)]
    assert bare_ids(found).tolist() == [0]


def test_the_union_counts_a_shared_word_once() -> None:
    one = table(("if", WordClass.RESERVED), ("for", WordClass.RESERVED))
    two = table(("if", WordClass.RESERVED))
    parts = coverage(TOY, {"one": one, "two": two})
    assert len(each_once(parts.values())) == 2


def test_statistics_of_ids() -> None:
    found = id_statistics([10, 20, 60], n_text=100)
    assert found == pytest.approx({"mean": 30.0, "median": 20.0, "max": 60.0, "share": 0.3})
    assert id_statistics([], n_text=100) == {}


def test_the_word_list_is_plain_and_of_use_at_every_length() -> None:
    words = english_words()
    assert len(words) == len(set(words)) > 2000
    assert all(word.isascii() and word.isalpha() and word.islower() for word in words)
    lengths = {len(word) for word in words}
    assert set(range(2, 15)) <= lengths


def test_words_are_alike_by_length_and_forms() -> None:
    pieces = [b"while", b" while", b"house", b" house", b"House", b"place", b" place", b"horse"]
    found = like_words(pieces_of(pieces), ["while", "house", "House", "place", "horse", "absent"])
    assert found == {
        (5, ("bare lower",)): {"horse": (7,)},
        (5, ("bare lower", "space lower", "bare capitalised")): {"house": (2, 3, 4)},
        (5, ("bare lower", "space lower")): {"place": (5, 6), "while": (0, 1)},
    }


def test_underscores_and_single_letters_are_like_nothing() -> None:
    pieces = [b"_", b"a", b"C", b"_Bool", b"u8", b"do"]
    words = [piece.decode() for piece in pieces]
    assert like_words(pieces_of(pieces), words) == {(2, ("bare lower",)): {"do": (5,)}}


def test_english_words_that_are_keywords_are_no_controls() -> None:
    vocabulary, tables = pieces_of([w.encode() for w in english_words()]), load_tables()
    found = english_like_words(vocabulary, tables)
    every_keyword = {word.lower() for t in tables.values() for word in t.words()}
    words = {word for alike in found.values() for word in alike}
    assert words == {word for word in english_words() if len(word) > 1} - every_keyword
    # The most frequent words are those that keywords must be held against.
    assert {"the", "and", "is", "of", "to", "in", "for"} <= set(english_words())
