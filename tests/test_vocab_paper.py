"""The paper's numbers about tokenizers, and llama.cpp's expected tokens, on real vocabularies."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyengine.measure.vocab import vocab
from pyengine.models.model import Model, open_model
from pyengine.models.options import ModelOptions
from pyengine.report.sentences.paper import value_words
from pyengine.run.record import Run
from pyengine.text.documents import Corpus, Document
from pyengine.vocabulary.coverage import coverage, each_once, missing
from pyengine.vocabulary.keywords import load_tables
from pyengine.vocabulary.paper import find_paper_tokenizer, paper_lines, paper_tokenizers
from pyengine.vocabulary.tokenizer import CL100K_TOKENS, Tokenizer, compare_vocabularies

COLUMNS = {
    "qwen2": "Qwen2.5",
    "llama-bpe": "Llama 3.1",
    "deepseek-llm": "DeepSeek-V2.5",
    "deepseek-v3": "DeepSeek-V3/R1",
}
# whole words in %, words that are no token after a space either, mean id / tokens
RANKED = {
    "Qwen2.5": ("85.2", "40", "0.0942"),
    "Llama 3.1": ("85.2", "40", "0.1141"),
    "DeepSeek-V2.5": ("83.2", "49", "0.1814"),
}
PAIRS = ("qwen2", "llama-bpe", "deepseek-llm", "gpt-2", "phi-3", "llama-spm", "gemma-4")
SMALL = Corpus((Document("a.py", "python", b"x = 1\n"),), "test")


def open_vocabulary(shared: Path, name: str) -> Model:
    path = shared / "vocabs" / f"ggml-vocab-{name}.gguf"
    return open_model(path, options=ModelOptions(vocabulary_only=True))


@pytest.fixture(scope="module")
def run(shared: Path) -> Run:
    models = [open_vocabulary(shared, name) for name in COLUMNS]
    return vocab(models, {"paper": load_tables("paper")}, SMALL)


@pytest.mark.parametrize(("name", "column"), COLUMNS.items())
def test_every_number_of_the_paper_is_reproduced(shared: Path, name: str, column: str) -> None:
    tokenizer = Tokenizer(open_vocabulary(shared, name))
    entry = find_paper_tokenizer(tokenizer.features.pieces)
    assert entry is not None
    assert entry["name"] == column
    lines = paper_lines(entry, coverage(tokenizer.vocabulary, load_tables("paper")), tokenizer)
    assert [line for line in lines if line["paper"] != line["here"]] == []
    assert len(lines) >= 32
    if column in RANKED:
        here = {
            line["quantity"]: line["here"] for line in lines if line["language"] in ("", "union")
        }
        assert here["whole_words_percent"] == RANKED[column][0]
        assert here["missing_after_space_too"] == RANKED[column][1]
        assert here["mean_id_share"] == RANKED[column][2]
        assert sum(line["quantity"] == "mean_median_max_id" for line in lines) == 8


def test_a_value_that_is_not_there_is_called_none() -> None:
    assert value_words({"paper": "", "here": ""}) == ("none", "none")
    assert value_words({"paper": "58", "here": ""}) == ("58", "none")


def test_the_paper_table_holds_the_numbers_that_were_stated() -> None:
    by_name = {entry["name"]: entry for entry in paper_tokenizers()}
    assert [by_name[c]["missing_in_total"] for c in COLUMNS.values()] == [58, 58, 66, 88]
    assert [by_name[c]["dead_tokens"] for c in COLUMNS.values()] == [441, 530, 140, 157]
    assert [by_name[c].get("special_percent_recomputed") for c in COLUMNS.values()] == [
        "12.15",
        "14.60",
        None,
        "5.10",
    ]
    for entry in by_name.values():
        words = {name: table.words() for name, table in load_tables("paper").items()}
        for language, absent in entry["missing"].items():
            assert set(absent) <= set(words[language])
            assert len(absent) == len(words[language]) - entry["present"][language]
        assert sum(entry["present"].values()) == entry["present_in_total"]


def test_missing_both_bare_and_after_a_space(shared: Path) -> None:
    expected = {"qwen2": (56, 40), "llama-bpe": (56, 40), "deepseek-llm": (63, 49)}
    for name, (bare, both) in expected.items():
        vocabulary = open_vocabulary(shared, name).vocabulary
        union = each_once(coverage(vocabulary, load_tables("paper")).values())
        assert len(missing(union, "bare")) == bare
        assert len(missing(union, "bare", "space")) == both


def test_qwen2_and_llama_3_begin_as_cl100k_does(shared: Path) -> None:
    qwen, llama, other = (
        Tokenizer(open_vocabulary(shared, name)) for name in ("qwen2", "llama-bpe", "gpt-2")
    )
    common, order = compare_vocabularies(qwen.features, llama.features)
    assert (common, len(order)) == (109_566, CL100K_TOKENS)
    assert order[-1] == (99_155, 100_255)
    assert other.cl100k is None
    assert qwen.cl100k is not None
    assert llama.cl100k is not None
    assert qwen.cl100k[:CL100K_TOKENS].tolist() == list(range(CL100K_TOKENS))
    for word in (b"return", b"instanceof ", b" import", b"yield"):
        ids = qwen.vocabulary.token(word), llama.vocabulary.token(word)
        if ids[0] is not None and ids[1] is not None:
            assert qwen.cl100k[ids[0]] == llama.cl100k[ids[1]]


@pytest.mark.parametrize(("name", "lost"), [("qwen2", 1336), ("llama-bpe", 1216)])
def test_a_table_keyed_by_decoded_text_loses_as_many_tokens_as_published(
    run: Run, name: str, lost: int
) -> None:
    found = run.find("token_share", f"ggml-vocab-{name}", fault="lost")
    assert found is not None
    assert round(found.value * found.n) == lost


@pytest.mark.parametrize("name", PAIRS)
def test_expected_tokens_of_llama_cpp(shared: Path, name: str) -> None:
    base = shared / "vocabs" / f"ggml-vocab-{name}.gguf"
    texts = base.with_suffix(".gguf.inp").read_bytes().split(b"\n__ggml_vocab_test__\n")
    lines = base.with_suffix(".gguf.out").read_text().splitlines()
    vocabulary = open_vocabulary(shared, name).vocabulary
    assert len(texts) >= len(lines) > 30
    for text, line in zip(texts, lines, strict=False):
        assert vocabulary.tokenize(text).tolist() == [int(i) for i in line.split()], text
