"""Coverage and controls on a vocabulary small enough to see through."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from pyengine.vocabulary.controls import english_words, match_controls
from pyengine.vocabulary.coverage import Form, coverage, find_forms, ranks, union_coverage
from pyengine.vocabulary.keywords import Keyword, KeywordTable, WordClass, load_tables


class Toy:
    """A tokenizer that takes the longest piece it knows."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self.ids = {piece: i for i, piece in enumerate(pieces)}

    def token(self, piece: bytes) -> int | None:
        return self.ids.get(piece)

    def piece(self, id: int) -> bytes:  # noqa: A002
        return list(self.ids)[id]

    def tokenize(
        self, text: bytes | str, *, add_special: bool = False, parse_special: bool = False
    ) -> npt.NDArray[np.int32]:
        assert (add_special, parse_special) == (False, False)
        rest = text.encode() if isinstance(text, str) else text
        found = []
        while rest:
            piece = max((p for p in self.ids if rest.startswith(p)), key=len)
            found.append(self.ids[piece])
            rest = rest[len(piece) :]
        return np.array(found, np.int32)


TOY = Toy([b"if", b" if", b"IF", b" else", b"\tfor", b"\nfor", b"e", b"l", b"se", b"for"])


def table(*words: tuple[str, WordClass]) -> KeywordTable:
    keywords = tuple(Keyword(word, cls, "1", "test") for word, cls in words)
    return KeywordTable("toy", "Toy", "1", keywords, "test")


def test_forms_are_found_by_exact_bytes() -> None:
    forms = find_forms(TOY, "if")
    assert dict(forms.forms) == {Form.BARE: 0, Form.SPACE: 1}
    assert forms.cased == (2,)
    assert forms.tokens == (0, 1, 2)
    assert find_forms(TOY, "if", cases=False).cased == ()
    assert set(find_forms(TOY, "for").forms) == {Form.BARE, Form.TAB, Form.NEWLINE}


def test_coverage_counts_forms_names_what_is_missing_and_splits_it() -> None:
    words = table(
        ("if", WordClass.RESERVED), ("else", WordClass.RESERVED), ("see", WordClass.BUILTIN)
    )
    found = coverage(TOY, {"toy": words})["toy"]
    assert (found.count(Form.BARE), found.count(Form.SPACE), found.count()) == (1, 2, 2)
    assert found.missing(Form.BARE) == ("else", "see")
    assert found.missing() == ("see",)
    assert [w.split for w in found.words] == [(), (6, 7, 8), (8, 6)]
    assert len(found.of(WordClass.BUILTIN)) == 1
    assert found.bare_ids().tolist() == [0]


def test_the_union_counts_a_shared_word_once() -> None:
    one = table(("if", WordClass.RESERVED), ("for", WordClass.RESERVED))
    two = table(("if", WordClass.RESERVED))
    parts = coverage(TOY, {"one": one, "two": two})
    assert len(union_coverage(parts.values())) == 2


def test_ranks_are_plain_statistics_of_ids() -> None:
    found = ranks([10, 20, 60], size=100)
    assert found is not None
    assert (found.present, found.mean, found.median, found.maximum) == (3, 30.0, 20.0, 60)
    assert found.mean_share == pytest.approx(0.3)
    assert ranks([], size=100) is None


def test_the_word_list_is_plain_and_of_use_at_every_length() -> None:
    words = english_words()
    assert len(words) == len(set(words)) > 2000
    assert all(word.isascii() and word.isalpha() and word.islower() for word in words)
    lengths = {len(word) for word in words}
    assert set(range(2, 15)) <= lengths


def test_controls_are_as_long_near_in_id_unique_and_no_keywords() -> None:
    tables = load_tables()
    pieces = [w.encode() for w in (*english_words(), "if", "while", "return", "class", "lambda")]
    vocabulary = Toy(pieces)
    size = len(pieces)
    keywords = ["if", "while", "return", "class", "lambda", "absent", "if"]
    controls = match_controls(vocabulary, keywords, size=size, tables=tables, seed=3)
    assert controls == match_controls(vocabulary, keywords, size=size, tables=tables, seed=3)
    every_keyword = {word.lower() for t in tables.values() for word in t.words()}
    matched = [pair.keyword for pair in controls.pairs]
    assert sorted((*matched, *controls.unmatched)) == sorted(set(keywords) - {"absent"})
    assert len({pair.word for pair in controls.pairs}) == len(controls.pairs)
    for pair in controls.pairs:
        assert len(pair.word) == len(pair.keyword)
        assert pair.word not in every_keyword
        assert abs(pair.word_token * 10 // size - pair.keyword_token * 10 // size) <= 1


def test_a_keyword_without_a_word_of_its_length_and_range_is_left_unmatched() -> None:
    vocabulary = Toy([b"while", *([b"x%d" % i for i in range(98)]), b"house"])
    controls = match_controls(vocabulary, ["while"], size=100, tables=load_tables())
    assert controls.pairs == ()
    assert controls.unmatched == ("while",)
