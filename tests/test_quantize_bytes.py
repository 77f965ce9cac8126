"""Every file type: the bytes that llama-quantize makes, and its sizes and refusals beforehand."""

import json
import platform
from collections.abc import Collection
from pathlib import Path

import pytest
from llama_quantize_hashes import (
    HASHES,
    MODELS,
    padded,
    tensors_sha256,
    write_importance,
    write_model,
)

from pyengine import _core
from pyengine.errors import OptionError
from pyengine.models.file_types import FILE_TYPES, NEEDS_IMATRIX
from pyengine.models.gguf import read_tensor_table
from pyengine.models.quantize_options import QuantizeOptions
from pyengine.models.quantize_plan import core_settings, plan_here

RECORDED = json.loads(HASHES.read_text(encoding="utf-8"))


def test_every_type_is_recorded() -> None:
    assert set(RECORDED) == set(MODELS)
    assert all(tuple(types) == FILE_TYPES for types in RECORDED.values())
    made = [found for types in RECORDED.values() for found in types.values()]
    assert sum(plain is not None for plain, _ in made) > 70
    assert sum(given is not None and given != plain for plain, given in made) > 60


def test_those_that_need_an_importance_matrix() -> None:
    """As of rows that are whole blocks, and of no others."""
    needing = {name for name, (plain, given) in RECORDED["qwen3moe"].items() if given and not plain}
    assert needing == set(NEEDS_IMATRIX)


on_x86_64 = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"),
    reason="recorded on x86-64; other compilers fuse multiplications with additions",
)


def check_bytes(folder: Path, architecture: str, types: Collection[str], *, given: bool) -> None:
    """Hold what is planned and made of a model against what llama-quantize made or refused."""
    source = write_model(folder, architecture)
    importance = write_importance(folder / "imatrix.gguf", source) if given else None
    options = QuantizeOptions(imatrix=importance)
    target = folder / "made.gguf"
    for file_type in types:
        theirs = RECORDED[architecture][file_type][given]
        if file_type == "Q1_0" and theirs is None:
            with pytest.raises(OptionError, match="no other type in its place"):
                plan_here(str(source), file_type, options)
            continue
        plan = plan_here(str(source), file_type, options)
        assert bool(plan.lacks_importance) == (theirs is None), file_type
        if theirs is not None:
            settings = core_settings(file_type, options)
            _core.quantize(str(source), str(target), **settings)
            assert tensors_sha256(target) == theirs, file_type
            assert target.stat().st_size == plan.file_bytes, file_type
            check_tensors(source, target, "" if importance is None else str(importance))


def check_tensors(source: Path, target: Path, importance: str) -> None:
    """Hold each tensor made alone against the file that llama.cpp made."""
    data, table = target.read_bytes(), read_tensor_table(target)
    at = len(data) - sum(padded(row.n_bytes) for row in table)
    for row in table:
        made = _core.quantized_tensor(str(source), row.name, row.type, importance, threads=2)
        assert made.tobytes() == data[at : at + row.n_bytes], (row.name, row.type)
        at += padded(row.n_bytes)


@on_x86_64
@pytest.mark.parametrize("architecture", MODELS)
def test_the_bytes_are_those_of_llama_quantize(tmp_path: Path, architecture: str) -> None:
    check_bytes(tmp_path, architecture, FILE_TYPES, given=False)


@on_x86_64
@pytest.mark.parametrize("architecture", MODELS)
def test_so_they_are_with_an_importance_matrix(tmp_path: Path, architecture: str) -> None:
    check_bytes(tmp_path, architecture, set(FILE_TYPES) - set(NEEDS_IMATRIX), given=True)


@on_x86_64
@pytest.mark.slow  # ggml first computes a table for each of these types, for some seconds
def test_so_are_those_that_need_one(tmp_path: Path) -> None:
    for architecture in MODELS:
        check_bytes(tmp_path, architecture, NEEDS_IMATRIX, given=True)
