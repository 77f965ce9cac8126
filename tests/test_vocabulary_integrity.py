"""Faults of pieces, shared order, fertility and offsets against slow rules."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vocabulary_files import pieces_of, write_vocabulary

from pyengine.measure.vocab import fertility
from pyengine.models.model import open_model
from pyengine.models.options import ModelOptions
from pyengine.text.classes import SyntaxClass, classify_bytes
from pyengine.text.documents import Document, shipped_corpus
from pyengine.vocabulary.integrity import piece_faults, round_trips, special_token_faults
from pyengine.vocabulary.piece_features import PieceFeatures
from pyengine.vocabulary.tokenizer import compare_vocabularies, same_ids

piece_lists = st.lists(
    st.binary(max_size=3)
    | st.sampled_from([b"a", b"ab", b"\xff", b"\xfe", "\ufffd".encode()])
    | st.sampled_from([b"a" * 8, b"a" * 9, b"a" * 9 + b"\xff" + b"a" * 9, b"a" * 19]),
    min_size=1,
    max_size=25,
)


def features_of(pieces: list[bytes]) -> PieceFeatures:
    return PieceFeatures(pieces_of(pieces))


@settings(deadline=None, max_examples=60)
@given(piece_lists)
def test_duplicates_and_collisions_against_counting(pieces: list[bytes]) -> None:
    filled = [i for i, piece in enumerate(pieces) if piece]
    same = Counter(pieces[i] for i in filled)
    repeated = np.array([i for i in filled if same[pieces[i]] > 1], np.int32)
    faults = piece_faults(features_of(pieces), repeated)
    shown = Counter(pieces[i].decode("utf-8", "replace") for i in filled)
    assert faults.duplicate.tolist() == [i for i in filled if same[pieces[i]] > 1]
    assert faults.colliding.tolist() == [
        i for i in filled if shown[pieces[i].decode("utf-8", "replace")] > 1
    ]
    assert faults.lost == sum(n - 1 for n in shown.values())


@settings(deadline=None, max_examples=60)
@given(piece_lists, piece_lists)
def test_sharing_is_symmetric_and_counts_common_bytes(a: list[bytes], b: list[bytes]) -> None:
    left, right = features_of(a), features_of(b)
    common, order = compare_vocabularies(left, right)
    assert common == len({p for p in a if p} & {p for p in b if p})
    assert compare_vocabularies(right, left) == (common, [(j, i) for i, j in order])
    same = same_ids(left, right)
    assert same == same_ids(right, left)
    assert a[:same] == b[:same]


def test_order_is_compared_without_what_the_other_lacks() -> None:
    a = features_of([b"!", b"10", b"a", b"b", b"z"])
    b = features_of([b"!", b"a", b"q", b"b", b"y", b"z"])
    assert compare_vocabularies(a, b) == (4, [(0, 0), (2, 1), (3, 3), (4, 5)])
    assert same_ids(a, b) == 1


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_vocabulary(tmp_path_factory.mktemp("toy") / "toy.gguf", "bpe")


def test_fertility_against_counting_token_by_token(toy: Path) -> None:
    vocabulary = open_model(toy, options=ModelOptions(vocabulary_only=True)).vocabulary
    for document in shipped_corpus().documents[::7]:
        found = fertility(vocabulary, [document])
        classes = classify_bytes(document.content, document.language)
        ids = vocabulary.tokenize(document.content).tolist()
        place = touched = 0
        for token in ids:
            size = len(vocabulary.piece(token))
            runs = np.diff(np.concatenate(([0], classes[place : place + size] == 1))) == 1
            touched += int(runs.sum())
            place += size
        assert place == len(document.content)
        assert (found["tokens"], found["n_bytes"]) == (len(ids), len(document.content))
        assert found["keyword_tokens"] == touched
        labels = [name.label for name in SyntaxClass]
        assert sum(found[f"{label} tokens"] for label in labels) == found["tokens"]
        assert sum(found[f"{label} bytes"] for label in labels) == found["n_bytes"]
        assert found["indentation_tokens"] == found["indentation tokens"]


def test_fertility_of_documents_adds_up(toy: Path) -> None:
    vocabulary = open_model(toy, options=ModelOptions(vocabulary_only=True)).vocabulary
    documents = (
        Document("a.py", "python", b"if x:\n    return y\n"),
        Document("b.txt", "text", b"  some words\n"),
    )
    one, two = (fertility(vocabulary, [document]) for document in documents)
    assert fertility(vocabulary, documents) == one + two
    assert (one["keywords"], one["keyword_tokens"]) == (2, 2)
    assert not [name for name in two if name.endswith(" tokens")]
    assert two["indentation_tokens"] == 2


def test_texts_come_back_and_special_tokens_are_checked(toy: Path) -> None:
    model = open_model(toy, options=ModelOptions(vocabulary_only=True))
    trips = {trip.kind: trip for trip in round_trips(model.vocabulary)}
    assert trips["code"].misspelled == trips["emoji and combining marks"].failed == 0
    # llama.cpp cleans up spaces before punctuation unless the file forbids it.
    assert trips["code"].failed == 1
    assert special_token_faults(model.vocabulary, model.metadata) == []
    wrong = {
        "tokenizer.ggml.bos_token_id": "99999",
        "tokenizer.ggml.eos_token_id": "3",
        "tokenizer.ggml.tokens": "x",
    }
    faults = special_token_faults(model.vocabulary, wrong)
    assert faults == [
        {"token": "bos_token", "declared": "99999", "fault": "outside"},
        {"token": "eos_token", "declared": "3", "fault": "normal"},
    ]
