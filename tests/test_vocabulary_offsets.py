"""Where tokens lie in a text: added spaces, swallowed ones, and bytes that are not UTF-8."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vocabulary_files import pieces_of, write_vocabulary

from pyengine.errors import TokenizerError
from pyengine.models.model import Vocabulary, open_model
from pyengine.models.options import ModelOptions
from pyengine.vocabulary.offsets import spell, token_offsets
from pyengine.vocabulary.tokens import TokenKind

NORMAL, CONTROL = TokenKind.NORMAL, TokenKind.CONTROL
WORDS = st.sampled_from(["if", " ", "x", "<s>", "</s>", "é", "😀", "▁", "\n", "\t"])


def places(pieces: list[bytes], text: bytes, kinds: Sequence[int] = ()) -> list[int] | None:
    found = token_offsets(pieces_of(pieces, kinds), list(range(len(pieces))), text)
    return None if found is None else found.tolist()


def open_kind(folder: Path, kind: str) -> Vocabulary:
    path = write_vocabulary(folder / f"{kind}.gguf", kind)
    return open_model(path, options=ModelOptions(vocabulary_only=True)).vocabulary


@pytest.fixture(scope="module")
def bpe(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    return open_kind(tmp_path_factory.mktemp("bpe"), "bpe")


@pytest.fixture(scope="module")
def spm(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    return open_kind(tmp_path_factory.mktemp("spm"), "spm")


@settings(deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=4), min_size=1, max_size=8))
def test_offsets_cut_the_text_into_its_pieces(pieces: list[bytes]) -> None:
    text = b"".join(pieces)
    offsets = places(pieces, text)
    assert offsets is not None
    assert [text[a:b] for a, b in itertools.pairwise(offsets)] == pieces


def test_a_space_before_the_text_is_no_part_of_it() -> None:
    assert places([b" if", b" x"], b"if x") == [0, 2, 4]
    assert places([b"IF"], b"if") is None
    assert token_offsets(pieces_of([b"a"]), [-1], b"a") is None
    assert spell(pieces_of([b" if", b" x"]), [0, 1], b"if x")
    assert not spell(pieces_of([b"IF"]), [0], b"if")
    assert not spell(pieces_of([b"a"]), [-1], b"a")


def test_a_space_after_a_special_token_is_no_part_of_the_text() -> None:
    pieces, kinds = [b"<s>", b" Hi", b"<e>", b" y"], [CONTROL, NORMAL, CONTROL, NORMAL]
    assert places(pieces, b"<s>Hi<e>y", kinds) == [0, 3, 5, 8, 9]
    assert places(pieces, b"<s> Hi<e> y", kinds) == [0, 3, 6, 9, 11]
    assert places([b"a", *pieces[1:]], b"aHi<e>y", [NORMAL, *kinds[1:]]) is None


def test_white_space_that_special_tokens_swallow_is_theirs() -> None:
    pieces, kinds = [b"<u>", b" Hi", b"<e>", b"<a>"], [CONTROL, NORMAL, CONTROL, CONTROL]
    assert places(pieces, b"<u>\nHi<e>\n<a>\n", kinds) == [0, 4, 6, 10, 14]
    assert places([b"a", b"<m>"], b"a  <m>", [NORMAL, CONTROL]) == [0, 1, 6]


def test_bytes_that_are_not_utf_8_keep_their_places() -> None:
    replaced = "\ufffd".encode()
    assert places([b"a", replaced * 2, b"b"], b"a\xff\xfeb") == [0, 1, 3, 4]
    assert places([replaced[:1], replaced[1:2], replaced[2:], b"x"], b"\xe9x") == [0, 1, 1, 1, 2]
    assert places([b"/", b"x"], b"\xc0\xafx") == [0, 2, 3]  # a slash, written too long
    assert places([b"\xed\xa0\x80"], b"\xed\xa0\x80") == [0, 3]


def test_a_broken_character_may_take_a_space_apart() -> None:
    pieces = [b" ", b"\xe9", b"\xe2", b"\x96", b"\x81", b"a"]
    assert places(pieces, b"\xe9 a") == [0, 0, 1, 2, 2, 2, 3]


def test_a_sentencepiece_space_in_the_text_is_read_as_a_space() -> None:
    assert places([b" a", b" b"], "a▁b".encode()) == [0, 1, 5]


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=12))
def test_any_bytes_have_places_in_byte_pair_tokenizers(bpe: Vocabulary, text: bytes) -> None:
    try:
        ids = bpe.tokenize(text)
    except TokenizerError:  # beyond the last code point
        return
    check(bpe, ids.tolist(), text)


@settings(deadline=None, max_examples=200)
@given(st.one_of(st.binary(max_size=12), st.lists(WORDS, max_size=8).map("".join)))
def test_any_bytes_have_places_in_sentencepiece(spm: Vocabulary, text: bytes | str) -> None:
    content = text.encode() if isinstance(text, str) else text
    for parse_special in (False, True):
        check(spm, spm.tokenize(content, parse_special=parse_special).tolist(), content)


def check(vocabulary: Vocabulary, ids: list[int], text: bytes) -> None:
    """Every token covers bytes that its piece ends with, wherever those are valid UTF-8."""
    offsets = token_offsets(vocabulary, ids, text)
    assert offsets is not None
    assert (offsets[0], offsets[-1]) == (0, len(text)) if ids else not text
    assert (np.diff(offsets) >= 0).all()
    for token, start, end in zip(ids, offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        if text.isascii():
            piece = vocabulary.piece(token)
            assert text[start:end] in (piece, piece[1:])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("phi-3", b"<|user|>\nHello there<|end|>\n<|assistant|>\n"),
        ("llama-spm", b"<s>Hi</s> there"),
        ("qwen2", b"caf\xe9 \xf0\x9f\x98\x80 \xff\xfe a\0b\r\n\tx\n"),
        ("gemma-4", b"caf\xe9 \xff a"),
    ],
)
def test_places_in_real_tokenizers(shared: Path, name: str, text: bytes) -> None:
    path = shared / "vocabs" / f"ggml-vocab-{name}.gguf"
    vocabulary = open_model(path, options=ModelOptions(vocabulary_only=True)).vocabulary
    ids = vocabulary.tokenize(text, parse_special=True).tolist()
    offsets = token_offsets(vocabulary, ids, text)
    assert offsets is not None
    assert offsets[-1] == len(text)
    for token, start, end in zip(ids, offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        piece, covered = vocabulary.piece(token), text[start:end]
        if covered.isascii():
            assert covered.strip() == piece.strip()
