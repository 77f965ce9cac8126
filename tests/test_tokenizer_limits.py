"""Texts on which llama.cpp's tokenizer dies or does not end: tokenized here, or refused."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny_architectures
import tiny_models

from pyengine.errors import CorpusError, ModelFileError, TokenizerError
from pyengine.measure.compare import compare
from pyengine.measure.options import CompareOptions
from pyengine.models.model import Model, open_model
from pyengine.models.options import ModelOptions
from pyengine.text.documents import Corpus, Document
from pyengine.text.tokens import tokenize
from pyengine.text.windows import WindowOptions

RECURSIVE = (
    "tekken",
    "gpt-4o",
    "llama4",
    "deepseek-llm",
    "deepseek-coder",
    "deepseek-v3",
    "falcon",
    "seed-coder",
    "bailingmoe",
    "minimax-m2",
    "youtu",
    "default",
    "poro-chat",
    "exaone-moe",
)
# Tokenizes runs of one class and mixtures; a death of the process is the fault that it looks for.
CHILD = """
import sys, threading
from pyengine.models.model import open_model
from pyengine.models.options import ModelOptions

letters = ("a", "7", ".", "\\u4e2d", "\\n", " ", "a ")
texts = [letter * 40_000 for letter in letters] + ["x" + " " * 40_000 + "y", "\\n\\u2003" * 20_000]

def tokenize():
    for path in sys.argv[1:]:
        with open_model(path, options=ModelOptions(vocabulary_only=True)) as model:
            vocabulary = model.vocabulary
            for text in texts:
                data = text.encode()
                assert vocabulary.detokenize(vocabulary.tokenize(data)) == data, (path, text[:3])

threading.stack_size(256 * 1024)
thread = threading.Thread(target=tokenize)
thread.start()
thread.join()
print("done")
"""


def opened(path: Path, pre: str) -> Model:
    """Return the vocabulary of a model whose pre-tokenizer is this one."""
    tiny_architectures.write(path, "qwen2", pre=pre)
    return open_model(path, options=ModelOptions(vocabulary_only=True))


def test_long_runs_of_one_class_are_tokenized(tmp_path: Path) -> None:
    paths = [tmp_path / f"{pre}.gguf" for pre in RECURSIVE]
    for path, pre in zip(paths, RECURSIVE, strict=True):
        tiny_architectures.write(path, "qwen2", pre=pre)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *map(str, paths)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


def test_a_deep_stack_changes_no_token(tmp_path: Path) -> None:
    """Below 26,000 characters the usual stack of 8 MiB holds them: pieces tokenized apart agree."""
    with opened(tmp_path / "m.gguf", "tekken") as model:
        word = b"return " + b"retu" * 100 + b"\n"
        assert len(word) < 512
        apart = model.vocabulary.tokenize(word).tolist()
        long = b"x" * 10_000 + b"\n"
        together = model.vocabulary.tokenize(word + long + word).tolist()
        assert together == apart + model.vocabulary.tokenize(long).tolist() + apart


def test_a_run_that_no_stack_can_hold_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path / "m.gguf", "tekken") as model:
        with pytest.raises(TokenizerError, match="4100000 bytes without white space"):
            model.vocabulary.tokenize(b"a" * 4_100_000)
        assert model.vocabulary.tokenize(b"a " * 5_000).size > 5_000


def test_digits_for_which_superbpe_takes_quadratic_time_are_refused(tmp_path: Path) -> None:
    with opened(tmp_path / "m.gguf", "superbpe") as model:
        assert model.vocabulary.tokenize(b"1" * 500 + b"\n" + b"1" * 500).size == 1001
        begin = time.process_time()
        with pytest.raises(TokenizerError, match="digits in a row"):
            model.vocabulary.tokenize(b"1" * 40_000)
        assert time.process_time() - begin < 5


def test_many_newlines_take_no_quadratic_time(tmp_path: Path) -> None:
    path = tiny_models.write_spm(tmp_path / "m.gguf")
    with open_model(path, options=ModelOptions(vocabulary_only=True)) as model:
        begin = time.process_time()
        assert model.vocabulary.tokenize(b"\n" * 40_000).size in (40_000, 40_001)
        assert time.process_time() - begin < 20


def test_characters_whose_spelling_takes_quadratic_time_are_refused(tmp_path: Path) -> None:
    path = tiny_models.write_spm(tmp_path / "m.gguf")
    with open_model(path, options=ModelOptions(vocabulary_only=True)) as model:
        begin = time.process_time()
        with pytest.raises(TokenizerError, match=r"400000 characters .* spells in bytes"):
            model.vocabulary.tokenize("\u4e2d".encode() * 400_000)
        assert time.process_time() - begin < 10
        assert model.vocabulary.tokenize(b"a" * 400_000).size > 100_000


def test_a_document_that_the_tokenizer_refuses_is_left_out_by_name(tmp_path: Path) -> None:
    texts = [Document("good", "text", b"the house"), Document("bad", "text", b"1" * 40_000)]
    path = tiny_architectures.write(tmp_path / "m.gguf", "qwen2", pre="superbpe")
    with open_model(path) as model:
        first, second = tokenize(texts, model.vocabulary)
    assert (first.refused, second.refused) == (False, True)
    assert second.ids.size == 0
    other = tiny_models.write_spm(tmp_path / "other.gguf")
    windows = WindowOptions(n_ctx=64)
    options = CompareOptions(windows=windows, threads=1, starts=False, continuations=0)
    whole = {}
    for documents in (texts, texts[:1]):
        corpus = Corpus(tuple(documents), "test")
        record = compare(path, [path, other], corpus=corpus, options=options)
        left = [(n.model, n.values) for n in record.notes if n.code == "documents-left-out"]
        names = {"names": ["bad"]}
        assert left == ([("", names), ("other", names)] if len(documents) == 2 else [])
        whole[len(documents)] = record.select("bits_per_byte")
    assert [row.value for row in whole[2]] == [row.value for row in whole[1]]
    with pytest.raises(CorpusError):
        compare(path, [other], corpus=Corpus(tuple(texts[1:]), "test"), options=options)


def test_a_tokenizer_of_empty_tokens_is_refused(shared: Path) -> None:
    path = shared / "cases" / "models" / "rwkv7_empty_tokens.gguf"
    for options in (ModelOptions(), ModelOptions(vocabulary_only=True)):
        with pytest.raises(ModelFileError, match="empty"):
            open_model(path, options=options)
