"""Our core gives bit for bit what llama.cpp's own C interface gives."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models

from pyengine.models.model import open_model
from pyengine.models.options import ModelOptions, SessionOptions
from pyengine.models.session import Session

PEER = Path(__file__).parent / "llama_cpp_peer.py"
MODELS = (
    "babyllama-tok105-pad256-f16",
    "babyllama-tok361-f32",
    "stories260K-f32",
    "stories260K-q8_0",
    "tiny-rwkv-6v0-3m-q5_0",
    "tiny-rwkv-7v0-834k-f16",
)
VOCABULARIES = (
    "deepseek-llm",
    "deepseek-v3",
    "gemma-4",
    "gpt-2",
    "llama-bpe",
    "llama-spm",
    "phi-3",
    "qwen2",
)


def ask_peer(what: str, model: Path, folder: Path, *arguments: str) -> dict[str, Any]:
    out = folder / "peer.npz"
    command = [sys.executable, str(PEER), what, str(model), str(out), *arguments]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return dict(np.load(out))


def check_logits(path: Path, folder: Path, sequences: list[list[int]]) -> None:
    options = SessionOptions(n_ctx=64, n_batch=64, n_ubatch=64, max_rows=1, threads=1)
    with open_model(path) as model:
        session = Session(model, options=options)
        ours = np.stack([session.logits(tokens) for tokens in sequences])
    asked = json.dumps({**asdict(options), "sequences": sequences})
    theirs = ask_peer("logits", path, folder, asked)["rows"]
    np.testing.assert_array_equal(ours, theirs)
    assert np.isfinite(ours).all()


@pytest.mark.parametrize("name", MODELS)
def test_logits_are_bit_identical(shared: Path, tmp_path: Path, name: str) -> None:
    sequences = [[1], [2, 3], [1, 7, 9, 5, 30, 31, 32], [i % 97 + 1 for i in range(40)]]
    check_logits(shared / "models" / f"{name}.gguf", tmp_path, sequences)


def test_logits_of_a_mamba_are_bit_identical(tmp_path: Path) -> None:
    path = tiny_models.write_mamba(tmp_path / "mamba.gguf")
    check_logits(path, tmp_path, [[1], [304, 7, 9], [i % 97 + 1 for i in range(40)]])


def test_logits_of_the_embedded_model_are_bit_identical(embedded: Path, tmp_path: Path) -> None:
    check_logits(embedded, tmp_path, [[0], [0, 475, 100], list(range(300, 340))])


@pytest.mark.parametrize("name", VOCABULARIES)
def test_pieces_are_those_of_llama_cpp(shared: Path, tmp_path: Path, name: str) -> None:
    check_pieces(shared / "vocabs" / f"ggml-vocab-{name}.gguf", tmp_path)


@pytest.mark.parametrize("name", MODELS)
def test_pieces_of_small_models_are_those_of_llama_cpp(
    shared: Path, tmp_path: Path, name: str
) -> None:
    check_pieces(shared / "models" / f"{name}.gguf", tmp_path)


def check_pieces(path: Path, folder: Path) -> None:
    theirs = ask_peer("pieces", path, folder)
    model = open_model(path, options=ModelOptions(vocabulary_only=True))
    data, offsets = model.vocabulary.piece_arrays()
    np.testing.assert_array_equal(offsets, theirs["offsets"])
    np.testing.assert_array_equal(data, theirs["data"])
    assert (-1 if model.vocabulary.bos is None else model.vocabulary.bos) == theirs["bos"]
    assert model.vocabulary.add_bos == theirs["add_bos"]


@pytest.mark.parametrize("name", ["stories260K-f32", "babyllama-tok105-pad256-f16"])
def test_a_vocabulary_that_is_left_for_later_is_the_same(shared: Path, name: str) -> None:
    path = shared / "models" / f"{name}.gguf"
    eager = open_model(path, options=ModelOptions(vocabulary_only=True)).vocabulary
    lazy = open_model(path).vocabulary
    assert lazy.bos == eager.bos
    assert lazy.kind == eager.kind
    assert lazy.pieces() == eager.pieces()
    assert lazy.tokenize("Once upon a time").tolist() == eager.tokenize("Once upon a time").tolist()
    np.testing.assert_array_equal(lazy.kinds, eager.kinds)
