"""Rules for single tensors, as llama-quantize reads them from a file."""

import json
import platform
import re
from pathlib import Path

import pytest
import tiny_models
from llama_quantize_hashes import (
    MODELS,
    RULES,
    ruled_types,
    tensors_sha256,
    write_importance,
    write_model,
)

from pyengine import _core
from pyengine.errors import OptionError
from pyengine.models.gguf import read_tensor_table
from pyengine.models.quantize_options import QuantizeOptions
from pyengine.models.quantize_plan import core_settings, plan_here
from pyengine.models.rules_file import exact_rules, rules_text


def as_llama_quantize(text: str, name: str) -> str | None:
    """The type that its reading of a file gives a tensor: lower case, anywhere, first match."""
    for word in text.split():
        pattern, _, kind = word.partition("=")
        if re.search(pattern.lower(), name):
            return kind
    return None


def test_a_rule_for_each_tensor() -> None:
    types = {f"blk.{n}.attn_q.weight": f"q{n % 5 + 2}_K" for n in range(20)}
    types |= {
        "token_embd.weight": "q8_0",
        "output.weight": "f16",
        "blk.0.attn_output.weight": "q4_0",
    }
    text = rules_text(exact_rules(types))
    assert text.startswith("^blk\\.0\\.attn_q\\.weight$=q2_k\n")
    assert text.count("\n") == len(types)
    assert {name: as_llama_quantize(text, name) for name in types} == {
        name: kind.lower() for name, kind in types.items()
    }
    assert as_llama_quantize(text, "blk.1.attn_q_norm.weight") is None


def test_names_with_what_a_file_cannot_hold() -> None:
    types = {"V Head=1.weight": "q8_0", "blk.0.[x]+ü.weight": "q4_0", "v_head_1.weight.2": "q5_0"}
    text = rules_text(exact_rules(types))
    assert text.split() == [
        "^...ead.1\\.weight$=q8_0",
        "^blk\\.0\\..x....\\.weight$=q4_0",
        "^v_head_1\\.weight\\.2$=q5_0",
    ]


def test_names_that_no_rule_tells_apart_are_refused() -> None:
    with pytest.raises(OptionError, match=r"tells the tensors 'A\.weight' and 'B\.weight' apart"):
        exact_rules({"A.weight": "q8_0", "B.weight": "q4_0"})


def test_the_plan_is_what_the_rules_say(tmp_path: Path) -> None:
    source = tiny_models.write_plain(tmp_path / "tiny-f32.gguf", n_embd=256)
    kinds = ("q4_K", "q6_K", "q8_0", "f16", "q5_1")
    matrices = [t.name for t in read_tensor_table(source) if len(t.shape) > 1]
    types = {name: kinds[i % len(kinds)] for i, name in enumerate(matrices)}
    options = QuantizeOptions(overrides=exact_rules(types))
    plan = plan_here(str(source), "Q4_K_M", options)
    assert {t.name: t.type for t in plan.tensors if t.name in types} == types
    assert plan.rules == tuple((name,) for name in types)
    assert not plan.moved


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"),
    reason="recorded on x86-64; other compilers fuse multiplications with additions",
)
@pytest.mark.parametrize("architecture", MODELS)
def test_the_bytes_are_those_of_llama_quantize_by_the_file(
    tmp_path: Path, architecture: str
) -> None:
    source = write_model(tmp_path, architecture)
    importance = write_importance(tmp_path / "imatrix.gguf", source)
    types = ruled_types(source)
    assert len(set(types.values())) >= 4
    for given, theirs in zip(
        (None, importance), json.loads(RULES.read_text())[architecture], strict=True
    ):
        options = QuantizeOptions(overrides=exact_rules(types), imatrix=given)
        target = tmp_path / f"{given is None}.gguf"
        _core.quantize(str(source), str(target), **core_settings("Q2_K", options))
        assert tensors_sha256(target) == theirs
