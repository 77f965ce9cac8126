"""Groups of tensors: written to a run, read from it, and refused where they are damaged."""

import json

import pytest
from sensitivity_samples import sample_groups, sample_sensitivity

from pyengine.errors import OptionError
from pyengine.measure.sensitivity_groups import groups_of, leaves
from pyengine.run import Run, to_json


def read_again(run: Run) -> Run:
    """The run as its file gives it."""
    return Run.model_validate_json(to_json(run))


def test_groups_come_back_from_a_file() -> None:
    assert groups_of(read_again(sample_sensitivity())) == sample_groups()


def test_leaves_hold_every_tensor_once() -> None:
    found = leaves(read_again(sample_sensitivity()))
    names = sorted(name for group in found for name in group.tensors)
    layers = [f"blk.{n}.{kind}.weight" for n in range(4) for kind in ("attn_q", "ffn_down")]
    assert names == sorted([*layers, "token_embd.weight"])


def test_a_record_of_another_command_is_refused() -> None:
    run = sample_sensitivity().model_copy(update={"command": "compare"})
    with pytest.raises(OptionError, match="a record of `compare` holds no groups"):
        groups_of(run)


def test_a_record_without_groups_is_refused() -> None:
    run = sample_sensitivity().model_copy(update={"exhibits": []})
    with pytest.raises(OptionError, match="holds no groups"):
        leaves(run)


def test_damage_is_named() -> None:
    content = json.loads(to_json(sample_sensitivity()))
    content["exhibits"][1]["content"]["choices"][0]["kl"] = "much"
    with pytest.raises(OptionError, match=r"damaged group of tensors: choices\.0\.kl: "):
        groups_of(Run.model_validate(content))


def test_a_tensor_in_two_leaves_is_refused() -> None:
    run = sample_sensitivity()
    run.exhibits.append(run.exhibits[1])
    with pytest.raises(OptionError, match=r"blk\.0\.attn_q\.weight is in two"):
        leaves(run)
