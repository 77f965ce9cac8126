"""Token classes by exact bytes, checked against slow rules written one token at a time."""

from __future__ import annotations

import string
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vocabulary_files import pieces_of

from pyengine.vocabulary.piece_features import PieceFeatures
from pyengine.vocabulary.token_classes import CLASSES, TokenClass, TokenClasses, classify
from pyengine.vocabulary.tokens import TokenKind

PUNCTUATION = set(string.punctuation.encode()) - {ord("_")}
piece_lists = st.lists(
    st.binary(max_size=6) | st.text(max_size=6).map(str.encode), min_size=1, max_size=30
)


def classes_of(pieces: Sequence[bytes], kinds: Sequence[int] = ()) -> TokenClasses:
    return classify(PieceFeatures(pieces_of(pieces, kinds)))


def class_of(piece: bytes) -> TokenClass:
    return CLASSES[int(classes_of([b"x", piece, b""]).primary[1])]


@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        (b"    ", TokenClass.SPACES),
        (b"\t\t", TokenClass.TABS),
        (b"\n    ", TokenClass.NEWLINES),
        (b" \t", TokenClass.OTHER_WHITESPACE),
        ("\u00a0".encode(), TokenClass.OTHER_WHITESPACE),
        (b" (", TokenClass.BRACKET),
        (b"}}\n", TokenClass.BRACKET),
        (b'"""\n', TokenClass.STRING_QUOTE),
        (b"f'", TokenClass.STRING_QUOTE),
        (b"/**\n", TokenClass.COMMENT_OPENER),
        (b" #", TokenClass.COMMENT_OPENER),
        (b"//-----", TokenClass.COMMENT_OPENER),
        (b"##", TokenClass.MARKDOWN),
        (b"```python", TokenClass.MARKDOWN),
        (b" ->", TokenClass.OPERATOR),
        (b"::", TokenClass.OPERATOR),
        (b"**", TokenClass.OPERATOR),
        (b";\n", TokenClass.PUNCTUATION),
        (b" 42", TokenClass.DIGITS),
        (b"();", TokenClass.MIXED_SYMBOLS),
        (b".5", TokenClass.MIXED_SYMBOLS),
        (b".Class", TokenClass.PUNCTUATED_IDENTIFIER),
        (b"-webpack", TokenClass.PUNCTUATED_IDENTIFIER),
        (b"__init__", TokenClass.IDENTIFIER_PART),
        (b"toString", TokenClass.IDENTIFIER_PART),
        (b" i32", TokenClass.IDENTIFIER_PART),
        (b" return", TokenClass.LATIN),
        ("été".encode(), TokenClass.LATIN_EXTENDED),
        ("слово".encode(), TokenClass.CYRILLIC),
        ("中文".encode(), TokenClass.HAN),
        ("でした".encode(), TokenClass.KANA),
        ("今の".encode(), TokenClass.KANA),
        ("한국".encode(), TokenClass.HANGUL),
        ("aя".encode(), TokenClass.OTHER_SCRIPT),
        ("→".encode(), TokenClass.OTHER),
        (b"\xe4\xb8", TokenClass.BYTES),
        (b"\x00", TokenClass.OTHER),
    ],
)
def test_class_of_one_piece(piece: bytes, expected: TokenClass) -> None:
    assert class_of(piece) is expected


def test_kinds_come_before_bytes() -> None:
    kinds = [TokenKind.CONTROL, TokenKind.UNUSED, TokenKind.BYTE, TokenKind.USER_DEFINED]
    pieces = [b"<s>", b"(", b"\x0a", b"[PAD3]"]
    primary = classes_of(pieces, kinds).primary
    assert [CLASSES[i] for i in primary] == [
        TokenClass.CONTROL,
        TokenClass.UNUSED,
        TokenClass.BYTES,
        TokenClass.UNUSED,
    ]


@settings(deadline=None, max_examples=60)
@given(piece_lists)
def test_the_classes_are_a_partition(pieces: list[bytes]) -> None:
    classes = classes_of(pieces)
    assert sum(classes.counts().values()) == len(pieces)
    seen = np.concatenate([classes.ids(c) for c in CLASSES])
    assert sorted(seen.tolist()) == list(range(len(pieces)))


@settings(deadline=None, max_examples=60)
@given(piece_lists)
def test_a_token_is_classed_by_its_own_bytes_alone(pieces: list[bytes]) -> None:
    together = [CLASSES[i] for i in classes_of(pieces).primary]
    assert together == [class_of(piece) for piece in pieces]


@settings(deadline=None, max_examples=60)
@given(piece_lists)
def test_the_papers_rules_against_their_one_line_definitions(pieces: list[bytes]) -> None:
    sets = classes_of(pieces).sets
    special = [i for i, p in enumerate(pieces) if PUNCTUATION & set(p)]
    dead = [i for i, p in enumerate(pieces) if p and not p.decode("utf-8", "replace").strip()]
    assert sets["paper: special"].tolist() == special
    assert sets["paper: dead"].tolist() == dead


@settings(deadline=None, max_examples=60)
@given(piece_lists)
def test_white_space_and_invalid_pieces_against_a_slow_rule(pieces: list[bytes]) -> None:
    classes = classes_of(pieces)
    broken = [i for i, p in enumerate(pieces) if "\ufffd" in p.decode("utf-8", "replace")]
    written = [i for i in broken if "\ufffd".encode() not in pieces[i]]
    assert set(written) <= set(classes.ids(TokenClass.BYTES).tolist())
    spaces = [i for i, p in enumerate(pieces) if p and not p.strip(b" ")]
    assert classes.ids(TokenClass.SPACES).tolist() == spaces


def test_an_empty_vocabulary_has_no_classes() -> None:
    classes = classes_of([])
    assert isinstance(classes, TokenClasses)
    assert set(classes.counts().values()) == {0}
