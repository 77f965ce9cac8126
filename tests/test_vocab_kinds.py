"""Vocabularies of every kind: analysed, or refused with the reason; nothing crashes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from command_line import run
from vocabulary_files import KINDS, WORDS, write_vocabulary

from pyengine.errors import TokenizerError
from pyengine.measure.tokenization import tokenize_text
from pyengine.measure.vocab import vocab
from pyengine.models.model import Model, open_model
from pyengine.models.options import ModelOptions
from pyengine.report.vocab_found import Found
from pyengine.text.documents import Corpus, Document
from pyengine.vocabulary.keywords import load_tables
from pyengine.vocabulary.tokens import Pieces, TokenKind

CODE = b"def x(y):\n    return y if x else y\n"
CORPUS = Corpus((Document("a.py", "python", CODE),), "test")
SPELLED = ("bpe", "spm", "rwkv")


def open_kind(folder: Path, kind: str) -> Model:
    path = write_vocabulary(folder / f"{kind}.gguf", kind)
    return open_model(path, options=ModelOptions(vocabulary_only=True))


def analyze_kind(folder: Path, kind: str) -> Found:
    run = vocab([open_kind(folder, kind)], {"reference": load_tables()}, CORPUS)
    return Found(run, run.models[0])


def splits_of(found: Found, language: str) -> list[dict[str, Any]]:
    content = found.exhibit("splits", language=language)
    assert content is not None
    return list(content["words"])


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "none"])
def test_every_kind_is_analysed(tmp_path: Path, kind: str) -> None:
    found = analyze_kind(tmp_path, kind)
    assert found.info.tokenizer == kind
    classes = found.names("token_share", "class")
    n_tokens = sum(found.of("class", name) for name in classes)
    assert n_tokens == found.n("token_share")
    (python, *_), missing = found.languages(), splits_of(found, "python")
    whole = {"if", "else", "return", "while", "class", "import", "def"}
    assert python.bare == python.words - len(missing)
    spaced = [word["word"] for word in missing if "space" in word["forms"]]
    if kind == "wpm":
        assert python.bare == 0
        assert set(spaced) == whole
    else:
        assert whole.isdisjoint(word["word"] for word in missing)
    (text,) = found.texts()
    assert text.tokens > 0
    assert (text.value("located_share") == 1) == (kind in SPELLED)


@pytest.mark.parametrize("kind", SPELLED)
def test_splits_spell_the_word_without_a_space_of_the_tokenizers_own(
    tmp_path: Path, kind: str
) -> None:
    for word in splits_of(analyze_kind(tmp_path, kind), "python"):
        assert "".join(word["pieces"]) == word["word"]


def test_missing_words_are_named_where_their_tokens_do_not_spell_them(tmp_path: Path) -> None:
    outcome = run("vocab", write_vocabulary(tmp_path / "w.gguf", "wpm"), "--language", "python")
    shown = " ".join(outcome.out.split())  # lines may end within a word's entry
    assert "nonlocal ([UNK])" in shown
    assert "‣return (·return)" in shown


@pytest.mark.parametrize("kind", SPELLED)
def test_tokens_lie_where_their_bytes_are(tmp_path: Path, kind: str) -> None:
    run = tokenize_text(open_kind(tmp_path, kind), CODE)
    ((model,), (content,)) = run.models, run.shown("tokens")
    for token in content["tokens"]:
        piece = bytes.fromhex(token["bytes_hex"])
        assert CODE[token["start"] : token["end"]] in (piece, piece[1:])
    assert content["tokens"][0]["start"] == 0
    assert content["tokens"][-1]["end"] == len(CODE) == content["n_bytes"]
    failures = run.find("round_trip_failures", model.id)
    assert failures is not None
    assert failures.value == 0


@pytest.mark.parametrize("kind", ["wpm", "ugm"])
def test_kinds_that_change_the_text_have_no_places(tmp_path: Path, kind: str) -> None:
    (content,) = tokenize_text(open_kind(tmp_path, kind), CODE).shown("tokens")
    assert {token["start"] for token in content["tokens"]} == {None}
    found = analyze_kind(tmp_path, kind)
    why = {"wpm": "wordpiece", "ugm": "unigram"}[kind]
    assert found.notes("reachability-untested") == [{"why": why}]
    assert found.row("unreachable") is None
    assert not found.run.select("syntax_token_share")


def test_a_file_without_tokenizer_is_refused_with_the_reason(tmp_path: Path) -> None:
    model = open_kind(tmp_path, "none")
    with pytest.raises(TokenizerError, match=r"none\.gguf: the file has no tokenizer"):
        vocab([model], {"reference": load_tables()}, CORPUS)
    with pytest.raises(TokenizerError, match="no tokenizer"):
        tokenize_text(model, CODE)


@pytest.mark.parametrize("name", ["tiny-rwkv-7v0-834k-f16", "babyllama-tok105-pad256-f16"])
def test_bytes_without_a_token_are_reported_and_do_not_end_the_analysis(
    shared: Path, name: str
) -> None:
    model = open_model(
        shared / "models" / f"{name}.gguf", options=ModelOptions(vocabulary_only=True)
    )
    run = vocab([model], {"reference": load_tables()}, CORPUS)
    failures = run.find("round_trip_failures", name, texts="control characters")
    assert failures is not None
    assert failures.value > 0


def test_words_of_the_toy_files_are_whole(tmp_path: Path) -> None:
    vocabulary = open_kind(tmp_path, "bpe").vocabulary
    for word in WORDS:
        assert vocabulary.tokenize(word).size == 1


def test_a_token_of_text_is_found_before_the_byte_token_with_the_same_bytes(
    tmp_path: Path,
) -> None:
    vocabulary = open_kind(tmp_path, "spm").vocabulary
    saved = Pieces.of(vocabulary)
    x = vocabulary.tokenize("\nx").tolist()[-1]
    assert vocabulary.kinds[x] == TokenKind.NORMAL
    assert vocabulary.token(b"x") == saved.token(b"x") == x
    for piece in {vocabulary.piece(token) for token in range(vocabulary.size)} - {b""}:
        assert vocabulary.token(piece) == saved.token(piece)
    byte = vocabulary.token(b"\xff")
    assert byte is not None
    assert vocabulary.kinds[byte] == TokenKind.BYTE
