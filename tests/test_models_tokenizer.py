"""The tokenizer in the shipped files against the library that trained it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyengine.models.model import Vocabulary, open_model

pytest.importorskip("torch", reason="PyTorch is not installed: see training/README.md")
pytest.importorskip("tokenizers", reason="tokenizers is not installed: see training/README.md")
gguf = pytest.importorskip("gguf")

PROJECT = Path(__file__).parent.parent
BASE = PROJECT / "pyengine" / "data" / "models" / "base.gguf"
PIECES = st.sampled_from(
    [
        "def",
        "  ",
        "\n",
        "\n    ",
        "\t",
        "#include",
        "é",
        "0x1F",
        "'s",
        "//",
        "{}",
        "\r\n",
        " ",
        "名",
    ]
)


class Encoding(Protocol):
    ids: list[int]


class Library(Protocol):
    def encode(self, text: str) -> Encoding: ...
    def get_vocab_size(self) -> int: ...


@pytest.fixture(scope="module")
def library() -> Library:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PROJECT))
        from training.restore import read_tokenizer

        return cast("Library", read_tokenizer(gguf.GGUFReader(BASE)))


@pytest.fixture(scope="module")
def vocabulary() -> Iterator[Vocabulary]:
    with open_model(BASE) as model:
        yield model.vocabulary


@settings(max_examples=200, deadline=None)
@given(text=st.lists(PIECES | st.text(max_size=3), max_size=30).map("".join))
def test_ids_equal_the_librarys(library: Library, vocabulary: Vocabulary, text: str) -> None:
    assert vocabulary.tokenize(text.encode()).tolist() == library.encode(text).ids


def test_restored_weights_are_the_files(library: Library) -> None:
    from training.restore import read_model

    reader = gguf.GGUFReader(BASE)
    model = read_model(reader)
    stored = {tensor.name: tensor.data for tensor in reader.tensors}
    embedding = model.embedding.weight.detach().numpy()
    assert (embedding == stored["token_embd.weight"]).all()
    assert library.get_vocab_size() == embedding.shape[0]
