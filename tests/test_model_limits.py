"""What a model cannot do is a sentence: sizes no kernel has, positions nobody learned, no words."""

import struct
from pathlib import Path

import damage
import gguf as writers
import parameter_sweep
import pytest
import tiny_models
from command_line import run

from pyengine.engine import gguf
from pyengine.engine.model import open_model
from pyengine.errors import ModelFileError

TEXT = "import re\ndef area(r):\n    return 3.14 * r ** 2\n" * 12


def number(data: bytes, key: str, value: int) -> bytes:
    return damage.with_value(data, key, parameter_sweep.UINT32, struct.pack("<I", value))


@pytest.mark.parametrize("architecture", ["rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"])
@pytest.mark.parametrize("size", [1, 16, 32, 63, 65, 256])
def test_heads_of_a_size_that_no_kernel_has(tmp_path: Path, architecture: str, size: int) -> None:
    path = tmp_path / "model.gguf"
    writer = writers.GGUFWriter(path, architecture)
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(64 * 63 * 65)
    writer.add_wkv_head_size(size)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    with pytest.raises(ModelFileError, match=rf"wkv\.head_size must be 64 or 128, not {size}"):
        gguf.check_gguf(path)


def test_a_head_size_of_32_is_refused_by_name(shared: Path) -> None:
    path = shared / "cases" / "models" / "rwkv7_head_size_32.gguf"
    done = run("compare", path, path, "--tokens", "500")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "rwkv7_head_size_32.gguf: rwkv7.wkv.head_size must be 64 or 128" in done.err


def test_heads_of_qwen2_fill_its_width(tmp_path: Path) -> None:
    path = tiny_models.write_plain(tmp_path / "model.gguf", architecture="qwen2")
    data = path.read_bytes()
    for key in ("attention.key_length", "attention.value_length", "rope.dimension_count"):
        data = number(data, f"qwen2.{key}", 16)  # 4 heads of 16 in a width of 32
    path.write_bytes(data)
    with pytest.raises(ModelFileError, match="embedding_length divided by"):
        open_model(path)


def test_vectors_in_disguise_are_float32(tmp_path: Path) -> None:
    path = tiny_models.write_plain(tmp_path / "model.gguf", architecture="qwen2", half_biases=True)
    with pytest.raises(ModelFileError, match="f16, which cannot be computed with"):
        open_model(path)


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "qwen3"])
def test_no_hyperparameter_kills(tmp_path: Path, architecture: str) -> None:
    path = tiny_models.write_plain(tmp_path / "model.gguf", architecture=architecture)
    assert gguf.check_gguf(path).reviewed
    cases = [
        (key, *value)
        for key in parameter_sweep.keys(architecture)
        for value in parameter_sweep.values()
    ]
    outcomes, deaths = parameter_sweep.sweep(path, cases[::29])
    assert deaths == []
    assert outcomes["valid"] > 20
    assert outcomes["ModelFileError"] > 10
