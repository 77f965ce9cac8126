"""Token sets in rows of logits, against a slow and obvious NumPy oracle in float64."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pytest
import row_oracle
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pyengine.errors import OptionError
from pyengine.vocabulary.token_sets import RowLookup, TokenSets

N = 40
Row = npt.NDArray[np.float32]
rows_of_logits = arrays(
    np.float32, N, elements=st.floats(-40, 40, width=32), fill=st.nothing(), unique=False
)
tied_rows = arrays(np.float32, N, elements=st.sampled_from([-2.0, 0.0, 1.0, 3.0]))
sets_of_ids = st.lists(st.sets(st.integers(0, N - 1)), min_size=1, max_size=4)


def look_up(row: Row, sets: Mapping[str, Sequence[int]], **options: int) -> RowLookup:
    return TokenSets(len(row), sets).look_up(row, **options)


def check_against_oracle(row: Row, members: Sequence[int], padding: Sequence[int] = ()) -> None:
    found = TokenSets(len(row), {"set": members}, padding=padding).look_up(row, top=5)
    log_p = row_oracle.log_softmax(row, list(padding))
    order = row_oracle.order(row)
    places = sorted(order.index(token) + 1 for token in members)
    one = found.sets["set"]
    assert one.ids.tolist() == list(members)
    np.testing.assert_allclose(one.log_probability[0], log_p[list(members)], rtol=1e-12, atol=1e-12)
    assert one.mass[0] == pytest.approx(np.exp(log_p[list(members)]).sum(), rel=1e-12)
    assert one.best_rank[0] == (places[0] if places else 0)
    assert one.median_rank[0] == (np.median(places) if places else 0)
    assert found.entropy[0] == pytest.approx(row_oracle.entropy(log_p), rel=1e-9, abs=1e-12)
    kept = [token for token in order if token not in padding]
    assert found.top[0].tolist() == kept[:5]


@settings(max_examples=60, deadline=None)
@given(row=rows_of_logits, members=st.sets(st.integers(0, N - 1)))
def test_any_row_equals_the_oracle(row: Row, members: set[int]) -> None:
    check_against_oracle(row, sorted(members))


@settings(max_examples=60, deadline=None)
@given(row=tied_rows, members=st.sets(st.integers(0, N - 1), min_size=1))
def test_ties_go_to_the_lower_id(row: Row, members: set[int]) -> None:
    check_against_oracle(row, sorted(members))


@settings(max_examples=40, deadline=None)
@given(row=rows_of_logits, members=st.sets(st.integers(0, 29)))
def test_padding_takes_no_part(row: Row, members: set[int]) -> None:
    row[30:] = -50.0  # ranks count all rows; padding behind everything changes none
    check_against_oracle(row, sorted(members), padding=list(range(30, N)))


@pytest.mark.parametrize("padding", [[], [998, 999], [3, 500, 999]])
@pytest.mark.parametrize("low", [-10.0, -900.0])
def test_a_long_row_equals_the_oracle(padding: list[int], low: float) -> None:
    generator = np.random.default_rng(7)
    row = generator.normal(0, 3, 1000).astype(np.float32)
    row[padding] = row[0] = low
    for size in (1, 2, 3, 40, 41, 1000):
        check_against_oracle(row, sorted(generator.permutation(1000)[:size].tolist()), padding)


def test_an_entry_that_is_not_a_number_ranks_last() -> None:
    row = np.array([np.nan, 1.0, 0.0], dtype=np.float32)
    found = look_up(row, {"set": [0, 2]}).sets["set"]
    assert (found.best_rank[0], found.median_rank[0]) == (2, 2.5)
    assert np.isnan(found.mass[0])


def test_padding_in_a_set_has_no_probability() -> None:
    row = np.zeros(4, dtype=np.float32)
    found = TokenSets(4, {"set": [0, 3]}, padding=[2, 3]).look_up(row)
    assert found.sets["set"].mass[0] == pytest.approx(0.5)
    assert found.sets["set"].log_probability[0].tolist() == [pytest.approx(-np.log(2)), -np.inf]


def test_the_padding_mass_is_what_the_padding_would_have() -> None:
    row = np.array([0.0, 1.0, 2.0, 3.0], dtype=np.float32)
    found = TokenSets(4, {}, padding=[3]).look_up(row)
    p = np.exp(row.astype(np.float64))
    assert found.padding_mass[0] == pytest.approx(p[3] / p.sum())
    assert found.log_sum_exp[0] == pytest.approx(np.log(p[:3].sum()))


@settings(max_examples=40, deadline=None)
@given(row=rows_of_logits, sets=sets_of_ids, shift=st.sampled_from([-64.0, 16.0, 128.0]))
def test_shifting_all_logits_changes_nothing(row: Row, sets: list[set[int]], shift: float) -> None:
    named = {str(i): sorted(ids) for i, ids in enumerate(sets)}
    rounded = (np.round(row * 64) / 64).astype(np.float32)  # so that the shift is exact in float32
    before, after = look_up(rounded, named), look_up(rounded + np.float32(shift), named)
    np.testing.assert_allclose(before.entropy, after.entropy, rtol=1e-9, atol=1e-9)
    for name in named:
        np.testing.assert_allclose(before.sets[name].mass, after.sets[name].mass, rtol=1e-9)
        assert before.sets[name].best_rank == after.sets[name].best_rank


@settings(max_examples=40, deadline=None)
@given(
    row=rows_of_logits, left=st.sets(st.integers(0, N - 1)), right=st.sets(st.integers(0, N - 1))
)
def test_masses_of_disjoint_sets_add(row: Row, left: set[int], right: set[int]) -> None:
    right = right - left
    named = {"left": sorted(left), "right": sorted(right), "both": sorted(left | right)}
    sets = look_up(row, named).sets
    assert sets["both"].mass[0] == pytest.approx(sets["left"].mass[0] + sets["right"].mass[0])


def test_the_whole_vocabulary_has_all_the_mass() -> None:
    row = np.random.default_rng(1).normal(0, 5, 1000).astype(np.float32)
    found = look_up(row, {"all": range(1000)}).sets["all"]
    assert found.mass[0] == pytest.approx(1.0, abs=1e-12)
    assert found.best_rank[0] == 1
    assert found.median_rank[0] == 500.5


def test_an_empty_set_has_nothing() -> None:
    found = look_up(np.zeros(5, dtype=np.float32), {"none": []}).sets["none"]
    assert (found.mass[0], found.best_rank[0], found.median_rank[0]) == (0.0, 0, 0.0)
    assert found.log_probability.shape == (1, 0)


def test_entries_of_minus_infinity_have_no_probability() -> None:
    row = np.array([0.0, -np.inf, 0.0, -np.inf], dtype=np.float32)
    found = look_up(row, {"dead": [1, 3], "live": [0, 2]}, top=4)
    assert found.sets["dead"].mass[0] == 0.0
    assert found.sets["dead"].best_rank[0] == 3
    assert found.sets["live"].mass[0] == pytest.approx(1.0)
    assert found.entropy[0] == pytest.approx(np.log(2))
    assert found.top[0].tolist() == [0, 2, 1, 3]


def test_huge_logits_do_not_overflow() -> None:
    row = np.array([1e6, 1e6, -1e6], dtype=np.float32)
    found = look_up(row, {"two": [0, 1]})
    assert found.sets["two"].mass[0] == pytest.approx(1.0)
    assert found.entropy[0] == pytest.approx(np.log(2))


def test_more_threads_give_the_same_bits() -> None:
    rows = np.random.default_rng(2).normal(0, 3, (9, 500)).astype(np.float32)
    sets = TokenSets(500, {"a": range(0, 500, 7), "b": [3, 1, 2]})
    one, three = (sets.look_up(rows, top=10, threads=threads) for threads in (1, 3))
    np.testing.assert_array_equal(one.entropy, three.entropy)
    np.testing.assert_array_equal(one.top, three.top)
    for name in sets.names:
        for field in ("mass", "best_rank", "median_rank", "log_probability"):
            left, right = (getattr(found.sets[name], field) for found in (one, three))
            np.testing.assert_array_equal(left, right)


def test_every_row_stands_alone() -> None:
    rows = np.random.default_rng(3).normal(0, 3, (4, 100)).astype(np.float32)
    sets = TokenSets(100, {"a": [5, 50, 99]})
    together = sets.look_up(rows, top=3)
    for i, row in enumerate(rows):
        alone = sets.look_up(row, top=3)
        assert alone.sets["a"].mass[0] == together.sets["a"].mass[i]
        assert alone.top[0].tolist() == together.top[i].tolist()


def test_top_is_cut_to_the_vocabulary() -> None:
    row = np.array([1.0, 3.0, 2.0], dtype=np.float32)
    assert look_up(row, {}, top=10).top[0].tolist() == [1, 2, 0]


@pytest.mark.parametrize(
    ("ids", "said"), [([5], "outside"), ([-1], "outside"), ([1, 2, 1], "twice")]
)
def test_impossible_ids_are_refused(ids: list[int], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        TokenSets(5, {"set": ids})
    with pytest.raises(OptionError, match=said):
        TokenSets(5, {}, padding=ids)


def test_rows_of_another_width_are_refused() -> None:
    with pytest.raises(OptionError, match="rows, 5"):
        TokenSets(5, {"set": [1]}).look_up(np.zeros((2, 6), dtype=np.float32))
