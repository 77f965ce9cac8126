"""The row kernels of every instruction set against the slow oracle and scipy."""

import numpy as np
import numpy.typing as npt
import pytest
import row_oracle as oracle
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy as scipy_entropy
from scipy.stats import kendalltau

from pyengine.statistics.rows import (
    kernel_names,
    pair_statistics,
    ranks,
    restricted_statistics,
    row_statistics,
    top_k,
)

Row = npt.NDArray[np.float32]
KERNELS = pytest.mark.parametrize("kernels", kernel_names())
LENGTHS = [1, 2, 3, 7, 8, 15, 16, 17, 50, 127, 128, 129, 300, 1000]


def random_pair(n: int, *, spread: float = 3.0, shift: float = 0.5) -> tuple[Row, Row]:
    generator = np.random.default_rng(n)
    p = (generator.normal(size=n) * spread).astype(np.float32)
    q = (p + generator.normal(size=n) * shift).astype(np.float32)
    return p, q


@KERNELS
@pytest.mark.parametrize("n", LENGTHS)
def test_pair_equals_the_oracle(n: int, kernels: str) -> None:
    p, q = random_pair(n)
    target = n // 2
    got = pair_statistics(p[None], q[None], [target], kernels=kernels)[0]
    a, b = oracle.log_softmax(p), oracle.log_softmax(q)
    assert got["kl"] == pytest.approx(oracle.kl(a, b), rel=1e-9, abs=1e-13)
    assert got["kl_reverse"] == pytest.approx(oracle.kl(b, a), rel=1e-9, abs=1e-13)
    assert got["jensen_shannon"] == pytest.approx(oracle.jensen_shannon(a, b), rel=1e-9, abs=1e-13)
    assert got["total_variation"] == pytest.approx(oracle.total_variation(a, b), abs=1e-13)
    assert got["hellinger"] == pytest.approx(oracle.hellinger(a, b), abs=1e-13)
    assert got["entropy_p"] == pytest.approx(oracle.entropy(a), abs=1e-12)
    assert got["entropy_q"] == pytest.approx(oracle.entropy(b), abs=1e-12)
    assert got["log_p_target"] == pytest.approx(a[target], abs=1e-12)
    assert got["log_q_target"] == pytest.approx(b[target], abs=1e-12)
    assert got["top_p"] == pytest.approx(np.exp(a.max()), abs=1e-13)
    assert (got["argmax_p"], got["argmax_q"]) == (oracle.order(p)[0], oracle.order(q)[0])
    assert got["rank_p_target"] == oracle.order(p).index(target) + 1
    assert got["rank_q_target"] == oracle.order(q).index(target) + 1
    assert list(got["overlap"]) == [oracle.overlap(p, q, k) for k in (1, 5, 10, 50)]
    assert got["above_choice"] == min(np.count_nonzero(p > p[oracle.order(q)[0]]), 50)


@KERNELS
def test_pair_equals_scipy(kernels: str) -> None:
    p, q = random_pair(400)
    got = pair_statistics(p[None], q[None], [0], kernels=kernels)[0]
    a, b = np.exp(oracle.log_softmax(p)), np.exp(oracle.log_softmax(q))
    assert got["kl"] == pytest.approx(scipy_entropy(a, b), rel=1e-10)
    assert got["entropy_p"] == pytest.approx(scipy_entropy(a), rel=1e-12)
    assert got["jensen_shannon"] == pytest.approx(jensenshannon(a, b) ** 2, rel=1e-9)
    best = oracle.order(p)[:50]
    assert got["rank_correlation"] == pytest.approx(kendalltau(p[best], q[best]).statistic)


@KERNELS
def test_kendall_handles_ties_as_scipy(kernels: str) -> None:
    generator = np.random.default_rng(5)
    p = generator.integers(0, 6, 50).astype(np.float32)
    q = generator.integers(0, 6, 50).astype(np.float32)
    got = pair_statistics(p[None], q[None], [0], kernels=kernels)[0]
    assert got["rank_correlation"] == pytest.approx(kendalltau(p, q).statistic)


@KERNELS
def test_ties_go_to_the_lower_id(kernels: str) -> None:
    flat = np.zeros((1, 200), dtype=np.float32)
    other = flat.copy()
    other[0, [40, 30]] = 1.0
    got = pair_statistics(flat, other, [7], kernels=kernels)[0]
    assert (got["argmax_p"], got["argmax_q"]) == (0, 30)
    assert (got["rank_p_target"], got["rank_q_target"]) == (8, 10)
    assert list(got["overlap"]) == [0.0, 3 / 5, 8 / 10, 1.0]
    assert got["above_choice"] == 0
    assert np.isnan(got["rank_correlation"])
    assert list(top_k(other, 4)[0]) == [30, 40, 0, 1]


