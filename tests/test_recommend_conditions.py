"""The small language of --fail-if, against Python's own arithmetic on safe inputs."""

import contextlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyengine.choose.conditions import holds, parse_size
from pyengine.errors import OptionError

NUMBERS = {"kl": 0.03, "same_top": 0.96, "size": 5.0 * 2**30}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("kl > 0.02", True),
        ("kl>0.02", True),
        ("kl <= 3e-2", True),
        ("same_top < 97%", True),
        ("size > 4GiB and size < 6GiB", True),
        ("size == 5g", True),
        ("size > 5.4GB", False),
        ("not kl > 0.02", False),
        ("not (kl > 1) and not kl > 2", True),
        ("kl > 1 or same_top > 0.9 and size > 9GiB", False),
        ("(kl > 1 or same_top > 0.9) and size > 4GiB", True),
        ("kl * 2 + 1 > 1.05", True),
        ("1 - same_top >= (kl + 0.01) / 2", True),
        ("-kl < 0", True),
        ("((kl)) != 0.03", False),
    ],
)
def test_conditions(condition: str, expected: bool) -> None:
    assert holds(condition, NUMBERS) is expected


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ("", "expected a number or a name"),
        ("kl", "expected a comparison"),
        ("kl >", "expected a number or a name"),
        ("kl > 0.02 kl", "expected the end"),
        ("kl > 1 > 2", "expected the end"),
        ("(kl > 1", "expected `)`"),
        ("ppl > 1", "'ppl' was not measured; known are kl, same_top, size"),
        ("kl > 1 parsec", "expected the end"),
        ("kl > 1parsec", "unknown unit"),
        ("kl > 1e999", "'1e999' is larger than any number"),
        ("kl / 0 > 1", "division by zero"),
        ("(kl > 1) + 1 > 1", "expected a number, not a comparison"),
        ("kl and same_top", "expected a comparison"),
        ("kl.__class__ > 1", "cannot read"),
        ("__import__('os')", "cannot read"),
        ("kl > 1; kl > 2", "cannot read"),
        ("(" * 60 + "kl" + ")" * 60 + " > 1", "nested too deeply"),
        ("not " * 60 + "kl > 1", "nested too deeply"),
    ],
)
def test_what_cannot_be_read_says_where(condition: str, says: str) -> None:
    with pytest.raises(OptionError) as caught:
        holds(condition, NUMBERS)
    assert says in str(caught.value)


@given(st.text(alphabet=string.printable + "≤é", max_size=40))
def test_any_text_is_a_condition_or_an_option_error(text: str) -> None:
    with contextlib.suppress(OptionError):
        assert isinstance(holds(text, NUMBERS), bool)


_ATOMS = st.sampled_from(["kl", "same_top", "2", "0.5", "1e-3"])
_SUMS = st.recursive(
    _ATOMS,
    lambda inner: st.builds(
        lambda a, sign, b: f"({a} {sign} {b})", inner, st.sampled_from("+-*"), inner
    ),
    max_leaves=6,
)
_COMPARED = st.builds(
    lambda a, sign, b: f"{a} {sign} {b}", _SUMS, st.sampled_from(["<", "<=", ">", ">="]), _SUMS
)
_CONDITIONS = st.recursive(
    _COMPARED,
    lambda inner: st.one_of(
        st.builds(
            lambda a, word, b: f"({a} {word} {b})", inner, st.sampled_from(["and", "or"]), inner
        ),
        st.builds(lambda a: f"not ({a})", inner),
    ),
    max_leaves=6,
)


@given(_CONDITIONS)
def test_what_python_also_understands_means_the_same(condition: str) -> None:
    expected = eval(condition, {"__builtins__": {}}, dict(NUMBERS))
    assert holds(condition, NUMBERS) is expected


@pytest.mark.parametrize(
    ("text", "n_bytes"),
    [("6GiB", 6 << 30), ("6g", 6 << 30), ("500MB", 500_000_000), ("1.5 KiB", 1536), ("7B", 7)],
)
def test_sizes(text: str, n_bytes: int) -> None:
    assert parse_size(text) == n_bytes


@pytest.mark.parametrize("text", ["", "GiB", "-1", "6 apples", "5%", "1e9"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(OptionError, match="is no size"):
        parse_size(text)
