"""Emulation against what llama-perplexity itself wrote and printed (tests/data/llama_perplexity).

The figures were made with the program built from the source that llama-cpp-python 0.3.36 carries,
on the model that `write_spread` makes, with `-c 256 -b 256 --no-repack -t 1`.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_models import write_spread

from pyengine import _core
from pyengine.comparison.llama_perplexity import (
    compare_with_base,
    print_comparison,
    print_final_estimate,
    read_base_file,
    write_base,
)
from pyengine.comparison.llama_perplexity.base_file import BaseHeader, writing_base_file
from pyengine.comparison.llama_perplexity.emulate import BaseRun, compare_exactly
from pyengine.engine.model import open_model
from pyengine.engine.quantize import file_sha256, plan_quantization, quantize_file
from pyengine.errors import CorpusError, OptionError, ResultFileError, VocabularyMismatchError

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
        assert file_sha256(made[name]) == FIGURES["variants"][name]
    return made


@pytest.fixture(scope="module")
def base(tiny: Path) -> tuple[Path, BaseRun]:
    path = tiny.with_suffix(".kld")
    with open_model(tiny) as model:
        return path, write_base(model, TEXT, path, n_ctx=256)


def test_base_file_has_the_bytes_that_the_program_wrote(base: tuple[Path, BaseRun]) -> None:
    path, _ = base
    assert hashlib.sha256(path.read_bytes()).hexdigest() == FIGURES["base_file_sha256"]


def test_final_estimate_is_printed_alike(base: tuple[Path, BaseRun]) -> None:
    run = base[1]
    assert print_final_estimate(run.nll, run.nll2, run.n) == FIGURES["final_estimate"]


@pytest.mark.parametrize("name", TYPES)
def test_every_printed_digit_is_the_same(
    name: str, base: tuple[Path, BaseRun], variants: dict[str, Path]
) -> None:
    with open_model(variants[name]) as model:
        got = compare_with_base(model, read_base_file(base[0]))
    assert print_comparison(got.chunks) == (DATA / f"{name}.txt").read_text()


@pytest.mark.parametrize("name", TYPES)
def test_exact_values_stand_beside_the_emulated_ones(
    name: str, tiny: Path, base: tuple[Path, BaseRun], variants: dict[str, Path]
) -> None:
    """KL within 0.2 %; perplexity of the reference as in the base run, which its KL mode is not."""
    file = read_base_file(base[0])
    with open_model(tiny) as reference, open_model(variants[name]) as variant:
        exact = compare_exactly(reference, variant, file.header)
        emulated = np.concatenate(compare_with_base(variant, file).chunks)
    assert np.mean(exact["kl"]) == pytest.approx(np.mean(emulated["kld"]), rel=2e-3)
    # 16 bits leave near ties undecided: here one token in 5,080.
    same = exact["argmax_p"] == exact["argmax_q"]
    assert np.sum(same != emulated["same_top"]) <= 2
    final = float(FIGURES["final_estimate"].split()[4])
    assert np.exp(-np.mean(exact["log_p_target"])) == pytest.approx(final, rel=1e-5)
    assert np.exp(np.mean(emulated["nll_base"], dtype=float)) < 0.99 * final


def test_threads_do_not_change_the_rows(tiny: Path, base: tuple[Path, BaseRun]) -> None:
    again = tiny.with_suffix(".again")
    with open_model(tiny) as model:
        write_base(model, TEXT, again, n_ctx=256, threads=2)
    assert again.read_bytes() == base[0].read_bytes()


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


def test_damaged_base_files_are_refused(base: tuple[Path, BaseRun], tmp_path: Path) -> None:
    content = base[0].read_bytes()
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


def test_other_vocabulary_is_refused(base: tuple[Path, BaseRun], tmp_path: Path) -> None:
    other = write_spread(tmp_path / "other.gguf", n_extra=7)
    with (
        open_model(other) as model,
        pytest.raises(VocabularyMismatchError, match="261 entries"),
    ):
        compare_with_base(model, read_base_file(base[0]))


def test_unfinished_base_file_is_not_left_behind(tmp_path: Path) -> None:
    header = BaseHeader(8, 5, np.zeros((2, 8), dtype=np.int32))
    path = tmp_path / "half.kld"
    with pytest.raises(OptionError, match="not all chunks"), writing_base_file(path, header):
        pass
    assert list(tmp_path.iterdir()) == []


def test_short_text_is_refused(tiny: Path, tmp_path: Path) -> None:
    with open_model(tiny) as model, pytest.raises(CorpusError, match="at least 512"):
        write_base(model, b"short", tmp_path / "x.kld", n_ctx=256)


def test_nothing_is_concluded_from_under_a_hundred_tokens(
    base: tuple[Path, BaseRun], tiny: Path
) -> None:
    with open_model(tiny) as model:
        chunks = compare_with_base(model, read_base_file(base[0])).chunks
    printed = print_comparison([chunks[0][:99]])
    assert "statistics" not in printed
    assert "Mean    KLD" in print_comparison([chunks[0][:100]])
