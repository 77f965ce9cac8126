"""The exact bytes of every token, from vocabularies whose bytes are known."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import tiny_models
import tiny_tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import Tiny

from pyengine.errors import TokenizerError
from pyengine.models.model import Vocabulary, open_model, vocabulary_sha256

TINY = Tiny()


@pytest.fixture(scope="module")
def bpe(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    return open_model(tiny_models.write_bpe(tmp_path_factory.mktemp("v") / "b.gguf")).vocabulary


@pytest.fixture(scope="module")
def spm(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    return open_model(tiny_models.write_spm(tmp_path_factory.mktemp("v") / "s.gguf")).vocabulary


def test_every_piece_has_the_bytes_that_were_written(bpe: Vocabulary) -> None:
    texts = TINY.pieces()
    expected = [*texts, *(mark.encode() for mark in TINY.controls())]
    assert bpe.pieces()[: len(expected)] == expected
    assert [bpe.piece(i) for i in range(len(expected))] == expected
    assert len(bpe) == bpe.size == TINY.n_vocab


def test_flat_arrays_hold_the_same_pieces(bpe: Vocabulary, spm: Vocabulary) -> None:
    for vocabulary in (bpe, spm):
        data, offsets = vocabulary.piece_arrays()
        joined = data.tobytes()
        cut = [joined[a:b] for a, b in pairwise(offsets.tolist())]
        assert cut == vocabulary.pieces()


def test_repeated_pieces_are_all_tokens_of_equal_bytes(bpe: Vocabulary, spm: Vocabulary) -> None:
    def expected(vocabulary: Vocabulary) -> list[int]:
        pieces = vocabulary.pieces()
        counts = Counter(pieces)
        return [token for token, piece in enumerate(pieces) if piece and counts[piece] > 1]

    for vocabulary in (bpe, spm):
        assert vocabulary.repeated_pieces().tolist() == expected(vocabulary)
    assert expected(spm)  # letters, and the byte tokens of the same bytes


def test_every_text_is_found_by_its_bytes(bpe: Vocabulary) -> None:
    for token, piece in enumerate(TINY.pieces()):
        assert bpe.token(piece) == token
    assert bpe.token(b"no such token") is None
    assert bpe.token(b"") is None


def test_kinds_tell_text_control_and_padding(bpe: Vocabulary) -> None:
    n_text, n_control = len(TINY.pieces()), len(TINY.controls())
    kinds = bpe.kinds
    assert kinds.dtype == np.uint8
    assert set(kinds[:n_text].tolist()) == {tiny_tokenizers.NORMAL}
    assert set(kinds[n_text : n_text + n_control].tolist()) == {tiny_tokenizers.CONTROL}
    assert set(kinds[TINY.padding()].tolist()) == {tiny_tokenizers.UNUSED}


def test_special_tokens_have_their_ids(bpe: Vocabulary, spm: Vocabulary) -> None:
    marks = [bpe.bos, bpe.eos, bpe.fim_prefix, bpe.fim_suffix, bpe.fim_middle]
    first = len(TINY.pieces())
    assert marks == list(range(first, first + 5))
    assert (spm.bos, spm.eos, spm.fim_prefix) == (1, 2, None)


def test_a_token_that_is_not_declared_is_none(tmp_path: Path) -> None:
    """llama.cpp takes GPT-2's id 11 where a byte-level vocabulary declares nothing."""
    tiny = Tiny(bos=False, eos=False)
    vocabulary = open_model(tiny_models.write_bpe(tmp_path / "t.gguf", tiny)).vocabulary
    assert (vocabulary.bos, vocabulary.eos) == (None, None)


def test_sentencepiece_spaces_and_bytes_are_bytes(spm: Vocabulary) -> None:
    assert spm.piece(3) == b"\x00"
    assert spm.piece(3 + 255) == b"\xff"
    assert spm.token(b" import") == 259
    assert spm.token(b"import") == 259 + len(tiny_tokenizers.WORDS)
    assert spm.texts()[259] == "▁import".encode()


@settings(max_examples=50, deadline=None)
@given(text=st.text(max_size=30))
def test_text_comes_back_from_its_tokens(bpe: Vocabulary, text: str) -> None:
    ids = bpe.tokenize(text)
    assert bpe.detokenize(ids) == text.encode()
    assert b"".join(bpe.piece(int(i)) for i in ids) == text.encode()


def test_special_text_is_text_unless_asked(bpe: Vocabulary) -> None:
    assert bpe.tokenize("<|end|>", parse_special=True).tolist() == [bpe.eos]
    assert bpe.eos not in bpe.tokenize("<|end|>").tolist()
    assert bpe.tokenize("if", add_special=True).tolist() == [bpe.bos, bpe.token(b"if")]


@pytest.mark.parametrize("token", [-1, 384, 2**31 - 1])
def test_ids_outside_the_vocabulary_are_refused(bpe: Vocabulary, token: int) -> None:
    with pytest.raises(TokenizerError, match="outside the vocabulary of 384"):
        bpe.piece(token)
    with pytest.raises(TokenizerError, match="outside"):
        bpe.detokenize([0, token])


def test_the_hash_tells_vocabularies_apart(tmp_path: Path) -> None:
    tinies = [Tiny(), Tiny(seed=9), Tiny(extra_words=("more",)), Tiny(n_vocab=400)]
    hashes = [
        vocabulary_sha256(
            open_model(tiny_models.write_bpe(tmp_path / f"{i}.gguf", tiny)).vocabulary
        )
        for i, tiny in enumerate(tinies)
    ]
    assert hashes[0] == hashes[1]  # other weights
    assert len(set(hashes)) == 3
