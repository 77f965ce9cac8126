"""Emulation against what llama-perplexity itself wrote and printed (tests/data/llama_perplexity).

The figures were made with the program built from the source that llama-cpp-python 0.3.36 carries,
on the model that `write_spread` makes, with `-c 256 -b 256 --no-repack -t 1`.
"""

import hashlib
import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llama_quantize_hashes import tensors_sha256
from tiny_models import write_spread

import pyengine
from pyengine import _core
from pyengine.errors import CorpusError, OptionError, ResultFileError, VocabularyMismatchError
from pyengine.measure.llama_perplexity.base_file import (
    BaseHeader,
    read_base_file,
    writing_base_file,
)
from pyengine.measure.llama_perplexity.emulate import (
    Emulated,
    Losses,
    chunk_text,
    emulate_chunks,
)
from pyengine.measure.llama_perplexity.figures import figures, final_estimate
from pyengine.models.model import open_model
from pyengine.models.quantize import file_sha256, plan_quantization, quantize_file
from pyengine.report.emulation_view import printed_comparison, printed_estimate

DATA = Path(__file__).parent / "data" / "llama_perplexity"
TEXT = (DATA / "text.txt").read_bytes()
FIGURES: dict[str, Any] = json.loads((DATA / "figures.json").read_text())
TYPES = ["Q8_0", "Q4_0"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = write_spread(tmp_path_factory.mktemp("tiny") / "tiny.gguf")
    assert file_sha256(path) == FIGURES["model_sha256"], "the figures are of another model"
    return path


@pytest.fixture(scope="module")
def variants(tiny: Path) -> dict[str, Path]:
    made = {}
    for name in TYPES:
        (plan,) = plan_quantization(tiny, [name])
        made[name] = tiny.with_name(f"tiny-{name}.gguf")
        quantize_file(tiny, made[name], plan, source_sha256=FIGURES["model_sha256"])
        assert tensors_sha256(made[name]) == FIGURES["variants_tensors_sha256"][name]
    return made


Emulation = tuple[Path, list[Losses], dict[str, Emulated]]


@pytest.fixture(scope="module")
def emulated(tiny: Path, variants: dict[str, Path]) -> Emulation:
    """The base file that was written, and what was found beside it."""
    path = tiny.with_suffix(".kld")
    with open_model(tiny) as reference, ExitStack() as stack:
        models = [stack.enter_context(open_model(variants[name])) for name in TYPES]
        header = chunk_text(reference, TEXT, 256, None)
        with writing_base_file(path, header) as write:
            losses, found = emulate_chunks(reference, models, header, write=write)
    return path, losses, dict(zip(TYPES, found, strict=True))


def test_base_file_has_the_bytes_that_the_program_wrote(emulated: Emulation) -> None:
    assert hashlib.sha256(emulated[0].read_bytes()).hexdigest() == FIGURES["base_file_sha256"]


def test_final_estimate_is_printed_alike(emulated: Emulation) -> None:
    assert printed_estimate(final_estimate(emulated[1])) == FIGURES["final_estimate"]


@pytest.mark.parametrize("name", TYPES)
def test_every_printed_digit_is_the_same(name: str, emulated: Emulation) -> None:
    assert (
        printed_comparison(figures(emulated[2][name].chunks)) == (DATA / f"{name}.txt").read_text()
    )


@pytest.mark.parametrize("name", TYPES)
def test_a_base_file_that_is_read_gives_the_same_digits(
    name: str, tiny: Path, emulated: Emulation, variants: dict[str, Path]
) -> None:
    header, base = read_base_file(emulated[0])
    with open_model(tiny) as reference, open_model(variants[name]) as variant:
        losses, (found,) = emulate_chunks(reference, [variant], header, base=base)
    assert printed_comparison(figures(found.chunks)) == (DATA / f"{name}.txt").read_text()
    assert losses == []


@pytest.mark.parametrize("name", TYPES)
def test_exact_values_stand_beside_the_emulated_ones(name: str, emulated: Emulation) -> None:
    """KL within 0.2 %; perplexity of the reference as in the base run, which its KL mode is not."""
    coded = np.concatenate(emulated[2][name].chunks)
    exact = np.concatenate(emulated[2][name].exact)
    assert np.mean(exact["kl"]) == pytest.approx(np.mean(coded["kld"]), rel=2e-3)
    # 16 bits leave near ties undecided: here one token in 5,080.
    same = exact["argmax_p"] == exact["argmax_q"]
    assert np.sum(same != coded["same_top"]) <= 2
    final = float(FIGURES["final_estimate"].split()[4])
    assert np.exp(-np.mean(exact["log_p_target"])) == pytest.approx(final, rel=1e-5)
    assert np.exp(np.mean(coded["nll_base"], dtype=float)) < 0.99 * final


def test_threads_do_not_change_the_rows(tiny: Path, emulated: Emulation) -> None:
    again = tiny.with_suffix(".again")
    with open_model(tiny) as model:
        header = chunk_text(model, TEXT, 256, None)
        with writing_base_file(again, header) as write:
            emulate_chunks(model, [], header, write=write, threads=2)
    assert again.read_bytes() == emulated[0].read_bytes()


def test_coding_keeps_16_nats_and_half_a_step() -> None:
    logits = np.random.default_rng(3).normal(0, 5, (20, 301)).astype(np.float32)
    targets = np.arange(20, dtype=np.int32)
    coded, losses = _core.encode_kld_rows(logits, targets)
    assert coded.shape == (20, 2 * 151 + 4)
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    lse = np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    exact = shifted - lse
    assert losses == pytest.approx(-exact[np.arange(20), targets], abs=1e-5)
    header = coded[:, :4].copy().view(np.float32)
    decoded = header[:, :1] * coded[:, 4:305] + header[:, 1:2]
    inside = shifted > -16
    assert np.abs(decoded - exact)[inside].max() < 16 / 65535
    assert decoded[~inside] == pytest.approx(np.broadcast_to(-16 - lse, exact.shape)[~inside])


def test_flat_rows_code_to_zero() -> None:
    flat = np.full((1, 8), 2.5, dtype=np.float32)
    coded, _ = _core.encode_kld_rows(flat, [3])
    assert not coded[0, 4:].any()
    same = _core.compare_kld_rows(flat, [3], coded)[0]
    assert same["kld"] == pytest.approx(0.0, abs=1e-6)
    assert same["same_top"] == 1


def test_damaged_base_files_are_refused(emulated: Emulation, tmp_path: Path) -> None:
    content = emulated[0].read_bytes()
    cases = {
        "missing": None,
        "empty": b"",
        "foreign": b"GGUF" + content[4:],
        "short": content[:-2],
        "long": content + b"\0\0",
        "header only": content[:20],
        "tokens only": content[:1000],
        "context": content[:8] + (512).to_bytes(4, "little") + content[12:],
        "vocabulary": content[:12] + (100).to_bytes(4, "little") + content[16:],
        "chunks": content[:16] + (-1).to_bytes(4, "little", signed=True) + content[20:],
    }
    for name, damaged in cases.items():
        path = tmp_path / name
        if damaged is not None:
            path.write_bytes(damaged)
        with pytest.raises(ResultFileError, match=str(path)):
            read_base_file(path)


def test_other_vocabulary_is_refused(tiny: Path, emulated: Emulation, tmp_path: Path) -> None:
    other = write_spread(tmp_path / "other.gguf", n_extra=7)
    header, base = read_base_file(emulated[0])
    with (
        open_model(tiny) as reference,
        open_model(other) as model,
        pytest.raises(VocabularyMismatchError, match="261 entries"),
    ):
        emulate_chunks(reference, [model], header, base=base)


def test_unfinished_base_file_is_not_left_behind(tmp_path: Path) -> None:
    header = BaseHeader(8, 5, np.zeros((2, 8), dtype=np.int32))
    path = tmp_path / "half.kld"
    with pytest.raises(OptionError, match="not all chunks"), writing_base_file(path, header):
        pass
    assert list(tmp_path.iterdir()) == []


def test_short_text_is_refused(tiny: Path) -> None:
    with open_model(tiny) as model, pytest.raises(CorpusError, match="at least 512"):
        chunk_text(model, b"short", 256, None)


def test_nothing_is_concluded_from_under_a_hundred_tokens(emulated: Emulation) -> None:
    chunk = emulated[2]["Q8_0"].chunks[0]
    assert "statistics" not in printed_comparison(figures([chunk[:99]]))
    assert "Mean    KLD" in printed_comparison(figures([chunk[:100]]))


SETTINGS = ("kv-q8_0", "kv-q4_0", "fa-off")


def test_settings_give_every_digit_that_the_program_prints_with_its_own(tmp_path: Path) -> None:
    """Quantized caches with flash attention (-fa on -ctk TYPE -ctv TYPE), and -fa off."""
    path = write_spread(tmp_path / "heads.gguf", n_head=2)  # of 32 numbers, a block of a cache
    assert file_sha256(path) == FIGURES["settings"]["model_sha256"]
    found = pyengine.compare(
        f"{path}?fa=on",
        [f"{path}?kv=q8_0&fa=on", f"{path}?kv=q4_0&fa=on", f"{path}?fa=off"],
        corpus=DATA / "text.txt",
        emulate="llama-perplexity",
        context=256,
        threads=1,
        base_file=tmp_path / "base.kld",
    )
    base = (tmp_path / "base.kld").read_bytes()
    assert hashlib.sha256(base).hexdigest() == FIGURES["settings"]["base_file_sha256"]
    for name, content in zip(SETTINGS, found.shown("emulation"), strict=True):
        assert content["path"].endswith(f"?{name.replace('-', '=')}" + "&fa=on" * ("kv" in name))
        assert printed_comparison(content) == (DATA / f"{name}.txt").read_text()


@pytest.mark.skipif(
    "PYENGINE_SMOLLM2_F16" not in os.environ, reason="PYENGINE_SMOLLM2_F16 names no file"
)
def test_a_real_model_with_settings_gives_the_same_digits() -> None:
    """SmolLM2-135M as F16, `-c 512 -b 512 --chunks 4 --no-repack -t 1`, -fa on for the base."""
    path = os.environ["PYENGINE_SMOLLM2_F16"]
    real = FIGURES["settings"]["smollm2"]
    if file_sha256(Path(path)) != real["model_sha256"]:
        pytest.skip("the figures are of another file")
    found = pyengine.compare(
        f"{path}?fa=on",
        [f"{path}?kv=q8_0&fa=on", f"{path}?kv=q4_0&fa=on", f"{path}?fa=off"],
        corpus=DATA / "text.txt",
        emulate="llama-perplexity",
        windows=4,
        threads=1,
    )
    printed = [printed_comparison(content) for content in found.shown("emulation")]
    assert [hashlib.sha256(text.encode()).hexdigest() for text in printed] == real["printed_sha256"]
