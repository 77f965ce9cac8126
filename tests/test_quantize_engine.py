"""Quantizing: sizes known beforehand, the bytes of llama.cpp's own quantizer, nothing half."""

import dataclasses
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import tiny_models

import pyengine
from pyengine import _core
from pyengine.errors import InputError, ModelFileError, ModelKindError, OptionError, PyengineError
from pyengine.models import quantize
from pyengine.models.file_types import FILE_TYPES, USUAL_TYPES, expand_types
from pyengine.models.gguf import check_gguf, model_parts, read_tensor_table
from pyengine.models.making import OPTIONS_SHA256_KEY, SOURCE_KEY, read_making
from pyengine.models.model import open_model
from pyengine.models.quantize_options import QuantizeOptions
from pyengine.models.quantize_plan import core_settings

ALL = [*USUAL_TYPES[:-1], "F16", "BF16"]  # all but Q2_K_S

# The peer: the same function through llama_cpp's ctypes.
PEER = """
import ctypes, sys, llama_cpp
source, target, ftype = sys.argv[1], sys.argv[2], int(sys.argv[3])
params = llama_cpp.llama_model_quantize_default_params()
params.ftype, params.nthread = ftype, 1
sys.exit(llama_cpp.llama_model_quantize(source.encode(), target.encode(), ctypes.byref(params)))
"""


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose rows are whole blocks of every type."""
    path = tmp_path_factory.mktemp("source") / "wide.gguf"
    tiny_models.write_plain(path, n_embd=256)
    return path


def make(
    source: Path, folder: Path, file_type: str, options: QuantizeOptions | None = None
) -> Path:
    options = options or QuantizeOptions()
    target = folder / f"{file_type}.gguf"
    there = target.exists()
    (plan,) = quantize.plan_quantization(source, [file_type], options=options)
    sha256 = quantize.file_sha256(source)
    reused = quantize.quantize_file(source, target, plan, source_sha256=sha256, options=options)
    assert reused == there
    return target


def tensor_bytes(path: Path) -> dict[str, bytes]:
    return {t.name: t.data.tobytes() for t in gguf.GGUFReader(path).tensors}


def test_every_type_has_the_planned_size_and_types(wide: Path, tmp_path: Path) -> None:
    plans = quantize.plan_quantization(wide, ALL)
    assert [plan.file_type for plan in plans] == ALL
    source_sha256 = quantize.file_sha256(wide)
    sizes = []
    for plan in plans:
        target = tmp_path / f"{plan.file_type}.gguf"
        quantize.quantize_file(wide, target, plan, source_sha256=source_sha256)
        sizes.append(target.stat().st_size)
        assert target.stat().st_size == plan.file_bytes
        table = {row.name: row for row in read_tensor_table(target)}
        assert {tensor.name: tensor for tensor in plan.tensors} == table
        assert plan.fallbacks == ()
        with open_model(target) as model:
            assert model.bits_per_weight == pytest.approx(plan.bits_per_weight, rel=1e-9)
    assert len(set(sizes)) > 10
    assert min(sizes) == sizes[ALL.index("Q2_K")]


@pytest.mark.parametrize(("file_type", "ftype"), [("Q4_K_M", 15), ("Q8_0", 7), ("Q3_K_S", 11)])
def test_the_weights_are_those_of_llama_cpp(
    wide: Path, tmp_path: Path, file_type: str, ftype: int
) -> None:
    ours = make(wide, tmp_path, file_type, QuantizeOptions(threads=2))
    theirs = tmp_path / "theirs.gguf"
    done = subprocess.run(
        [sys.executable, "-c", PEER, str(wide), str(theirs), str(ftype)],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert tensor_bytes(ours) == tensor_bytes(theirs)


def test_fallbacks_are_told(tmp_path: Path) -> None:
    narrow = tmp_path / "narrow.gguf"
    tiny_models.write_plain(narrow, n_embd=64)
    kquant, legacy = quantize.plan_quantization(narrow, ["Q4_K_M", "Q4_0"])
    assert kquant.base_type == "q4_K"
    told = {t.name: t.type for t in kquant.fallbacks}
    assert told["blk.0.attn_q.weight"] == "q5_0"
    assert "blk.0.attn_norm.weight" not in told  # kept, not fallen back
    assert kquant.wanted["blk.0.attn_q.weight"] == "q4_K"
    # The output would have been q6_K, whatever the file's type.
    assert [(t.name, t.type) for t in legacy.fallbacks] == [("token_embd.weight", "q8_0")]
    assert legacy.wanted == {"token_embd.weight": "q6_K"}


def test_what_was_asked_for_has_not_fallen_back(tmp_path: Path) -> None:
    narrow = tmp_path / "narrow.gguf"
    tiny_models.write_plain(narrow, n_embd=64)
    options = QuantizeOptions(overrides=(("attn_q", "q8_0"),), embedding_type="q5_1")
    (plan,) = quantize.plan_quantization(narrow, ["Q4_K_M"], options=options)
    assert not [name for name in plan.wanted if "attn_q" in name or "token_embd" in name]
    assert plan.wanted["blk.0.attn_k.weight"] == "q4_K"


def test_a_type_without_another_in_its_place_is_refused(tmp_path: Path) -> None:
    narrow = tmp_path / "narrow.gguf"
    tiny_models.write_plain(narrow, n_embd=64)
    with pytest.raises(OptionError, match="rows of 64 elements, not whole q1_0 blocks of 128"):
        quantize.plan_quantization(narrow, ["Q1_0"])
    failed: dict[str, OptionError] = {}
    plans = quantize.plan_quantization(
        narrow, ["Q1_0", "Q8_0"], impossible=failed.__setitem__, progress=lambda _: None
    )
    assert [plan.file_type for plan in plans] == ["Q8_0"]
    assert set(failed) == {"Q1_0"}


def test_output_embedding_pure_and_overrides(wide: Path) -> None:
    def types(options: QuantizeOptions) -> dict[str, str]:
        (plan,) = quantize.plan_quantization(wide, ["Q4_K_M"], options=options)
        return {tensor.name: tensor.type for tensor in plan.tensors}

    plain = types(QuantizeOptions())
    assert plain["token_embd.weight"] == "q6_K"  # tied: it is the output as well
    assert types(QuantizeOptions(embedding_type="q8_0"))["token_embd.weight"] == "q8_0"
    assert types(QuantizeOptions(pure=True))["blk.1.attn_v.weight"] == "q4_K"
    assert plain["blk.1.attn_v.weight"] == "q6_K"
    rules = ((r"blk\.1\.ffn_.*", "Q5_1"), ("ffn_up", "q2_K"))
    changed = types(QuantizeOptions(overrides=rules))
    assert changed["blk.1.ffn_up.weight"] == "q5_1"  # the first match wins
    assert changed["blk.0.ffn_up.weight"] == "q2_K"
    assert changed["blk.0.ffn_gate.weight"] == plain["blk.0.ffn_gate.weight"]


def write_imatrix(
    path: Path,
    source: Path,
    *,
    kind: str = "imatrix",
    scale: float = 1.0,
    rename: Callable[[str], str] = str,
) -> None:
    writer = gguf.GGUFWriter(str(path), "")
    writer.add_type(kind)
    writer.add_uint32("imatrix.chunk_count", 1)
    rng = np.random.default_rng(3)
    for row in read_tensor_table(source):
        if row.name.startswith("blk.") and len(row.shape) == 2:
            sums = (rng.uniform(0.1, 4.0, (1, row.shape[0])) * scale).astype(np.float32)
            writer.add_tensor(f"{rename(row.name)}.in_sum2", sums)
            writer.add_tensor(f"{rename(row.name)}.counts", np.full((1, 1), 2.0, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_an_importance_matrix_is_used(wide: Path, tmp_path: Path) -> None:
    imatrix = tmp_path / "imatrix.gguf"
    write_imatrix(imatrix, wide)
    plain = tensor_bytes(make(wide, tmp_path, "Q4_K_M"))
    with_matrix = tmp_path / "with"
    with_matrix.mkdir()
    options = QuantizeOptions(imatrix=imatrix)
    weighted = tensor_bytes(make(wide, with_matrix, "Q4_K_M", options))
    assert weighted["token_embd.weight"] == plain["token_embd.weight"]  # it has no entry
    assert weighted["blk.0.ffn_up.weight"] != plain["blk.0.ffn_up.weight"]
    assert make(wide, with_matrix, "Q2_K_S", options).exists()


def test_an_unusable_importance_matrix_is_refused(wide: Path, tmp_path: Path) -> None:
    imatrix = tmp_path / "imatrix.gguf"
    options = QuantizeOptions(imatrix=imatrix)
    with pytest.raises(ModelFileError, match="No such file"):
        make(wide, tmp_path, "Q4_K_M", options)
    write_imatrix(imatrix, wide, kind="model")
    with pytest.raises(ModelFileError, match="not an importance matrix"):
        make(wide, tmp_path, "Q4_K_M", options)
    write_imatrix(imatrix, wide, scale=float("nan"))
    with pytest.raises(ModelFileError, match="no mean square"):
        make(wide, tmp_path, "Q4_K_M", options)
    with pytest.raises(OptionError, match="Q2_K_S needs an importance matrix"):
        make(wide, tmp_path, "Q2_K_S")


def test_a_file_made_before_is_reused(wide: Path, tmp_path: Path) -> None:
    first = make(wide, tmp_path, "Q5_0")
    stamp = first.stat().st_mtime_ns
    make(wide, tmp_path, "Q5_0")
    assert first.stat().st_mtime_ns == stamp
    with pytest.raises(InputError, match="other options"):
        make(wide, tmp_path, "Q5_0", QuantizeOptions(pure=True))
    other = tmp_path / "other.gguf"
    tiny_models.write_plain(other, n_embd=256, n_vocab=300)
    with pytest.raises(InputError, match="another source"):
        make(other, tmp_path, "Q5_0")
    first.write_bytes(first.read_bytes()[:-64])
    with pytest.raises(InputError, match="exists and"):
        make(wide, tmp_path, "Q5_0")


def test_a_file_says_how_it_was_made(wide: Path, tmp_path: Path) -> None:
    matrix = tmp_path / "imatrix.gguf"
    write_imatrix(matrix, wide)
    rules = (("attn_q", "Q8_0"), ("attn_k", "q8_0"))
    options = QuantizeOptions(imatrix=matrix, overrides=rules, recipe_sha256="a" * 64)
    said = read_making(make(wide, tmp_path, "Q4_0", options))
    assert said["pyengine.version"] == pyengine.__version__
    assert said["pyengine.source_sha256"] == quantize.file_sha256(wide)
    assert said["pyengine.quantize_options"] == '{"file_type":"Q4_0","n_rules":2}'
    listed = hashlib.sha256(b"attn_q=q8_0\nattn_k=q8_0\n").hexdigest()
    assert said["pyengine.rules_sha256"] == listed
    given = hashlib.sha256(matrix.read_bytes()).hexdigest()
    assert said["pyengine.importance_sha256"] == given
    assert said["pyengine.recipe_sha256"] == "a" * 64
    assert "pyengine.corpus_sha256" not in said


def test_a_file_says_nothing_of_how_its_source_was_made(wide: Path, tmp_path: Path) -> None:
    rules = QuantizeOptions(overrides=(("attn_q", "q5_0"),))
    first = make(wide, tmp_path, "Q8_0", rules)
    options = QuantizeOptions(allow_requantize=True)
    said = read_making(make(first, tmp_path, "Q4_0", options))
    assert "pyengine.rules_sha256" not in said
    assert said["pyengine.source_sha256"] == quantize.file_sha256(first)


def test_a_file_of_an_earlier_version_is_reused(wide: Path, tmp_path: Path) -> None:
    """It says of its source and options and of nothing else."""
    target = tmp_path / "Q5_0.gguf"
    recorded = quantize.options_sha256("Q5_0", QuantizeOptions())
    told = [(SOURCE_KEY, quantize.file_sha256(wide)), (OPTIONS_SHA256_KEY, recorded)]
    _core.quantize(str(wide), str(target), **core_settings("Q5_0", QuantizeOptions(), told))
    stamp = target.stat().st_mtime_ns
    make(wide, tmp_path, "Q5_0")
    assert target.stat().st_mtime_ns == stamp


def test_the_source_of_another_tool_is_never_overwritten(wide: Path, tmp_path: Path) -> None:
    target = tmp_path / "Q5_0.gguf"
    target.write_text("mine")
    with pytest.raises(InputError, match="not a file that pyengine quantized"):
        make(wide, tmp_path, "Q5_0")
    assert target.read_text() == "mine"


def test_an_interruption_leaves_nothing(wide: Path, tmp_path: Path) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    (plan,) = quantize.plan_quantization(wide, ["Q2_K"])
    with pytest.raises(KeyboardInterrupt):
        quantize.quantize_file(
            wide, tmp_path / "q.gguf", plan, source_sha256="0" * 64, progress=interrupt
        )
    assert list(tmp_path.iterdir()) == []


def test_a_death_of_the_quantizer_is_an_error(
    wide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (plan,) = quantize.plan_quantization(wide, ["Q2_K"])
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(
        "import os, sys\nif 'pyengine.models.child' in sys.orig_argv: os.abort()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(hook))
    target = tmp_path / "out"
    target.mkdir()
    with pytest.raises(ModelFileError, match="died with signal 6"):
        quantize.quantize_file(wide, target / "q.gguf", plan, source_sha256="0" * 64)
    assert list(target.iterdir()) == []


def test_a_full_disk_is_seen_before(
    wide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = 1000

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage)
    with pytest.raises(InputError, match="MB are needed"):
        make(wide, tmp_path, "Q8_0")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "error", "reason"),
    [
        ({"output_type": "q9_9"}, OptionError, "no tensor type"),
        ({"overrides": (("(", "q4_0"),)}, OptionError, "regular expression"),
        ({"threads": 0}, OptionError, "threads"),
        ({"embedding_type": "q4_K"}, OptionError, "not whole q4_K blocks"),
    ],
)
def test_impossible_options(
    tmp_path: Path, settings: dict[str, Any], error: type[PyengineError], reason: str
) -> None:
    narrow = tmp_path / "narrow.gguf"
    tiny_models.write_plain(narrow, n_embd=64)
    options = dataclasses.replace(QuantizeOptions(), **settings)
    with pytest.raises(error, match=reason):
        quantize.plan_quantization(narrow, ["Q8_0"], options=options)


def test_a_quantized_source_is_refused_unless_allowed(wide: Path, tmp_path: Path) -> None:
    once = make(wide, tmp_path, "Q8_0")
    twice = tmp_path / "twice"
    twice.mkdir()
    with pytest.raises(ModelKindError, match="quantized already"):
        make(once, twice, "Q4_0")
    made = make(once, twice, "Q4_0", QuantizeOptions(allow_requantize=True))
    assert check_gguf(made).n_tensors == check_gguf(wide).n_tensors


def test_a_vocabulary_cannot_be_quantized(shared: Path) -> None:
    with pytest.raises(ModelKindError, match="vocabulary only"):
        quantize.plan_quantization(shared / "vocabs" / "ggml-vocab-gpt-2.gguf", ["Q8_0"])


def test_types_by_name() -> None:
    assert expand_types(["q4_k_m", "Q4_K_M", "Q4_K"], has_imatrix=False) == ["Q4_K_M"]
    assert "Q2_K_S" in expand_types(["all"], has_imatrix=True)
    assert len(expand_types(["all"], has_imatrix=False)) == 14
    assert expand_types(list(FILE_TYPES), has_imatrix=False) == list(FILE_TYPES)
    with pytest.raises(OptionError, match="no file type 'Q9'"):
        expand_types(["Q9"], has_imatrix=False)
    with pytest.raises(OptionError, match="type of single tensors"):
        expand_types(["nvfp4"], has_imatrix=False)
    with pytest.raises(OptionError, match="was given"):
        expand_types([], has_imatrix=False)


def test_what_lacks_its_importance_is_refused(wide: Path, tmp_path: Path) -> None:
    """Also embeddings, of which ggml would end the process."""
    asked = ["IQ2_XXS", "IQ3_S", "IQ4_XS"]
    needing, *others = quantize.plan_quantization(wide, asked)
    assert len(needing.lacks_importance) == len(needing.needs_importance) > 5
    assert not any(plan.needs_importance for plan in others)
    with pytest.raises(OptionError, match=r"IQ2_XXS needs an importance matrix .*--imatrix"):
        make(wide, tmp_path, "IQ2_XXS")
    embedding = QuantizeOptions(embedding_type="iq2_xxs")
    with pytest.raises(OptionError, match=r"of token_embd\.weight, which becomes iq2_xxs"):
        make(wide, tmp_path, "Q8_0", embedding)
    imatrix = tmp_path / "imatrix.gguf"
    write_imatrix(imatrix, wide, rename=lambda name: name.replace("blk.1.ffn_up", "blk.9.ffn_up"))
    options = QuantizeOptions(imatrix=imatrix)
    with pytest.raises(OptionError, match=r"holds no importance of blk\.1\.ffn_up\.weight, which"):
        make(wide, tmp_path, "IQ2_XXS", options)
    assert [path.name for path in tmp_path.iterdir()] == ["imatrix.gguf"]
    assert make(wide, tmp_path, "IQ3_S", options).exists()


def test_sizes_without_a_matrix_are_those_with_one(wide: Path, tmp_path: Path) -> None:
    imatrix = tmp_path / "imatrix.gguf"
    write_imatrix(imatrix, wide)
    asked = ["IQ3_XXS", "IQ2_M", "Q2_K_S"]
    without = quantize.plan_quantization(wide, asked)
    given = quantize.plan_quantization(wide, asked, options=QuantizeOptions(imatrix=imatrix))
    assert [plan.tensors for plan in without] == [plan.tensors for plan in given]
    assert [plan.lacks_importance for plan in given] == [(), (), ()]


def test_a_split_source_becomes_one_file(tmp_path: Path) -> None:
    first = tmp_path / "m-00001-of-00002.gguf"
    tiny_models.write_plain(first, parts=2, n_embd=64)
    out = tmp_path / "out"
    out.mkdir()
    made = make(first, out, "Q8_0")
    assert model_parts(made) == (made,)
    assert check_gguf(made).n_tensors == 20


def test_another_library_that_takes_the_log_changes_no_plan(tmp_path: Path) -> None:
    """Importing llama_cpp takes llama.cpp's log, which a plan reads; it has it again afterwards."""
    path = tiny_models.write_bpe(tmp_path / "tiny.gguf")
    program = f"""
import ctypes, pyengine
from pyengine.models.quantize_options import QuantizeOptions
from pyengine.models.quantize_plan import plan_here
import llama_cpp.llama_cpp as peer

def holder():
    found, data = ctypes.c_void_p(), ctypes.c_void_p()
    peer._lib.llama_log_get(ctypes.byref(found), ctypes.byref(data))
    return found.value

peer._lib.llama_log_get.argtypes = None
before = holder()
assert len(plan_here({str(path)!r}, "Q8_0", QuantizeOptions()).tensors) > 5
assert holder() == before is not None
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
