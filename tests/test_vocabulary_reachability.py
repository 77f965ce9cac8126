"""Unreachable tokens: the fast proof agrees with asking the tokenizer about every token."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pyengine._core import merge_own_texts
from pyengine.engine.model import Vocabulary, open_model
from pyengine.engine.options import ModelOptions
from pyengine.vocabulary.piece_features import PieceFeatures
from pyengine.vocabulary.reachability import find_unreachable
from pyengine.vocabulary.tokens import Pieces


def read(path: Path) -> tuple[Vocabulary, PieceFeatures]:
    vocabulary = open_model(path, options=ModelOptions(vocabulary_only=True)).vocabulary
    return vocabulary, PieceFeatures(Pieces.of(vocabulary))


@pytest.mark.parametrize("name", ["gpt-2", "qwen2", "llama-bpe", "llama-spm", "phi-3"])
def test_the_fast_way_finds_what_the_tokenizer_says(shared: Path, name: str) -> None:
    path = shared / "vocabs" / f"ggml-vocab-{name}.gguf"
    vocabulary, features = read(path)
    fast = find_unreachable(vocabulary, features, path)
    slow = find_unreachable(vocabulary, features)
    assert fast.n_tested == slow.n_tested > 30_000
    assert fast.unreachable.tolist() == slow.unreachable.tolist()


def test_a_token_is_unreachable_exactly_when_its_bytes_encode_to_others(shared: Path) -> None:
    path = shared / "vocabs" / "ggml-vocab-deepseek-v3.gguf"
    vocabulary, features = read(path)
    found = set(find_unreachable(vocabulary, features, path).unreachable.tolist())
    tokens = np.random.default_rng(7).choice(vocabulary.size, 1500, replace=False).tolist()
    tested = features.textual & features.valid & (features.pieces.lengths > 0)
    for token in [t for t in tokens if tested[t]] + sorted(found)[:200]:
        ids = vocabulary.tokenize(vocabulary.piece(token)).tolist()
        assert (ids != [token]) == (token in found), vocabulary.piece(token)


def test_merges_are_applied_to_the_texts_of_tokens(tmp_path: Path) -> None:
    path = tmp_path / "toy.gguf"
    tokens = ["a", "b", "c", "ab", "bc", "abc", "abcc", "Ġ", "x"]
    write_tokenizer(path, tokens, ["b c", "a b", "a bc"])
    # a b c | ab: yes | bc: yes | abc = a+bc: yes | abcc: c is left over | single characters: yes
    assert merge_own_texts(str(path)).tolist() == [1, 1, 1, 1, 1, 1, 0, 1, 1]


def test_without_merges_there_is_nothing_to_apply(tmp_path: Path) -> None:
    path = tmp_path / "none.gguf"
    write_tokenizer(path, ["a", "b"], [])
    assert merge_own_texts(str(path)).tolist() in ([], [1, 1])


def write_tokenizer(path: Path, tokens: list[str], merges: list[str]) -> None:
    gguf = pytest.importorskip("gguf")
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    if merges:
        writer.add_token_merges(merges)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
