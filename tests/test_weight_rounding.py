"""Weights of an open model, replaced by what quantizing leaves of them."""

from pathlib import Path

import gguf
import numpy as np
import pytest
import tiny_models
from gguf.quants import dequantize, quantize
from llama_quantize_hashes import write_importance, write_model

from pyengine import _core
from pyengine.errors import ModelKindError, OptionError
from pyengine.models.model import open_model
from pyengine.models.options import ModelOptions, SessionOptions
from pyengine.models.quantize import file_sha256, plan_quantization, quantize_file
from pyengine.models.session import Session

FORMATS = {"q8_0": 8, "q4_0": 2, "q5_1": 7, "iq4_nl": 20, "q2_K": 10}
IDS = np.arange(1, 25, dtype=np.int32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def tied(folder: Path) -> Path:
    """A Llama in F32 whose embedding is the output layer, too."""
    return tiny_models.write_plain(folder / "tied.gguf", scale=0.3)


@pytest.fixture(scope="module")
def experts(folder: Path) -> Path:
    """A mixture of two experts in F32."""
    return write_model(folder, "qwen3moe")


def made_of(source: Path, file_type: str) -> Path:
    target = source.with_name(f"{source.stem}-{file_type}.gguf")
    (plan,) = plan_quantization(source, [file_type])
    quantize_file(source, target, plan, source_sha256=file_sha256(source))
    return target


def logits(path: Path, types: list[tuple[str, str]] | None = None, imatrix: str = "") -> np.ndarray:
    """The logits of a model some of whose tensors are rounded; as it is where none are named."""
    model = open_model(path, options=ModelOptions(use_mmap=types is None))
    if types is not None:
        model.core.round_weights(types, imatrix=imatrix)
    rows: np.ndarray = Session(model, options=SessionOptions(threads=1)).logits(IDS)
    return rows


def patched(source: Path, types: list[tuple[str, str]], imatrix: str = "") -> Path:
    """A copy of a file in which tensors hold, in its own type, what they are after rounding."""
    target = source.with_name(f"patched-{source.name}")
    content = bytearray(source.read_bytes())
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(source).tensors}
    for name, kind in types:
        made = _core.quantized_tensor(str(source), name, kind, imatrix)
        tensor = tensors[name]
        rows = made.reshape(-1, len(made) * int(tensor.shape[0]) // int(tensor.n_elements))
        floats = dequantize(rows, gguf.GGMLQuantizationType(FORMATS[kind]))
        own = quantize(floats, tensor.tensor_type).tobytes()
        assert len(own) == tensor.n_bytes
        content[tensor.data_offset : tensor.data_offset + tensor.n_bytes] = own
    target.write_bytes(content)
    return target


def test_weights_that_are_used(tied: Path) -> None:
    table = [row[0] for row in _core.gguf_tensors(str(tied))]
    assert open_model(tied).core.used_weights() == sorted(table)


@pytest.mark.parametrize("types", [[], [("token_embd.weight", "f32")]])
def test_nothing_rounded_changes_no_bit(tied: Path, types: list[tuple[str, str]]) -> None:
    assert (logits(tied, types) == logits(tied)).all()


def test_a_tied_embedding_is_rounded_at_both_ends(tied: Path) -> None:
    types = [("token_embd.weight", "q4_0")]
    assert (logits(tied, types) == logits(patched(tied, types))).all()


@pytest.mark.parametrize("file_type", ["F32", "F16", "BF16"])
def test_layers_are_rounded(tied: Path, file_type: str) -> None:
    source = tied if file_type == "F32" else made_of(tied, file_type)
    types = [("blk.0.attn_q.weight", "q4_0"), ("blk.1.ffn_down.weight", "q5_1")]
    rounded = logits(source, types)
    assert (rounded == logits(patched(source, types))).all()
    assert not (rounded == logits(source)).all()


def test_experts_are_rounded_with_their_importance(experts: Path) -> None:
    imatrix = str(write_importance(experts.with_name("imatrix.gguf"), experts))
    types = [("blk.0.ffn_down_exps.weight", "q4_0"), ("blk.0.ffn_up_exps.weight", "q2_K")]
    rounded = logits(experts, types, imatrix)
    assert (rounded == logits(patched(experts, types, imatrix))).all()
    assert not (rounded == logits(experts, types)).all()


def test_a_mapped_model_is_refused(tied: Path) -> None:
    with pytest.raises(OptionError, match="is mapped"):
        open_model(tied).core.round_weights([("token_embd.weight", "q8_0")])


@pytest.mark.parametrize(
    ("types", "message"),
    [
        ([("blk.7.attn_q.weight", "q8_0")], "has no tensor 'blk.7.attn_q.weight'"),
        ([("token_embd.weight", "q4_K")], "not whole q4_K blocks of 256"),
        ([("token_embd.weight", "q9_0")], "there is no tensor type 'q9_0'"),
    ],
)
def test_what_cannot_be_rounded(tied: Path, types: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        logits(tied, types)


def test_a_quantized_source_is_refused(tied: Path) -> None:
    source = made_of(tied, "Q8_0")
    with pytest.raises(ModelKindError, match=r"is q8_0; only F32, F16 and BF16 are rounded"):
        logits(source, [("blk.0.attn_q.weight", "q4_0")])
