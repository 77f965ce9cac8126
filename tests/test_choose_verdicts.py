"""What measurements support: codes from means, errors and a margin."""

import math

import pytest
from run_samples import control, difference, estimate, failure, info, made_run

from pyengine.choose.verdicts import (
    change,
    divergence,
    pairs,
    place,
    smaller_and_closer,
    standing_out,
    steps,
    unmet,
)
from pyengine.run import Note, Run
from pyengine.statistics.paired import holm

MODELS = (info("m", 16), info("m-Q8", 8), info("m-Q5", 5), info("m-Q4", 4.5), info("m-Q2", 3))
KL = {"m-Q8": 0.0001, "m-Q5": 0.01, "m-Q4": 0.0099, "m-Q2": 0.08}


def sweep(*, error: float = 0.00001, margin: float = 0.005) -> Run:
    """Four variants, every two of them compared on the same tokens."""
    rows = [control("kl", 1e-8, "m")]
    rows += [estimate("kl", name, kl, 0.001, reference="m") for name, kl in KL.items()]
    names = list(KL)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            rows.append(difference(first, second, KL[first] - KL[second], error))
    return made_run(MODELS, rows, margin=margin)


@pytest.mark.parametrize(
    ("value", "error", "kind"),
    [
        (0.0005, 0.0001, "noise"),
        (0.003, 0.0001, "within"),
        (0.003, math.nan, "no-interval"),
        (0.004, 0.001, "undecided"),
        (0.01, 0.001, "beyond"),
    ],
)
def test_a_divergence_stands_to_a_margin_by_its_whole_interval(
    value: float, error: float, kind: str
) -> None:
    assert place(estimate("kl", "a", value, error), 0.005, 0.001) == kind


def test_a_change_of_bits_is_told_from_zero_by_its_interval() -> None:
    assert change(estimate("bits_per_byte_change", "a", 0.1, 0.01)) == "different"
    assert change(estimate("bits_per_byte_change", "a", 0.1, 0.06)) == "undecided"
    alone = estimate("bits_per_byte_change", "a", 0.1, math.nan, n_clusters=1)
    assert change(alone) == "no-interval"


def test_verdicts_follow_quality_not_size() -> None:
    found = steps(sweep(), 0.005)
    assert "m" not in found
    assert "m-Q8" not in found  # nothing is closer
    assert {name: pair.second for name, pair in found.items()} == {
        "m-Q4": "m-Q8",
        "m-Q5": "m-Q4",
        "m-Q2": "m-Q5",
    }
    assert [found[name].verdict for name in ("m-Q4", "m-Q5", "m-Q2")] == [
        *("different", "equivalent", "different")
    ]
    for name, pair in found.items():
        assert pair.difference.value == pytest.approx(KL[name] - KL[pair.second])
        assert pair.difference.low < pair.difference.value < pair.difference.high


def test_p_values_are_those_of_t_corrected_over_all_pairs() -> None:
    from scipy.stats import t

    found = pairs(sweep(error=0.02), 0.005)
    assert len(found) == 6
    expected = [2 * t.sf(abs(pair.difference.value) / 0.02, 29) for pair in found]
    assert [pair.p_holm for pair in found] == pytest.approx(holm(expected))
    undecided = next(pair for pair in found if (pair.first, pair.second) == ("m-Q8", "m-Q5"))
    assert undecided.verdict == "undecided"
    assert undecided.more_documents is not None
    wide = {(pair.first, pair.second): pair for pair in pairs(sweep(error=0.02), 1.0)}
    assert {pair.verdict for pair in wide.values()} == {"equivalent"}  # the margin is asked anew


def test_the_null_control_is_no_divergence_of_a_variant() -> None:
    assert divergence(sweep(), "m") is None
    assert divergence(sweep(), "m-Q8") is not None


def test_a_variant_that_another_beats_says_by_which() -> None:
    assert smaller_and_closer(sweep()) == {"m-Q5": "m-Q4"}
    assert smaller_and_closer(sweep(error=0.02)) == {}  # the same means, not told apart


def test_parts_stand_out_by_their_whole_interval() -> None:
    mean = estimate("kl", "a", 1.0, 0.01)
    parts = [
        ("indentation", estimate("kl", "a", 0.6, 0.1)),
        ("identifier", estimate("kl", "a", 1.5, 0.1)),
        ("keyword", estimate("kl", "a", 1.1, 0.1)),
    ]
    assert standing_out(mean, parts, 0.1) == (["indentation"], ["identifier"])
    assert standing_out(mean, parts, 1.0) == ([], [])  # nothing but noise


def gate(*notes: Note, **kl: float) -> Run:
    models = [info("m", 16), *(info(name, 4) for name in kl)]
    rows = [estimate("kl", name, value, 0.001, reference="m") for name, value in kl.items()]
    return made_run(models, rows, command="compare", notes=notes)


def test_a_threshold_holds_for_the_upper_end() -> None:
    assert unmet(gate(a=0.001), 0.003) == {}
    ((model, (code, values)),) = unmet(gate(a=0.001, b=0.002), 0.0035).items()
    assert (model, code, values["high"]) == ("b", "exceeds", 0.004)


def codes(run: Run) -> list[str]:
    return [code for code, _ in unmet(run, 100.0).values()]


def test_what_was_not_surely_measured_meets_no_threshold() -> None:
    infinite = Note(code="infinite-divergence", model="a", values={"n_tokens": 1})
    assert codes(gate(infinite, a=0.001)) == ["infinite"]
    died = failure("a", "killed", "text 3")
    assert codes(gate(died, a=0.001)) == ["failed"]
    assert codes(gate(failure("b", "cut"), a=0.001)) == ["failed"]
    starts = made_run([info("m", 16), info("a", 4)], [], command="compare")
    assert codes(starts) == ["not-measured"]
    one = estimate("kl", "a", 0.001, math.nan, reference="m", n_clusters=1)
    lonely = made_run([info("m", 16), info("a", 4)], [one], command="compare")
    assert codes(lonely) == ["no-interval"]