@KERNELS
def test_impossible_tokens(kernels: str) -> None:
    p, q = random_pair(100)
    p[3] = q[3] = -np.inf
    both = pair_statistics(p[None], q[None], [3], kernels=kernels)[0]
    a, b = oracle.log_softmax(p), oracle.log_softmax(q)
    assert both["kl"] == pytest.approx(oracle.kl(a, b), rel=1e-9)
    assert both["log_p_target"] == -np.inf
    q[5] = -np.inf
    one = pair_statistics(p[None], q[None], [0], kernels=kernels)[0]
    b = oracle.log_softmax(q)
    assert one["kl"] == np.inf
    assert one["kl_reverse"] == pytest.approx(oracle.kl(b, a), rel=1e-9)
    assert one["jensen_shannon"] == pytest.approx(oracle.jensen_shannon(a, b), rel=1e-9)


@KERNELS
def test_disjoint_distributions_reach_the_bounds(kernels: str) -> None:
    p = np.array([[0.0, 0.0, -np.inf, -np.inf]], dtype=np.float32)
    got = pair_statistics(p, p[:, ::-1].copy(), [0], kernels=kernels)[0]
    assert got["kl"] == got["kl_reverse"] == np.inf
    assert got["jensen_shannon"] == pytest.approx(np.log(2))
    assert got["total_variation"] == pytest.approx(1.0)
    assert got["hellinger"] == pytest.approx(1.0)


@KERNELS
def test_underflowing_probabilities_count_as_possible(kernels: str) -> None:
    p = np.array([[0.0, -2000.0]], dtype=np.float32)
    q = np.array([[-2000.0, 0.0]], dtype=np.float32)
    got = pair_statistics(p, q, [1], kernels=kernels)[0]
    assert got["kl"] == pytest.approx(2000.0)
    assert got["log_p_target"] == -2000.0


@KERNELS
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_bad_logits_give_nan_and_not_a_number(bad: float, kernels: str) -> None:
    p, q = random_pair(40)
    q[11] = bad
    got = pair_statistics(p[None], q[None], [0], kernels=kernels)[0]
    assert all(np.isnan(got[name]) for name in ("kl", "total_variation", "log_p_target"))
    nothing = np.full((1, 40), -np.inf, dtype=np.float32)
    assert np.isnan(row_statistics(nothing, kernels=kernels)["log_sum_exp"][0])


@KERNELS
@pytest.mark.parametrize("padding", [[97, 98, 99], [0, 50], [10, 98, 99], list(range(1, 100))])
def test_padding_is_left_out_and_its_mass_reported(padding: list[int], kernels: str) -> None:
    p, q = random_pair(100)
    got = pair_statistics(p[None], q[None], [0], padding=padding, kernels=kernels)[0]
    a, b = oracle.log_softmax(p, padding), oracle.log_softmax(q, padding)
    assert got["kl"] == pytest.approx(oracle.kl(a, b), rel=1e-9, abs=1e-13)
    assert got["entropy_q"] == pytest.approx(oracle.entropy(b), abs=1e-12)
    full = np.exp(oracle.log_softmax(p))
    assert got["padding_mass_p"] == pytest.approx(full[padding].sum(), rel=1e-12)
    assert got["argmax_p"] not in padding
    kept = np.setdiff1d(np.arange(p.size), padding)
    assert got["above_choice"] == min(np.count_nonzero(p[kept] > p[got["argmax_q"]]), 50)
    assert got["log_p_target"] == pytest.approx(a[0], abs=1e-12)


