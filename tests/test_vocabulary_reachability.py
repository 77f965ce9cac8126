"""Unreachable tokens: the fast proof agrees with asking the tokenizer about every token."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyengine._core import merge_own_texts
from pyengine.models.model import Vocabulary, open_model
from pyengine.models.options import ModelOptions
from pyengine.vocabulary.piece_features import PieceFeatures
from pyengine.vocabulary.reachability import find_unreachable
from pyengine.vocabulary.tokens import Pieces


def read(path: Path) -> tuple[Vocabulary, PieceFeatures]:
    vocabulary = open_model(path, options=ModelOptions(vocabulary_only=True)).vocabulary
    return vocabulary, PieceFeatures(Pieces.of(vocabulary))


NAMES = ["gpt-2", "qwen2", "deepseek-llm", "llama-bpe", "llama-spm", "phi-3"]


@pytest.mark.parametrize("name", NAMES)
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


def merged(text: str, ranks: dict[tuple[str, str], int]) -> list[str]:
    """Byte-pair merging as it is defined: the pair of lowest rank, the leftmost of equals."""
    parts = list(text)
    while True:
        pairs = [ranks.get(pair, len(ranks)) for pair in pairwise(parts)]
        if not pairs or min(pairs) == len(ranks):
            return parts
        place = pairs.index(min(pairs))
        parts[place : place + 2] = [parts[place] + parts[place + 1]]


@st.composite
def tokenizers(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """Draw tokens and merges: learned ones in their order, then as they are or disordered."""
    letters = "abĠ"
    words = draw(st.lists(st.text(letters, min_size=2, max_size=7), min_size=1, max_size=6))
    texts = list(letters)
    rules: list[tuple[str, str]] = []
    for word in words:
        parts = merged(word, {rule: i for i, rule in enumerate(rules)})
        while len(parts) > 1 and len(rules) < 20:
            place = draw(st.integers(0, len(parts) - 2))
            rules.append((parts[place], parts[place + 1]))
            texts.append(parts[place] + parts[place + 1])
            parts = merged(word, {rule: i for i, rule in enumerate(rules)})
    if draw(st.booleans()):
        rules = draw(st.permutations(rules))
    extra = draw(st.lists(st.text(letters + "cß€", max_size=6), max_size=6))
    tokens = draw(st.permutations(sorted({*texts, *filter(None, extra)})))
    return tokens, [f"{left} {right}" for left, right in rules]


@settings(deadline=None, max_examples=300)
@given(tokenizers())
def test_merging_against_its_definition(drawn: tuple[list[str], list[str]]) -> None:
    tokens, merges = drawn
    ranks: dict[tuple[str, str], int] = {}
    for line in merges:
        left, _, right = line.partition(" ")
        ranks.setdefault((left, right), len(ranks))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "drawn.gguf"
        write_tokenizer(path, tokens, merges)
        found = merge_own_texts(str(path)).tolist()
    expected = [int(merged(token, ranks) == [token]) for token in tokens]
    assert found == (expected if merges else [])


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
