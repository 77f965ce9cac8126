"""One tensor alone: what rounding it loses, and what cannot be quantized."""

from pathlib import Path

import gguf
import numpy as np
import pytest
import tiny_architectures
from gguf.quants import dequantize
from llama_quantize_hashes import write_importance, write_model
from tiny_architectures import Sizes

from pyengine import _core
from pyengine.errors import ModelFileError, ModelKindError, OptionError
from pyengine.models.quantize_options import QuantizeOptions
from pyengine.models.quantize_plan import core_settings

EXPERTS = "blk.0.ffn_down_exps.weight"
TYPES = {"q8_0": 8, "q4_0": 2, "iq4_nl": 20, "f16": 1}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mixture of two experts, rows of 256 and 32 numbers."""
    return write_model(tmp_path_factory.mktemp("source"), "qwen3moe")


@pytest.fixture(scope="module")
def importance(source: Path) -> Path:
    return write_importance(source.with_name("imatrix.gguf"), source)


def weights(path: Path, name: str) -> np.ndarray:
    """Return a tensor of floats as (matrices, rows, columns)."""
    (tensor,) = (one for one in gguf.GGUFReader(path).tensors if one.name == name)
    values = np.asarray(tensor.data, dtype=np.float64)
    return values.reshape(-1, *values.shape[-2:])


def means(path: Path, name: str) -> np.ndarray:
    """Return the importance of the columns of each matrix; of one that saw nothing, ones."""
    read = {one.name: np.array(one.data) for one in gguf.GGUFReader(path).tensors}
    sums, counts = read[f"{name}.in_sum2"], read[f"{name}.counts"]
    return np.where(counts > 0, sums / np.maximum(counts, 1), 1).astype(np.float32)


def rounded(path: Path, name: str, kind: str, matrix: str) -> np.ndarray:
    exact = weights(path, name)
    made = _core.quantized_tensor(str(path), name, kind, matrix)
    rows = made.reshape(exact.shape[0] * exact.shape[1], -1)
    floats = dequantize(rows, gguf.GGMLQuantizationType(TYPES[kind]))
    return np.asarray(floats, dtype=np.float64).reshape(exact.shape)


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("rows", [0, 3])
def test_errors_are_sums_of_squares(
    source: Path, importance: Path, rows: int, *, given: bool
) -> None:
    exact, matrix = weights(source, EXPERTS), str(importance) if given else ""
    n_rows = exact.shape[1]
    some = range(n_rows) if rows == 0 else [(2 * i + 1) * n_rows // 6 for i in range(3)]
    weight = means(importance, EXPERTS)[:, None, :] if given else np.ones((2, 1, 1))
    asked = ("q8_0", "q4_0", "iq4_nl", "f16", "f32")
    errors, own = _core.weight_errors(str(source), EXPERTS, asked, matrix, rows=rows)
    assert own == pytest.approx((weight * exact**2)[:, some].sum(), rel=1e-9)
    for kind, error in zip(TYPES, errors, strict=False):
        lost = weight * (exact - rounded(source, EXPERTS, kind, matrix)) ** 2
        assert error == pytest.approx(lost[:, some].sum(), rel=1e-6), kind
    assert errors[-1] == 0  # its own type
    assert 0 < errors[0] < errors[1]


def test_threads_change_no_number(source: Path) -> None:
    name, asked = "token_embd.weight", ["q4_K", "q5_1"]
    one, two = (
        _core.weight_errors(str(source), name, asked, threads=threads) for threads in (1, 2)
    )
    assert one == two


def test_a_type_of_single_tensors(source: Path, tmp_path: Path) -> None:
    """No file type has it."""
    target = tmp_path / "made.gguf"
    settings = core_settings("Q8_0", QuantizeOptions(overrides=(("attn_q", "nvfp4"),)))
    _core.quantize(str(source), str(target), **settings)
    name = "blk.0.attn_q.weight"
    (made,) = (one for one in gguf.GGUFReader(target).tensors if one.name == name)
    assert made.tensor_type.name == "NVFP4"
    theirs = made.data.tobytes()
    assert _core.quantized_tensor(str(source), name, "nvfp4").tobytes() == theirs


def test_a_quantized_source(source: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.gguf", tmp_path / "second.gguf"
    options = QuantizeOptions(allow_requantize=True)
    _core.quantize(str(source), str(first), **core_settings("Q5_K_M", options))
    _core.quantize(str(first), str(second), **core_settings("Q4_0", options))
    for tensor in gguf.GGUFReader(second).tensors:
        kind = tensor.tensor_type.name.lower().replace("_k", "_K")
        made = _core.quantized_tensor(str(first), tensor.name, kind)
        assert made.tobytes() == tensor.data.tobytes(), tensor.name


def test_what_cannot_be_quantized(source: Path, importance: Path, tmp_path: Path) -> None:
    def fails(
        error: type[Exception],
        told: str,
        name: str,
        kind: str,
        model: Path = source,
        imatrix: str = "",
    ) -> None:
        with pytest.raises(error, match=told):
            _core.quantized_tensor(str(model), name, kind, imatrix)

    fails(OptionError, "has no tensor 'attn'", "attn", "q8_0")
    fails(OptionError, "no tensor type 'Q8'", EXPERTS, "Q8")
    fails(OptionError, "rows of 32 elements, not whole q4_K blocks", EXPERTS, "q4_K")
    fails(OptionError, "no importance, which iq2_xs needs", "token_embd.weight", "iq2_xs")
    with pytest.raises(OptionError, match="threads must be from 1"):
        _core.quantized_tensor(str(source), EXPERTS, "q8_0", threads=0)
    with pytest.raises(OptionError, match="rows must be 0 or more"):
        _core.weight_errors(str(source), EXPERTS, ["q8_0"], rows=-1)
    sizes = Sizes(n_embd=64, n_ff=32, n_layer=1, n_expert=2, n_expert_used=1)
    other = tiny_architectures.write(tmp_path / "other.gguf", "qwen3moe", sizes=sizes)
    told = "is of another model than .*'blk.0.attn_q.weight' has 64 columns there"
    fails(ModelFileError, told, "blk.0.attn_q.weight", "q8_0", other, imatrix=str(importance))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (np.nan, "holds numbers that are NaN or infinite"),
        (-np.inf, "holds numbers that are NaN or infinite"),
        (1e30, "holds numbers that do not fit into q8_0"),
    ],
)
def test_numbers_that_cannot_be(source: Path, tmp_path: Path, value: float, told: str) -> None:
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(source.read_bytes())
    (tensor,) = (one for one in gguf.GGUFReader(damaged).tensors if one.name == EXPERTS)
    with damaged.open("r+b") as file:
        file.seek(int(tensor.data_offset) + 40 * 4)
        file.write(np.float32(value).tobytes())
    with pytest.raises(ModelFileError, match=f"tensor '{EXPERTS}' {told}"):
        _core.quantized_tensor(str(damaged), EXPERTS, "q8_0")


def test_whole_numbers_are_no_weights(tmp_path: Path) -> None:
    path = tmp_path / "numbers.gguf"
    writer = gguf.GGUFWriter(path, "other")
    writer.add_tensor("numbers", np.arange(32, dtype=np.int32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(ModelKindError, match="'numbers' is i32, of which ggml makes no floats"):
        _core.weight_errors(str(path), "numbers", ["q8_0"])
