"""Memory is forecast from headers alone, as llama.cpp then counts it and a process takes it."""

import subprocess
import sys
from pathlib import Path

import pytest
import tiny_architectures
import tiny_models
from tiny_architectures import Sizes

from pyengine import _core
from pyengine.errors import ModelFileError, ModelKindError, OptionError
from pyengine.models.gguf import read_tensor_table
from pyengine.models.memory import MemoryForecast, MemoryShare, forecast, parts_of

CAMPAIGN = Path(__file__).parents[1] / "benchmarks" / "memory_forecast.py"
MIB = 1 << 20
CONTEXT = 4096
WINDOW = 16
N_LAYER, N_HEAD_KV, HEAD = 2, 2, 16  # of tiny_architectures


def counted(path: Path, **options: object) -> list[tuple[str, bool, int, int, int]]:
    """Return what llama.cpp says of a model that is really open."""
    right = {"n_batch": 512, "n_ubatch": 512, "n_seq_max": 1, "n_outputs_max": 1, "threads": 1}
    model = _core.Model(str(path))
    return _core.Context(model, n_ctx=CONTEXT, **{**right, **options}).memory  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "architecture", [*tiny_architectures.ARCHITECTURES, *tiny_architectures.HYBRIDS]
)
def test_a_header_alone_says_what_the_whole_model_takes(architecture: str, tmp_path: Path) -> None:
    whole = tiny_architectures.write(tmp_path / "whole.gguf", architecture)
    n_weights = sum((tensor.n_bytes + 31) // 32 * 32 for tensor in read_tensor_table(whole))
    head = tmp_path / "head.gguf"
    head.write_bytes(whole.read_bytes()[:-n_weights])
    with pytest.raises(ModelFileError, match="truncated"):
        _core.check_gguf(str(head))
    (said,) = forecast(head, CONTEXT).shares
    ((device, is_cpu, weights, cache, compute),) = counted(whole, full_windows=False)
    assert (said.device, is_cpu) == (device, True)
    assert said.weights == pytest.approx(weights, abs=4096)
    assert weights == pytest.approx(n_weights, abs=4096)
    assert (said.cache + said.recurrent, said.compute) == (cache, compute)


def cache(path: Path, context: int = CONTEXT, **options: object) -> int:
    return forecast(path, context, **options).shares[0].cache  # type: ignore[arg-type]


def test_the_cache_is_that_of_all_layers_heads_and_tokens(tmp_path: Path) -> None:
    path = tiny_architectures.write(tmp_path / "m.gguf", "llama")
    numbers = 2 * N_LAYER * N_HEAD_KV * HEAD * CONTEXT
    assert cache(path) == 2 * numbers
    assert cache(path, k_type="f32", v_type="f32") == 4 * numbers
    wide = tiny_architectures.write(
        tmp_path / "wide.gguf",
        "llama",
        sizes=Sizes(n_embd=128),  # heads of one block
    )
    assert cache(wide, k_type="q8_0", v_type="q4_0") == numbers * (34 + 18) // 32


def test_what_lies_behind_a_window_is_counted_only_where_it_is_kept(tmp_path: Path) -> None:
    path = tiny_architectures.write(tmp_path / "m.gguf", "gemma3")
    of_a_token = 2 * 2 * N_LAYER * N_HEAD_KV * HEAD
    cells = (WINDOW + 64 + 255) // 256 * 256  # the window and one micro-batch
    assert cache(path, ubatch=64) == cells * of_a_token
    assert cache(path, ubatch=64, full_windows=True) == CONTEXT * of_a_token


def test_latent_attention_keeps_one_vector_for_a_token(tmp_path: Path) -> None:
    path = tiny_architectures.write(tmp_path / "m.gguf", "deepseek2")
    rank, rotated = 32, 8
    assert cache(path) == 2 * N_LAYER * (rank + rotated) * CONTEXT


@pytest.mark.parametrize("architecture", ["mamba", "rwkv7"])
def test_states_grow_with_sequences_and_not_with_the_context(
    architecture: str, tmp_path: Path
) -> None:
    path = tiny_architectures.write(tmp_path / "m.gguf", architecture)
    (one,), (long,), (three,) = (
        forecast(path, context, sequences=n).shares for context, n in ((64, 1), (640, 1), (64, 3))
    )
    assert one.cache == long.cache == 0
    assert one.recurrent == long.recurrent > 0
    assert three.recurrent == 3 * one.recurrent


def test_states_and_cache_of_a_hybrid_model_are_told_apart(tmp_path: Path) -> None:
    path = tiny_architectures.write(tmp_path / "m.gguf", "jamba")
    said = forecast(path, CONTEXT, sequences=3).shares[0]
    assert said.cache == 2 * 2 * N_HEAD_KV * HEAD * CONTEXT, "of one layer"
    inner, state, kernel = 128, 8, 4
    assert said.recurrent == 3 * 4 * inner * (state + kernel - 1), "of the other"


def test_of_a_split_model_the_beginnings_of_all_parts_are_enough(tmp_path: Path) -> None:
    first = tmp_path / "m-00001-of-00002.gguf"
    tiny_models.write_bpe(first, tiny_models.Tiny(parts=2))
    whole = forecast(first, CONTEXT).shares[0]
    for part in parts_of(first):
        part.write_bytes(part.read_bytes()[: part.stat().st_size // 2])
    said = forecast(first, CONTEXT).shares[0]
    assert (said.weights, said.cache, said.compute) == (whole.weights, whole.cache, whole.compute)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["llama", "deepseek2", "rwkv7", "qwen3moe"])
def test_a_process_takes_what_was_forecast(architecture: str, tmp_path: Path) -> None:
    sizes = Sizes(n_vocab=20_000, n_embd=512, n_head=8, n_head_kv=8, n_ff=512, rank=512)
    path = tiny_architectures.write(tmp_path / "m.gguf", architecture, sizes=sizes)
    said = forecast(path, 2048, sequences=4).main
    assert said > 100 * MIB
    words = [sys.executable, str(CAMPAIGN), str(path), "--take", "2048"]
    taken = int(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    assert said == pytest.approx(taken, rel=0.05, abs=16 * MIB)


def test_what_cannot_be_forecast_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tiny_models.write_bpe(tmp_path / "m.gguf")
    with pytest.raises(OptionError, match="1 to 16777216 tokens, not 0"):
        forecast(path, 0)
    with pytest.raises(OptionError, match="no attention cache is kept as q3"):
        forecast(path, 64, k_type="q3")
    with pytest.raises(ModelFileError, match="no-such-file"):
        forecast(tmp_path / "no-such-file", 64)
    half = tmp_path / "half.gguf"
    half.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(ModelFileError, match=r"half\.gguf: .*truncated"):
        forecast(half, 64)
    words = tiny_models.write_bpe(tmp_path / "words.gguf", tiny_models.Tiny(weights=False))
    with pytest.raises(ModelKindError):
        forecast(words, 64)


def test_a_model_that_was_opened_to_be_counted_decodes_nothing(tmp_path: Path) -> None:
    path = tiny_models.write_bpe(tmp_path / "m.gguf")
    model = _core.Model(str(path), no_alloc=True)
    context = _core.Context(
        model, n_ctx=64, n_batch=64, n_ubatch=64, n_seq_max=1, n_outputs_max=1, threads=1
    )
    with pytest.raises(OptionError, match="to count its memory only"):
        context.decode([1], [0], [[0]], [True])


def test_a_forecast_is_the_sum_of_its_devices() -> None:
    cpu = MemoryShare(device="CPU", weights=1, cache=2, recurrent=4, compute=8, process=16)
    gpu = MemoryShare(device="CUDA0", weights=32, cache=64, recurrent=0, compute=128)
    said = MemoryForecast(shares=(cpu, gpu))
    assert (said.main, gpu.total, said.total) == (31, 224, 255)
