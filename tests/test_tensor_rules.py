"""Options that decide no tensor are refused with the reason; what a rule does beside is told."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import tiny_models

from pyengine.errors import OptionError
from pyengine.models.quantize_options import QuantizationPlan, QuantizeOptions
from pyengine.models.quantize_plan import plan_here
from pyengine.models.tensor_rules import Asked, check_rules, more_layers

NORM, QUERY = "blk.0.attn_norm.weight", "blk.0.attn_q.weight"
EMBEDDING, OUTPUT = "token_embd.weight", "output.weight"
# Four tensors; the first rule matches the query, the second it and the norm.
PLAIN = Asked(
    file_type="Q4_K_M",
    output_type=None,
    embedding_type=None,
    pure=False,
    overrides=(),
    matches={NORM: (), QUERY: (), EMBEDDING: (), OUTPUT: ()},
    quantizable={QUERY, EMBEDDING, OUTPUT},
)


def asked(matches: dict[str, Sequence[int]], *rules: tuple[str, str], **other: object) -> Asked:
    """The four tensors with rules, and what each of those matches."""
    found = {**PLAIN.matches, **matches}
    return replace(PLAIN, overrides=rules, matches=found, **other)  # type: ignore[arg-type]


def test_the_first_match_decides_and_options_go_before() -> None:
    rules = (("attn", "q8_0"), ("attn_q", "q4_0"))
    both = asked({NORM: (0,), QUERY: (0, 1)}, *rules)
    assert both.decider(QUERY) == 0
    assert both.decider(NORM) is None  # never quantized
    assert both.decided(0) == (QUERY,)
    assert both.decided(1) == ()
    every = asked({OUTPUT: (0,), EMBEDDING: (0,)}, ("weight", "q8_0"))
    assert every.decided(0) == (EMBEDDING, OUTPUT)
    own = replace(every, output_type="q6_k", embedding_type="q5_0")
    assert own.decided(0) == ()
    assert own.decider(OUTPUT) == "--output-type"
    assert own.decider(EMBEDDING) == "--embedding-type"


def test_the_second_embedding_listens_to_rules() -> None:
    second = "per_layer_token_embd.weight"
    quantizable = {*PLAIN.quantizable, second}
    alone = asked({second: ()}, embedding_type="q8_0", quantizable=quantizable)
    assert alone.decider(second) == "--embedding-type"
    ruled = asked({second: (0,), EMBEDDING: (0,)}, ("embd", "q5_0"), embedding_type="q8_0")
    ruled = replace(ruled, quantizable=quantizable)
    assert ruled.decided(0) == (second,)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (asked({}, ("zzz", "q8_0")), "matches no tensor; their names are such as"),
        (asked({NORM: (0,)}, ("norm", "q8_0")), "never quantizes, such as blk.0.attn_norm.weight"),
        (
            asked({QUERY: (0, 1)}, ("attn", "q8_0"), ("attn_q", "q4_0")),
            "'attn_q=q4_0' does nothing: --tensor-type 'attn=q8_0' stands before it",
        ),
        (
            asked({OUTPUT: (0,)}, ("output", "q8_0"), output_type="q6_k"),
            "--output-type decides output.weight, and goes before",
        ),
        (asked({QUERY: (0,)}, ("attn_q", "q8_0"), file_type="F16"), "does nothing for F16"),
        (replace(PLAIN, matches={QUERY: ()}, embedding_type="q8_0"), "no token_embd.weight"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_would_do_nothing_is_refused(found: Asked, reason: str) -> None:
    with pytest.raises(OptionError) as raised:
        check_rules("x.gguf", found)
    assert reason in str(raised.value)
    assert str(raised.value).startswith("x.gguf: --")


def test_what_does_something_is_not_refused() -> None:
    check_rules("x", asked({QUERY: (0,)}, ("attn_q", "q8_0")))
    check_rules("x", asked({QUERY: (0,)}, ("attn_q", "q8_0"), pure=True))
    check_rules("x", replace(PLAIN, file_type="F16", output_type="q8_0", embedding_type="q8_0"))


def test_layers_that_a_pattern_means_by_their_first_digits() -> None:
    names = [f"blk.{i}.ffn_up.weight" for i in range(12)]
    assert more_layers("blk.1", names) == {"blk.1": [10, 11]}
    assert more_layers(r"blk\.1.*up", names) == {"blk.1": [10, 11]}
    assert more_layers(r"blk\.1\.", names[1:2]) == {}  # so it matches one alone
    assert more_layers("blk.1[01]", names[10:]) == {}
    assert more_layers("blk.2", names[2:3]) == {}
    assert more_layers("ffn_up", names) == {}


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of two layers, whose output is tied to the embedding."""
    path = tmp_path_factory.mktemp("source") / "wide.gguf"
    tiny_models.write_plain(path, n_embd=256)
    return path


