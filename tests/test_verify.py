"""`pyengine verify`: what is the same, what differs and why."""

import json
from collections.abc import Mapping
from pathlib import Path

import gguf
import numpy as np
import pytest
import tiny_models
from command_line import run
from llama_quantize_hashes import write_importance, write_model

import pyengine
from pyengine import _core
from pyengine.choose.verification import proven, reasons
from pyengine.models.quantize_options import QuantizeOptions
from pyengine.models.quantize_plan import core_settings
from pyengine.models.verifying import compare_here

EXPERTS = "blk.0.ffn_up_exps.weight"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mixture of experts."""
    return write_model(tmp_path_factory.mktemp("source"), "qwen3moe")


def quantized(
    source: Path,
    target: Path,
    file_type: str = "Q4_K_M",
    options: QuantizeOptions | None = None,
    said: Mapping[str, str] | None = None,
) -> Path:
    """Quantize as somebody else does who says this of it."""
    settings = core_settings(file_type, options or QuantizeOptions())
    _core.quantize(str(source), str(target), **{**settings, "metadata": list((said or {}).items())})
    return target


def small(path: Path, tensors: Mapping[str, np.ndarray], **numbers: int) -> Path:
    """Write a file of an architecture that llama.cpp does not know."""
    writer = gguf.GGUFWriter(path, "other")
    for key, number in numbers.items():
        writer.add_uint32(f"other.{key}", number)
    for name, values in tensors.items():
        raw = gguf.GGMLQuantizationType.IQ2_XS if values.dtype == np.uint8 else None
        writer.add_tensor(name, values, raw_dtype=raw)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_what_was_made_so_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = write_model(Path(), "qwen3moe")
    matrix = write_importance(Path("m.gguf"), source)
    theirs = quantized(source, Path("theirs.gguf"), options=QuantizeOptions(imatrix=matrix))
    outcome = run("verify", theirs, "--from", source, "--imatrix", matrix)
    assert (outcome.code, outcome.err) == (0, "")
    words = " ".join(outcome.out.split())
    assert f"{theirs} is what {source} quantizes to with {matrix}: all 14 tensors" in words
    assert "in its metadata nothing" in words
    assert "m.gguf, SHA-256" in words
    assert "8 of 8 entries name a tensor" in words
    assert max(len(line) for line in outcome.out.splitlines()) <= 80

    outcome = run("verify", theirs, "--from", source, "--json")
    assert outcome.code == 1
    assert f"{theirs} is not what {source} quantizes to" in outcome.err
    record = json.loads(outcome.out)
    (file,) = (e["content"] for e in record["exhibits"] if e["kind"] == "verified")
    different = [e["content"] for e in record["exhibits"] if e["kind"] == "tensor-difference"]
    assert file["n_equal"] == file["n_tensors"] - len(different) > 0
    assert EXPERTS in {one["name"] for one in different}
    for one in different:
        assert 0 < one["n_bytes_different"] < one["n_bytes"]
        assert 0 < one["between"] < 2 * one["rounding"] < 4 * one["error"]


def test_what_pyengine_made_tells_its_matrix(source: Path, tmp_path: Path) -> None:
    matrix, other = write_importance(tmp_path / "m.gguf", source), tmp_path / "o.gguf"
    made = pyengine.quantize(source, to="Q4_0", imatrix=matrix, output_dir=tmp_path, threads=1)
    (path,) = (file["path"] for file in made.shown("quantized"))
    verified = pyengine.verify(path, source, threads=1)
    ((code, values),) = reasons(verified)
    assert code == "matrix-hashed"
    (making,) = verified.shown("making")
    assert making["said"]["pyengine.importance_sha256"] == values["said"]
    write_importance(other, source)
    for tensor in gguf.GGUFReader(other, "r+").tensors:
        tensor.data[:] = tensor.data[..., ::-1]
    verified = pyengine.verify(path, source, imatrix=other, threads=1)
    assert [code for code, _ in reasons(verified)] == ["matrix-other"]


def test_a_source_that_was_rounded_otherwise(source: Path, tmp_path: Path) -> None:
    halves = quantized(source, tmp_path / "f16.gguf", "F16")
    theirs = quantized(source, tmp_path / "theirs.gguf", "Q8_0")
    verified = pyengine.verify(theirs, halves, threads=1)
    assert not proven(verified)
    assert [code for code, _ in reasons(verified)] == ["few-bytes"]


def test_a_split_and_quantized_source(tmp_path: Path) -> None:
    """A source in two parts, whose output is tied; then what was made of it is itself one."""
    tiny = tiny_models.Tiny(parts=2)
    first = tiny_models.write_bpe(tmp_path / "tiny-00001-of-00002.gguf", tiny)
    theirs = quantized(first, tmp_path / "theirs.gguf", "Q8_0")
    verified = pyengine.verify(theirs, first, threads=1)
    assert proven(verified)
    assert verified.notes == []
    options = QuantizeOptions(allow_requantize=True)
    again = quantized(theirs, tmp_path / "again.gguf", "Q4_0", options)
    verified = pyengine.verify(again, theirs, threads=1)
    assert proven(verified)
    assert [note.code for note in verified.notes] == ["source-quantized"]


def test_rules_of_its_own_are_noted(source: Path, tmp_path: Path) -> None:
    options = QuantizeOptions(overrides=(("attn_q", "q8_0"),))
    theirs = quantized(source, tmp_path / "theirs.gguf", options=options)
    verified = pyengine.verify(theirs, source, threads=1)
    assert proven(verified)
    (note,) = verified.notes
    assert note.code == "types-unlike-preset"
    assert (note.values["n"], note.values["type"], note.values["usual"]) == (1, "q8_0", "q4_K")


def test_an_unknown_architecture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies, a tensor of another shape, one that needs importance, and those that one lacks."""
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(8, 256)).astype(np.float32)
    ours = {"same": rows, "changed": rows, "shaped": rows, "iq": rows, "output.weight": rows}
    theirs = {"same": rows, "changed": rows.copy(), "shaped": rows[:4], "mine": rows}
    theirs["iq"] = np.zeros((8, 74), np.uint8)
    theirs["changed"][3, 4] = 9.0
    monkeypatch.chdir(tmp_path)
    file = small(Path("file.gguf"), theirs, size=3)
    source = small(Path("source.gguf"), ours, size=4)
    outcome = run("verify", file, "--from", source, "--markdown")
    assert outcome.code == 1
    words = " ".join(outcome.out.split())
    assert "3 of 5 tensors differ" in words
    assert "2 tensors cannot be made again, such as shaped: " in words
    assert f"Only {source} has output.weight." in words
    assert "the other uses token_embd.weight" in words
    assert f"Only {file} has mine." in words
    assert "| other.size | 3 | 4 |" in words
    assert "| **changed** | f32 | 1 |" in words


