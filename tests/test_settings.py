"""Settings of a model: `model.gguf?kv=q8_0` is a variant, and an impossible one is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import tiny_models
from command_line import run
from lora_files import SHAPES, Floats, pairs_of, write_adapter, write_merged
from tiny_models import Tiny, write_bpe, write_gpt2, write_mamba

import pyengine
from pyengine.errors import InputError, ModelFileError, OptionError
from pyengine.measure.models import variant_ids
from pyengine.measure.subjects import identify
from pyengine.models.model import open_model
from pyengine.models.options import ModelOptions, SessionOptions
from pyengine.models.references import resolve_spec
from pyengine.models.session import Session
from pyengine.models.settings import named_settings, with_settings

WIDE = Tiny(n_embd=128)  # heads of 32 numbers, a whole block of a quantized cache
IDS = np.arange(5, 21, dtype=np.int32)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bpe(tmp_path_factory.mktemp("settings") / "base.gguf", WIDE)


@pytest.fixture(scope="module")
def adapter(base: Path) -> Path:
    return write_adapter(base.with_name("adapter.gguf"), pairs_of(SHAPES))


def rows(given: str | Path, options: SessionOptions | None = None) -> np.ndarray:
    """The logits after every token, of a model as its string says."""
    spec = resolve_spec(given)
    with open_model(spec.path, options=spec.opening(ModelOptions())) as model:
        usual = options or SessionOptions(n_ctx=64, max_rows=64, threads=1)
        return Session(model, options=usual).logits_at(IDS, range(len(IDS)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kv=q3", "kv must be f16, bf16, f32, q8_0, q5_1, q5_0, q4_1, q4_0 or iq4_nl, not 'q3'"),
        ("kv=q8_0&fa=off", "a quantized cache needs flash attention; leave out fa=off"),
        ("k=q8_0&kv=f16", "contradicts another setting"),
        ("cache=q8_0", "there is no setting 'cache'; there are kv, k, v, fa"),
        ("ubatch=0", "ubatch must be a whole number of at least 1, not '0'"),
        ("lora=", "lora must be FILE or FILE:SCALE, not ''"),
        ("ngl=2.5", "ngl must be a whole number of at least -1, not '2.5'"),
        ("rope-scale=nan", "rope-scale must be a number of at least 0.0001, not 'nan'"),
        ("repack=yes", "repack must be on or off, not 'yes'"),
        ("lora=nowhere.gguf:0.5", "nowhere.gguf: no such file"),
        ("rpc=host&ngl=1", "rpc must be HOST:PORT, not 'host'"),
        ("rpc=host:1", "say with ngl how many"),
    ],
)
def test_an_impossible_setting_is_one_sentence(base: Path, text: str, said: str) -> None:
    outcome = run("probe", f"{base}?{text}")
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err
    assert outcome.err.startswith(f"pyengine: {base}?{text}: ")
    assert outcome.err.count("\n") == 1


def test_equal_settings_have_one_name_whatever_their_order(base: Path) -> None:
    first, second = (
        resolve_spec(f"{base}?{text}") for text in ("fa=on&v=q4_0&k=q8_0", "k=q8_0&v=q4_0&fa=on")
    )
    assert first == second
    assert first.settings.text == "?k=q8_0&v=q4_0&fa=on"
    assert first.opening(ModelOptions()).session(SessionOptions()) == SessionOptions(
        k_type="q8_0", v_type="q4_0", flash_attention="on"
    )
    padded, plain = (
        resolve_spec(f"{base}?{text}")
        for text in (
            "ubatch=064&rope-scale=.50&rope-base=1e6",
            "ubatch=64&rope-base=1000000&rope-scale=0.5",
        )
    )
    assert padded == plain
    assert plain.settings.text == "?ubatch=64&rope-base=1000000&rope-scale=0.5"
    both = resolve_spec(f"{base}?kv=q8_0&ngl=3&repack=on").opening(ModelOptions())
    assert (both.n_gpu_layers, both.use_extra_bufts) == (3, True)
    assert dict(both.sessions) == {"k_type": "q8_0", "v_type": "q8_0"}


def test_a_file_whose_name_has_a_question_mark_is_a_file(tmp_path: Path, base: Path) -> None:
    odd = tmp_path / "what?kv=q8_0.gguf"
    odd.symlink_to(base)
    assert named_settings(str(odd)) == (str(odd), named_settings("x")[1])
    name, settings = named_settings(f"{odd}?fa=off")
    assert (name, settings.text) == (str(odd), "?fa=off")


def test_keywords_are_the_same_settings(base: Path, tmp_path: Path) -> None:
    assert with_settings(base, kv="q8_0", fa=True) == f"{base}?kv=q8_0&fa=on"
    assert with_settings(f"{base}?ubatch=4", rope_scale=0.5) == f"{base}?ubatch=4&rope-scale=0.5"
    assert with_settings(base) == str(base)
    odd = write_adapter(tmp_path / "a&b%20 c.gguf", pairs_of(SHAPES))
    given = with_settings(base, lora=[f"{odd}:0.5", str(odd)])
    (first, second) = resolve_spec(given).opening(ModelOptions()).lora
    assert [(each.path, each.scale) for each in (first, second)] == [(str(odd), 0.5), (str(odd), 1)]
    with pyengine.open(base, ubatch=2) as by_name, pyengine.open(f"{base}?ubatch=2") as by_text:
        assert by_name.model.options == by_text.model.options
        assert by_name.model.options.session(SessionOptions()).n_ubatch == 2
    with pytest.raises(OptionError, match="there is no setting 'cache'"):
        pyengine.open(base, cache="q8_0")


def test_what_takes_a_file_alone_says_so(base: Path) -> None:
    outcome = run("vocab", f"{base}?kv=q8_0")
    assert outcome.code == 2
    assert f"takes a file as it is; name {base} without kv=q8_0" in outcome.err


def test_every_session_of_a_model_has_its_settings(base: Path) -> None:
    spec = resolve_spec(f"{base}?kv=q8_0&ubatch=3")
    with open_model(spec.path, options=spec.opening(ModelOptions())) as model:
        usual = SessionOptions(n_ctx=32, threads=1)
        session = Session(model, options=usual)
        assert session.options == replace(usual, k_type="q8_0", v_type="q8_0", n_ubatch=3)
        assert session.context.n_ubatch == 3
        above = Session(model, options=usual, settings={"n_ubatch": 1})
        assert (above.options.n_ubatch, above.options.k_type) == (1, "q8_0")
    plain, quantized = rows(base), rows(f"{base}?kv=q8_0")
    assert 0 < np.abs(plain - quantized).max() < 1.0


def test_a_head_that_is_no_whole_number_of_blocks_is_said(tmp_path: Path, base: Path) -> None:
    narrow = write_bpe(tmp_path / "narrow.gguf")
    with pytest.raises(OptionError, match="its attention cache cannot be kept as q8_0 and q8_0"):
        rows(f"{narrow}?kv=q8_0")
    with pytest.raises(OptionError, match="a quantized cache needs flash attention, which is off"):
        rows(f"{base}?k=q8_0", SessionOptions(n_ctx=64, flash_attention="off"))


def test_models_without_a_cache_or_rotary_positions_say_so(tmp_path: Path) -> None:
    mamba, gpt2 = write_mamba(tmp_path / "mamba.gguf"), write_gpt2(tmp_path / "gpt2.gguf")
    with pytest.raises(InputError, match="keeps a recurrent state in place of an attention cache"):
        rows(f"{mamba}?kv=q8_0")
    with pytest.raises(InputError, match="has no rotary positions to scale"):
        rows(f"{gpt2}?rope-scale=0.5")


def test_positions_are_scaled_as_a_file_could_say_itself(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = tiny_models._add_llama_shape

    def scaled(writer: gguf.GGUFWriter, **shape: int) -> None:
        usual(writer, **shape)
        writer.add_rope_freq_base(500000.0)
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(2.0)

    monkeypatch.setattr(tiny_models, "_add_llama_shape", scaled)
    told = write_bpe(tmp_path / "told.gguf", WIDE)
    assert np.array_equal(rows(f"{base}?rope-base=500000&rope-scale=0.5"), rows(told))
    assert np.array_equal(rows(f"{told}?rope-base=10000&rope-scale=1"), rows(base))
    assert np.abs(rows(told) - rows(base)).max() > 0.01


def test_another_machine_needs_a_build_that_reaches_it(base: Path) -> None:
    with pytest.raises(OptionError, match=r"has no RPC backend|no RPC server"):
        rows(f"{base}?rpc=127.0.0.1:1&ngl=-1")


@pytest.mark.parametrize("scale", [1.0, 0.5, -2.0])
def test_an_adapter_is_the_model_that_it_is_merged_into(
    base: Path, adapter: Path, tmp_path: Path, scale: float
) -> None:
    merged = write_merged(tmp_path / "merged.gguf", base, pairs_of(SHAPES), scale)
    applied = rows(f"{base}?lora={adapter}:{scale}")
    assert np.abs(applied - rows(merged)).max() < 1e-3
    assert np.abs(applied - rows(base)).max() > 0.05


def test_adapters_add_up(base: Path, adapter: Path) -> None:
    twice = rows(f"{base}?lora={adapter}:0.25&lora={adapter}:0.75")
    assert np.abs(twice - rows(f"{base}?lora={adapter}")).max() < 1e-3
    assert np.array_equal(rows(f"{base}?lora={adapter}:0"), rows(base))


ONE = {"blk.0.attn_q.weight": (128, 128)}
EMBEDDING = {
    "token_embd.weight.lora_a": np.ones((WIDE.n_vocab, 4), np.float32),
    "token_embd.weight.lora_b": np.ones((128, 4), np.float32),
}


@pytest.mark.parametrize(
    ("tensors", "how", "said"),
    [
        (pairs_of(ONE), {"kind": "model"}, 'is no LoRA adapter \\(general.type is "model"\\)'),
        (pairs_of(ONE), {"texts": {"adapter.type": "dora"}}, "is an adapter that is no LoRA"),
        (pairs_of(ONE), {"architecture": "qwen2"}, 'for the architecture "qwen2", and the model'),
        (pairs_of(ONE), {"alpha": float("nan")}, "adapter.lora.alpha is no 32-bit number"),
        (pairs_of({"blk.9.x.weight": (8, 8)}), {}, "changes blk.9.x.weight, which the model does"),
        (pairs_of({"blk.0.attn_q.weight": (64, 128)}), {}, "do not fit that of the model"),
        (pairs_of({"output_norm.weight": (1, 128)}), {}, "do not fit that of the model"),
        (dict([*pairs_of(ONE).items()][:1]), {}, "has one of the two matrices for blk.0.attn_q"),
        ({"blk.0.attn_q.weight": np.ones((8, 8), np.float32)}, {}, "is none of a LoRA"),
        (EMBEDDING, {}, "is the model's output layer too"),
        ({}, {}, "is an adapter that changes nothing"),
    ],
)
def test_an_adapter_that_does_not_fit_is_said(
    base: Path, tmp_path: Path, tensors: dict[str, Floats], how: dict[str, Any], said: str
) -> None:
    path = write_adapter(tmp_path / "other.gguf", tensors, **how)
    with pytest.raises(ModelFileError, match=said):
        rows(f"{base}?lora={path}")


def test_a_cut_adapter_is_said(base: Path, adapter: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(adapter.read_bytes()[:-64])
    with pytest.raises(InputError, match=r"cut\.gguf: "):
        rows(f"{base}?lora={cut}")


def test_settings_are_part_of_a_variant(base: Path, adapter: Path) -> None:
    given: list[str | Path] = [
        base,
        f"{base}?kv=q8_0",
        f"{base}?lora={adapter}:0.5",
        f"{base}?kv=q8_0",
    ]
    specs = [resolve_spec(each) for each in given]
    names = variant_ids(specs)
    assert names == ["base", "base?kv=q8_0", "base?lora=adapter.gguf:0.5", "base?kv=q8_0 (2)"]
    plain, cache, lora, again = (
        identify(name, spec, ModelOptions()) for name, spec in zip(names, specs, strict=True)
    )
    assert cache.identity() == again.identity()
    assert len({str(each.identity()) for each in (plain, cache, lora)}) == 3
    assert lora.described()["lora"] == f"{adapter}:0.5"
    assert lora.options.lora[0].sha256 in str(lora.identity())
    assert str(adapter) not in str(lora.identity()), "where a file is decides no number"


def test_two_settings_of_one_file_are_two_models_of_a_comparison(
    base: Path, adapter: Path, tmp_path: Path
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("def if return while else import class " * 12)
    merged = write_merged(tmp_path / "merged.gguf", base, pairs_of(SHAPES), 0.5)
    result = pyengine.compare(
        base,
        [f"{base}?kv=q4_0", f"{base}?lora={adapter}:0.5", merged],
        corpus=[text],
        starts=False,
        continuations=0,
        threads=1,
    )
    ids = ["base", "base?kv=q4_0", "base?lora=adapter.gguf:0.5", "merged"]
    assert [model.id for model in result.models] == ids
    assert [model.variant for model in result.models][:2] == ["", "?kv=q4_0"]
    assert result.models[1].settings["k_type"] == "q4_0"
    assert len({model.identity for model in result.models}) == 4
    axes = [exhibit.content["kind"] for exhibit in result.exhibits if exhibit.kind == "axis"]
    assert axes == ["settings", "settings", "fine-tuning"]
    kl = {row.model: row.value for row in result.select("kl", group="")}
    assert kl["base?kv=q4_0"] > 0
    assert kl["base?lora=adapter.gguf:0.5"] == pytest.approx(kl["merged"], rel=1e-3)
    assert kl["merged"] > 1e-5