def planned(source: Path, *rules: tuple[str, str], **other: object) -> QuantizationPlan:
    options = QuantizeOptions(overrides=rules, **other)  # type: ignore[arg-type]
    return plan_here(str(source), "Q4_K_M", options)


def test_a_rule_knows_what_it_decides_and_what_it_moves(wide: Path) -> None:
    """llama.cpp gives its better types by a count of layers that a rule does not advance."""
    plan = planned(wide, (r"blk\.0\.attn_v", "q8_0"), ("ffn_up", "q5_k"))
    up = ("blk.0.ffn_up.weight", "blk.1.ffn_up.weight")
    assert plan.rules == (("blk.0.attn_v.weight",), up)
    types = {tensor.name: tensor.type for tensor in plan.tensors}
    assert types["blk.0.attn_v.weight"] == "q8_0"
    assert types[up[0]] == types[up[1]] == "q5_K"
    usual = {tensor.name: tensor.type for tensor in planned(wide).tensors}
    ruled = {name for names in plan.rules for name in names}
    assert set(plan.moved) == {name for name in types if types[name] != usual[name]} - ruled


@pytest.mark.parametrize(
    ("rules", "other", "reason"),
    [
        ((("attn_norm", "q8_0"),), {}, "never quantizes"),
        ((("BLK", "q8_0"),), {}, "matches no tensor"),
        ((("token_embd", "q8_0"),), {"embedding_type": "q5_0"}, "--embedding-type decides"),
        ((("token_embd", "q8_0"),), {"output_type": "q5_0"}, "which --tensor-type 'token_embd=q8"),
        ((), {"output_type": "q8_0", "embedding_type": "q5_0"}, "which --embedding-type decides"),
        ((), {"output_type": "q8_0", "pure": True}, "--pure makes it void"),
    ],
)
def test_a_plan_refuses_what_would_do_nothing(
    wide: Path, rules: tuple[tuple[str, str], ...], other: dict[str, object], reason: str
) -> None:
    with pytest.raises(OptionError) as raised:
        planned(wide, *rules, **other)
    assert reason in str(raised.value)


def test_rows_that_cannot_hold_the_type_of_a_rule(tmp_path: Path) -> None:
    narrow = tmp_path / "narrow.gguf"
    tiny_models.write_plain(narrow, n_embd=128)  # rows of 128, and of 256 in ffn_down
    with pytest.raises(OptionError, match="'attn_q=q4_k' does nothing: the rows of blk"):
        planned(narrow, ("attn_q", "q4_k"))
    plan = planned(narrow, ("ffn", "q3_k"))
    fallen = {"blk.0.ffn_gate.weight", "blk.0.ffn_up.weight", "blk.1.ffn_up.weight"}
    assert fallen <= set(plan.wanted)
    assert plan.wanted["blk.0.ffn_up.weight"] == "q3_K"
    assert "blk.0.ffn_down.weight" not in plan.wanted