def test_a_byte_is_found(source: Path, tmp_path: Path) -> None:
    theirs = quantized(source, tmp_path / "theirs.gguf", "Q8_0")
    (tensor,) = (one for one in gguf.GGUFReader(theirs).tensors if one.name == EXPERTS)
    with theirs.open("r+b") as file:
        file.seek(int(tensor.data_offset) + 5)
        byte = file.read(1)[0]
        file.seek(-1, 1)
        file.write(bytes([byte ^ 1]))
    found = compare_here(str(theirs), str(source), "", 2, EXPERTS)
    assert found.n_bytes_different == 1
    assert found.between is not None
    assert 0 < found.between < 0.01


def test_numbers_that_are_none_have_no_error(source: Path, tmp_path: Path) -> None:
    theirs = quantized(source, tmp_path / "nan.gguf", "Q8_0")
    (tensor,) = (one for one in gguf.GGUFReader(theirs).tensors if one.name == EXPERTS)
    with theirs.open("r+b") as file:
        file.seek(int(tensor.data_offset))
        file.write(np.float16(np.nan).tobytes())
    found = compare_here(str(theirs), str(source), "", 1, EXPERTS)
    assert (found.n_bytes_different, found.error, found.rounding) == (2, None, None)


def test_what_cannot_be_verified(source: Path, tmp_path: Path) -> None:
    missing = run("verify", tmp_path / "absent.gguf", "--from", source)
    assert missing.code == 2
    assert missing.err.count("\n") == 1
    assert "absent.gguf: " in missing.err
    other = tiny_models.write_bpe(tmp_path / "tiny.gguf")
    matrix = write_importance(tmp_path / "m.gguf", source)
    wrong = run("verify", other, "--from", other, "--imatrix", matrix)
    assert wrong.code == 2
    assert "is of another model than" in wrong.err
    assert run("verify", other).code == 2
