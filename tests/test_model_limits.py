"""What a model cannot do is a sentence: sizes no kernel has, positions nobody learned, no words."""

import json
import struct
from pathlib import Path

import damage
import gguf as writers
import numpy as np
import parameter_sweep
import pytest
import tiny_models
from command_line import run
from comparison_samples import PLAIN
from tiny_models import Tiny

from pyengine.errors import ModelFileError, ModelKindError, OptionError
from pyengine.measure.compare import compare
from pyengine.measure.options import CompareOptions
from pyengine.measure.speed import SpeedOptions
from pyengine.models import gguf
from pyengine.models.generation import Generator, Request
from pyengine.models.model import open_model
from pyengine.models.options import SessionOptions
from pyengine.models.session import Session
from pyengine.run import members_of
from pyengine.run.storage import parse
from pyengine.text.documents import Corpus, Document
from pyengine.text.windows import WindowOptions

TEXT = "import re\ndef area(r):\n    return 3.14 * r ** 2\n" * 12


def number(data: bytes, key: str, value: int) -> bytes:
    return damage.with_value(data, key, parameter_sweep.UINT32, struct.pack("<I", value))


@pytest.mark.parametrize("architecture", ["rwkv7", "arwkv7"])
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


def test_rwkv6_takes_heads_of_any_size(shared: Path) -> None:
    with open_model(shared / "models" / "tiny-rwkv-6v0-3m-q5_0.gguf") as model:
        assert model.metadata["rwkv6.wkv.head_size"] == "8"
        options = SessionOptions(n_ctx=64, n_batch=40, n_ubatch=16, threads=1)
        assert np.isfinite(Session(model, options=options).logits(list(range(40)))).all()


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


@pytest.mark.parametrize("architecture", ["dream", "llada", "llama-embed"])
def test_models_without_a_next_token(tmp_path: Path, architecture: str) -> None:
    path = tiny_models.write_plain(tmp_path / "model.gguf", architecture=architecture)
    with (
        open_model(path) as model,
        pytest.raises(ModelKindError, match=rf"{architecture}.* no next-token distribution"),
    ):
        Session(model)
    for command, *models in (("probe", path), ("compare", path, path), ("evaluate", path)):
        done = run(command, *models)
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert "no next-token distribution" in done.err
    assert run("vocab", path).code == 0


def test_a_diffusion_model_is_refused(shared: Path) -> None:
    done = run("probe", shared / "cases" / "models" / "dream_arch.gguf")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "a diffusion model (dream) has no next-token distribution" in done.err


def test_no_position_beyond_those_learned(tmp_path: Path) -> None:
    with open_model(tiny_models.write_gpt2(tmp_path / "gpt2.gguf", n_positions=64)) as model:
        assert model.n_positions == 64
        session = Session(model, options=SessionOptions(threads=1))
        ids = np.arange(65, dtype=np.int32)
        assert np.isfinite(session.logits(ids[:64])).all()
        assert model.longest_context == 64
        with pytest.raises(OptionError, match="position 64 is beyond the 64"):
            session.logits(ids)
        request = Request(tokens=[1, 2], max_tokens=63)
        with pytest.raises(OptionError, match="do not fit into a context of 64"):
            list(Generator(session).run([request]))


def test_windows_starts_and_continuations_are_fitted(tmp_path: Path) -> None:
    paths = [
        tiny_models.write_gpt2(tmp_path / f"{i}.gguf", Tiny(seed=i), n_positions=64)
        for i in range(2)
    ]
    text = tmp_path / "text.py"
    text.write_text(TEXT)
    whole: list[str | Path] = ["--corpus", text, "--document-tokens", "0"]
    done = run("compare", *paths, *whole, "--continuations", "1", "--json")
    assert done.code == 0, done.err
    record = parse(json.loads(done.out), "stdout")
    (note,) = record.notes
    assert (note.code, note.values) == ("fitted-to-positions", {"asked": 512, "positions": 64})
    assert record.population is not None
    assert record.population.n_ctx == 64
    assert record.shown("continuation")[0]["n_generated"] == 32  # 64 - 33 + 1
    starts = {members_of(row.group).get("start") for row in record.select(model="1")}
    assert starts >= {"sequence", "cold"}
    shown = run("compare", *paths, *whole, "--no-starts")
    assert "Contexts are of 64 tokens, not 512" in " ".join(shown.out.split())
    assert run("probe", paths[0], "--no-split").code == 0
    longer = run("probe", paths[0], "--no-split", "--start", f"text:{TEXT}")
    assert (longer.code, longer.err.count("\n")) == (2, 1)
    assert "beyond the 64 that" in longer.err


def test_llama_perplexitys_windows_are_fitted(tmp_path: Path) -> None:
    path = tiny_models.write_gpt2(tmp_path / "gpt2.gguf", n_positions=64)
    text = tmp_path / "text.py"
    text.write_text(TEXT)
    done = run("compare", path, path, "--corpus", text, "--emulate", "llama-perplexity", "--json")
    assert done.code == 0, done.err
    record = parse(json.loads(done.out), "stdout")
    assert [content["n_ctx"] for content in record.shown("base-run")] == [64]


def test_prompts_of_timings_are_fitted() -> None:
    speed = SpeedOptions(prompt_tokens=256, generated_tokens=64)
    assert speed.within(None) == speed.within(320) == speed
    fitted = speed.within(64)
    assert (fitted.prompt_tokens, fitted.generated_tokens) == (51, 13)


def test_more_than_was_trained_is_measured_and_said(tmp_path: Path) -> None:
    path = tiny_models.write_plain(tmp_path / "llama.gguf")  # trained with 128
    corpus = Corpus((Document("a", "python", TEXT.encode()),), "test")
    for n_ctx, expected in ((128, []), (512, ["beyond-trained-context"] * 2)):
        windows = WindowOptions(n_ctx=n_ctx, document_tokens=None, max_tokens=600)
        options = CompareOptions(windows=windows, threads=1, starts=False, continuations=0)
        result = compare(path, [path], corpus=corpus, options=options)
        assert [note.code for note in result.notes] == expected
    assert result.notes[0].values == {"positions": 511, "trained": 128}
    assert PLAIN.windows.n_ctx < 128
    text = tmp_path / "text.py"
    text.write_text(TEXT)
    whole: list[str | Path] = ["--corpus", text, "--document-tokens", "0", "--no-starts"]
    shown = " ".join(run("compare", path, path, *whole).out.split())
    assert "llama was given contexts of up to 511 tokens and was trained with 128" in shown
    start = ["--start", f"text:{TEXT}", "--no-split", "--draws", "1"]
    probed = json.loads(run("probe", path, *start, "--json").out)
    (note,) = [note for note in probed["notes"] if note["code"] != "split-words-not-measured"]
    assert (note["code"], note["model"]) == ("beyond-trained-context", "llama")