def test_a_token_set_is_renormalised() -> None:
    p, q = random_pair(100)
    chosen = [3, 8, 9, 40, 77]
    whole = pair_statistics(p[None], q[None], [9], padding=[99])
    pairs, mass_p, mass_q = restricted_statistics(p[None], q[None], [9], chosen, whole)
    a, b = oracle.log_softmax(p[chosen]), oracle.log_softmax(q[chosen])
    assert pairs["kl"][0] == pytest.approx(oracle.kl(a, b), rel=1e-9)
    assert pairs["log_p_target"][0] == pytest.approx(a[2])
    assert mass_p[0] == pytest.approx(np.exp(oracle.log_softmax(p, [99]))[chosen].sum())
    assert mass_q[0] == pytest.approx(np.exp(oracle.log_softmax(q, [99]))[chosen].sum())
    assert chosen[pairs["argmax_q"][0]] == chosen[int(np.argmax(q[chosen]))]
    outside, _, _ = restricted_statistics(p[None], q[None], [4], chosen, whole)
    assert np.isnan(outside["log_p_target"][0])


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_do_not_change_a_bit(threads: int) -> None:
    generator = np.random.default_rng(1)
    p = generator.normal(size=(7, 333)).astype(np.float32)
    q = generator.normal(size=(7, 333)).astype(np.float32)
    one = pair_statistics(p, q, range(7))
    assert one.tobytes() == pair_statistics(p, q, range(7), threads=threads).tobytes()


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("levels", [3, 10**6])
def test_top_k_and_ranks_equal_sorting(n: int, levels: int) -> None:
    row = np.random.default_rng(n).integers(0, levels, n).astype(np.float32)
    row[n // 3] = -np.inf
    expected = oracle.order(row)
    for k in (1, 5, 50, n):
        assert list(top_k(row[None], k)[0]) == expected[:k]
    places = ranks(row[None], range(n))[0]
    assert [expected.index(i) + 1 for i in range(n)] == list(places)


@KERNELS
@pytest.mark.parametrize("n", [63, 64, 65, 200, 1024, 5000])
def test_ranks_equal_sorting_on_every_kernel(n: int, kernels: str) -> None:
    generator = np.random.default_rng(n)
    rows = [generator.normal(size=n) * 3, generator.integers(0, 4, n), np.full(n, 2.0)]
    rows.append(np.where(generator.random(n) < 0.3, -np.inf, generator.normal(size=n) * 1e30))
    for row in np.array(rows, dtype=np.float32):
        order = np.lexsort((np.arange(n), -row))
        for ids in (list(range(n)), generator.integers(0, n, 20).tolist(), [n - 1], [0, 0]):
            places = ranks(row[None], ids, kernels=kernels)[0]
            assert np.array_equal(order[places - 1], ids)


@KERNELS
def test_nan_ranks_behind_everything(kernels: str) -> None:
    row = np.array([[np.nan, 1.0, -np.inf, np.nan, np.inf, -0.0, 0.0]], dtype=np.float32)
    assert ranks(row, range(7), kernels=kernels).tolist() == [[6, 2, 5, 7, 1, 3, 4]]
    negative = -row  # another sign bit makes no other NaN
    assert ranks(negative, range(7), kernels=kernels).tolist() == [[6, 4, 1, 7, 5, 2, 3]]


@KERNELS
@pytest.mark.parametrize("n", [1, 64, 130, 1000])
def test_very_low_entries_add_nothing(n: int, kernels: str) -> None:
    row = np.random.default_rng(n).normal(size=n).astype(np.float32)
    for low in (-600.0, -720.0, -1e30, -np.inf):
        row[n // 2] = low if n > 1 else 0.0
        found = row_statistics(row[None], kernels=kernels)[0]
        log_p = oracle.log_softmax(row)
        assert found["log_sum_exp"] == pytest.approx(row[0] - log_p[0], rel=1e-12)
        assert found["entropy"] == pytest.approx(oracle.entropy(log_p), rel=1e-11, abs=1e-12)


FINITE = st.floats(-60, 60, width=32)


@settings(max_examples=60, deadline=None)
@given(
    p=arrays(np.float32, 37, elements=FINITE),
    q=arrays(np.float32, 37, elements=FINITE),
    shift=st.integers(-8, 8),
)
def test_divergences_behave(p: Row, q: Row, shift: int) -> None:
    there = pair_statistics(p[None], q[None], [0])[0]
    back = pair_statistics(q[None], p[None], [0])[0]
    for name in ("kl", "kl_reverse", "jensen_shannon", "total_variation", "hellinger"):
        assert there[name] >= 0.0
    assert there["jensen_shannon"] <= np.log(2) + 1e-12
    assert there["total_variation"] <= 1 + 1e-12
    for name in ("jensen_shannon", "total_variation", "hellinger"):
        assert there[name] == pytest.approx(back[name], abs=1e-12)
    assert there["kl"] == pytest.approx(back["kl_reverse"], rel=1e-12, abs=1e-12)
    itself = pair_statistics(p[None], p[None], [0])[0]
    assert itself["kl"] == itself["total_variation"] == itself["hellinger"] == 0.0
    assert itself["jensen_shannon"] == pytest.approx(0.0, abs=1e-14)
    coarse = (np.round(q * 4) / 4).astype(np.float32)  # so that the shift loses nothing in float32
    moved = (coarse + np.float32(shift)).astype(np.float32)
    still = pair_statistics(coarse[None], moved[None], [0])[0]
    assert still["kl"] == pytest.approx(0.0, abs=1e-12)
    assert still["argmax_p"] == still["argmax_q"]


def test_arguments_are_checked() -> None:
    row = np.zeros((1, 4), dtype=np.float32)
    with pytest.raises(ValueError, match="outside the vocabulary"):
        pair_statistics(row, row, [4])
    with pytest.raises(ValueError, match="one shape"):
        pair_statistics(row, np.zeros((1, 5), dtype=np.float32), [0])
    with pytest.raises(ValueError, match="every entry is padding"):
        row_statistics(row, padding=[0, 1, 2, 3])
    with pytest.raises(ValueError, match="threads"):
        row_statistics(row, threads=0)
    with pytest.raises(ValueError, match="no kernels named"):
        row_statistics(row, kernels="quantum")
    with pytest.raises(ValueError, match="token set"):
        restricted_statistics(row, row, [0], [], pair_statistics(row, row, [0]))
