"""Coverage and controls on a vocabulary small enough to see through."""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt
import pytest
from vocabulary_files import pieces_of

from pyengine.models.model import Vocabulary
from pyengine.vocabulary.controls import english_words, match_controls
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


def test_controls_are_as_long_near_in_id_unique_and_no_keywords() -> None:
    tables = load_tables()
    pieces = [w.encode() for w in (*english_words(), "if", "while", "return", "class", "lambda")]
    vocabulary = pieces_of(pieces)
    size = len(pieces)
    keywords = ["if", "while", "return", "class", "lambda", "absent", "if"]
    controls = match_controls(vocabulary, keywords, size=size, tables=tables, seed=3)
    assert controls == match_controls(vocabulary, keywords, size=size, tables=tables, seed=3)
    every_keyword = {word.lower() for t in tables.values() for word in t.words()}
    assert controls.keys() <= set(keywords) - {"absent"}
    assert len(set(controls.values())) == len(controls) > 0
    for keyword, word in controls.items():
        assert len(word) == len(keyword)
        assert word not in every_keyword
        ids = bare_tokens(vocabulary, [keyword, word])
        assert abs(ids[word] * 10 // size - ids[keyword] * 10 // size) <= 1


def test_a_keyword_without_a_word_of_its_length_and_range_is_left_unmatched() -> None:
    vocabulary = pieces_of([b"while", *([b"x%d" % i for i in range(98)]), b"house"])
    assert match_controls(vocabulary, ["while"], size=100, tables=load_tables()) == {}
