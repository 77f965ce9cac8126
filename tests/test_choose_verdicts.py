"""What measurements support: codes from ratios, errors and a margin."""

import math
from dataclasses import replace

import pytest
from run_samples import TEXT, control, estimate, failure, infinite, info, made_run, ratio
from scipy.stats import t as student

from pyengine.choose.verdicts import (
    Pair,
    by_damage,
    by_size,
    change,
    damage,
    divergence,
    pairs,
    smaller_and_closer,
    standing_out,
    steps,
    unmet,
)
from pyengine.run import Measurement, Note, Run
from pyengine.statistics.looks import at_look, over_looks
from pyengine.statistics.paired import holm

MODELS = (info("m", 16), info("m-Q8", 8), info("m-Q5", 5), info("m-Q4", 4.5), info("m-Q2", 3))
KL = {"m-Q8": 0.0001, "m-Q5": 0.01, "m-Q4": 0.0099, "m-Q2": 0.08}


def sweep(
    kl: dict[str, float] = KL, *, error: float = 0.0001, looks: int = 1, margin: float = 0.1
) -> Run:
    """Variants, every two of them compared on the same tokens; `error` is that of ln ratio."""
    models = [info("m", 16), *(model for model in MODELS if model.id in kl)]
    models += [info(name, 1) for name in kl if name not in {model.id for model in MODELS}]
    rows = [control("kl", 1e-8, "m")]
    rows += [estimate("kl", name, value, value / 10, reference="m") for name, value in kl.items()]
    names = list(kl)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            r = kl[first] / kl[second]
            rows.append(ratio(first, second, r, r * error))
    text = TEXT.model_copy(update={"looks": looks})
    return made_run(models, rows, margin=margin, population=text)


def told(run: Run, margin: float = 0.1) -> dict[str, tuple[str, str]]:
    return {name: (p.second, p.verdict) for name, p in steps(run, margin).items()}


def test_a_step_of_damage_needs_an_interval_and_finite_tokens() -> None:
    run = sweep()
    found = damage(run, "m-Q2")
    assert found is not None
    assert (found.least, found.most) == ("little", "little")
    assert damage(run, "m") is None
    assert damage(run.model_copy(update={"notes": [infinite("m-Q2")]}), "m-Q2") is None
    alone = [replace(row, n_clusters=1) for row in run.measurements]
    assert damage(run.model_copy(update={"measurements": alone}), "m-Q2") is None


def test_a_change_of_bits_is_told_from_zero_by_its_interval() -> None:
    assert change(estimate("bits_per_byte_change", "a", 0.1, 0.01)) == "different"
    assert change(estimate("bits_per_byte_change", "a", 0.1, 0.06)) == "undecided"
    alone = estimate("bits_per_byte_change", "a", 0.1, math.nan, n_clusters=1)
    assert change(alone) == "no-interval"


def test_verdicts_follow_damage_not_size() -> None:
    found = steps(sweep(error=0.05), 0.1)
    assert "m" not in found
    assert "m-Q8" not in found  # nothing is closer
    assert told(sweep(error=0.05)) == {
        "m-Q4": ("m-Q8", "different"),
        "m-Q5": ("m-Q4", "undecided"),
        "m-Q2": ("m-Q4", "different"),  # with the best of the group, not with its neighbour
    }
    for name, pair in found.items():
        assert pair.ratio is not None
        assert pair.ratio.value == pytest.approx(KL[name] / KL[pair.second])
        assert pair.ratio.low < pair.ratio.value < pair.ratio.high


def test_no_chain_of_neighbours_spans_a_large_ratio() -> None:
    """Each of nine is 15 % above the one before, which alone could not be told."""
    kl = {f"v{i}": 0.01 * 1.15**i for i in range(9)}
    found = told(sweep(kl, error=0.06))
    assert found["v1"] == ("v0", "undecided")
    anchors = [second for _, (second, verdict) in found.items() if verdict == "different"]
    assert len(anchors) >= 2
    for name, (second, verdict) in found.items():
        if verdict != "different":
            assert kl[name] / kl[second] < 1.5


def test_p_values_are_those_of_t_corrected_over_all_pairs_and_looks() -> None:
    for looks in (1, 3):
        found = pairs(sweep(error=2.0, looks=looks), 0.1)
        assert len(found) == 6
        logs = [math.log(KL[p.first] / KL[p.second]) for p in found]
        raw = [over_looks(2 * student.sf(abs(log) / 2, 29), looks) for log in logs]
        assert [pair.p_holm for pair in found] == pytest.approx(holm(raw))


@pytest.mark.parametrize("looks", [1, 4])
@pytest.mark.parametrize("error", [0.1, 1.0, 2.0, 4.0])
def test_the_interval_beside_a_verdict_is_the_corrected_one(error: float, looks: int) -> None:
    """It leaves out 1 exactly where the test does, and is wider than the ordinary one."""
    for pair in pairs(sweep(error=error, looks=looks), 0.1):
        assert pair.ratio is not None
        low, high = math.log(pair.ratio.low), math.log(pair.ratio.high)
        assert (pair.verdict == "different") == (pair.p_holm < 0.05) == (low * high > 0)
        reach = student.ppf(0.5 + pair.ratio.level / 2, 29) * error
        assert (high - low) / 2 == pytest.approx(reach)
        assert pair.ratio.level >= at_look(0.95, looks)
    levels = {pair.ratio.level for pair in pairs(sweep(error=4.0), 0.1) if pair.ratio}
    assert levels == {1 - 0.05 / 6}  # none is told apart, so all share the factor


def one_pair(value: float, error: float, margin: float) -> Pair:
    kl = {"m-Q8": value * 0.01, "m-Q4": 0.01}
    (pair,) = pairs(sweep(kl, error=error), margin)
    return pair


def test_alike_are_those_whose_whole_interval_is_within_the_margin() -> None:
    assert one_pair(1.01, 0.02, 0.1).verdict == "alike"
    assert one_pair(1.01, 0.02, 0.03).verdict == "undecided"  # the margin is asked anew
    assert one_pair(1 / 1.01, 0.02, 0.1).verdict == "alike"
    assert one_pair(1.08, 0.02, 0.1).verdict == "different"
    small = one_pair(1.05, 0.002, 0.1)
    assert (small.verdict, small.within) == ("different", True)
    # Both ends: 1 / 1.1 is as far from 1 as 1.1 is.
    reach = student.ppf(0.975, 29)
    at_the_end = (math.log(1.1) - 0.001) / reach
    assert one_pair(1.0001, at_the_end, 0.1).verdict == "alike"
    assert one_pair(1.002, at_the_end, 0.1).verdict == "undecided"


def test_a_pair_the_other_way_round_is_a_whole_measurement() -> None:
    pair = one_pair(1.25, 0.02, 0.1)
    turned = pair.reversed()
    assert pair.ratio is not None
    assert turned.ratio is not None
    assert (turned.first, turned.second) == (pair.second, pair.first)
    assert (turned.ratio.model, turned.ratio.members["against"]) == (pair.second, pair.first)
    assert turned.ratio.value == pytest.approx(0.8)
    assert turned.ratio.error / turned.ratio.value == pytest.approx(0.02)
    assert turned.from_the_farther().ratio == turned.reversed().ratio
    assert turned.from_the_farther().first == pair.first


def test_two_documents_and_many_pairs_give_an_interval_without_an_end() -> None:
    run = sweep({f"v{i}": 0.01 + 0.001 * i for i in range(12)}, error=0.9)
    rows = [replace(row, n_clusters=2, freedom=1.0) for row in run.measurements]
    for pair in pairs(run.model_copy(update={"measurements": rows}), 0.1):
        assert pair.ratio is not None
        assert (pair.verdict, pair.ratio.low, pair.ratio.high) == ("undecided", 0.0, math.inf)
        turned = pair.reversed().ratio
        assert turned is not None
        assert (turned.low, turned.high) == (0.0, math.inf)


def test_documents_are_foretold_only_where_there_are_several_and_no_verdict() -> None:
    assert one_pair(1.2, 0.1, 0.1).more_documents is not None
    assert one_pair(1.2, 0.02, 0.1).more_documents is None
    run = sweep({"m-Q8": 0.012, "m-Q4": 0.01}, error=0.1)
    windows = TEXT.model_copy(update={"n_scored_documents": 1})
    (pair,) = pairs(run.model_copy(update={"population": windows}), 0.1)
    assert (pair.verdict, pair.more_documents) == ("undecided", None)


def test_without_a_ratio_what_is_true_is_said() -> None:
    def verdict(run: Run) -> str:
        (pair,) = pairs(run, 0.1)
        return pair.verdict

    two = sweep({"m-Q8": 0.01, "m-Q4": 0.01}, error=0.0)
    assert verdict(two) == "same"
    notes = two.model_copy(update={"notes": [infinite("m-Q4")]})
    assert verdict(notes) == "infinite"
    alone = [replace(row, n_clusters=1, error=math.nan) for row in two.measurements]
    assert verdict(two.model_copy(update={"measurements": alone})) == "no-interval"

    def exact(*values: float) -> Run:
        names = ("m-Q8", "m-Q4")
        rows = [
            estimate("kl", n, v, 0.0, reference="m") for n, v in zip(names, values, strict=True)
        ]
        return made_run([info("m", 16), info("m-Q8", 8), info("m-Q4", 4.5)], rows)

    assert verdict(exact(0.0, 0.0)) == "exact"
    assert verdict(exact(0.01, 0.0)) == "one-exact"
    assert pairs(exact(0.01, 0.02), 0.1) == []  # never measured on the same tokens
    (pair,) = pairs(exact(0.0, 0.01), 0.1)
    assert (pair.first, pair.second) == ("m-Q4", "m-Q8")  # the second is the exact one


def test_one_infinite_token_puts_a_variant_behind_all_others() -> None:
    run = sweep().model_copy(update={"notes": [infinite("m-Q8", 1)]})
    assert by_damage(sweep())[0] == "m-Q8"
    assert by_damage(run) == ["m-Q4", "m-Q5", "m-Q2", "m-Q8"]
    assert told(run)["m-Q8"] == ("m-Q2", "infinite")
    assert told(run)["m-Q5"][0] == "m-Q4"
    two = run.model_copy(update={"notes": [infinite("m-Q8", 2), infinite("m-Q2", 1)]})
    assert by_damage(two)[2:] == ["m-Q2", "m-Q8"]


def test_ties_in_size_go_by_damage() -> None:
    kl = {"b": 0.01, "a": 0.02, "m-Q8": 0.001}
    assert by_size(sweep(kl)) == ["m-Q8", "b", "a"]
    assert by_size(sweep({**kl, "b": 0.03})) == ["m-Q8", "a", "b"]


def test_the_null_control_is_no_divergence_of_a_variant() -> None:
    assert divergence(sweep(), "m") is None
    assert divergence(sweep(), "m-Q8") is not None


def test_a_variant_that_another_beats_says_by_which() -> None:
    assert smaller_and_closer(sweep()) == {"m-Q5": "m-Q4"}
    assert smaller_and_closer(sweep(error=0.02)) == {}  # the same means, not told apart
    assert smaller_and_closer(sweep(error=0.0033)) == {"m-Q5": "m-Q4"}
    assert smaller_and_closer(sweep(looks=64, error=0.0033)) == {}  # nor after so many looks
    notes = sweep().model_copy(update={"notes": [infinite("m-Q4")]})
    assert smaller_and_closer(notes) == {}
    kl = {"m-Q8": 0.03, "m-Q5": 0.02, "m-Q4": 0.01}
    assert smaller_and_closer(sweep(kl)) == {"m-Q8": "m-Q4", "m-Q5": "m-Q4"}  # the closest such


def with_parts(*parts: tuple[str, float, int], floor: float = 0.1) -> Run:
    rows = [control("kl", floor, "m"), estimate("kl", "a", 1.0, 0.01, reference="m")]
    rows += [
        estimate("kl", "a", value, 0.1, reference="m", group=f"class={name}", n_clusters=n)
        for name, value, n in parts
    ]
    # The rest of the tokens, of one document, so that the mean of all stays 1.
    rest = estimate("kl", "a", 1.0, 0.1, reference="m", group="class=rest", n_clusters=1)
    rows.append(replace(rest, n=10**9))
    return made_run([info("m", 16), info("a", 4)], rows, command="compare")


def test_parts_are_held_against_the_mean_of_their_own_tokens() -> None:
    """The level of a variant that stopped early is told through an anchor's other documents."""
    own = [
        estimate("kl", "a", value, 0.01, reference="m", group=f"class={name}")
        for name, value in (("keyword", 1.5), ("literal", 1.5))
    ]
    rows = [control("kl", 0.1, "m"), estimate("kl", "a", 1.0, 0.01, reference="m"), *own]
    run = made_run([info("m", 16), info("a", 4)], rows, command="compare")
    assert standing_out(run, "a", "class") == ([], [])


def test_parts_stand_out_by_their_whole_corrected_interval() -> None:
    parts = [("indentation", 0.6, 30), ("identifier", 1.5, 30), ("keyword", 1.1, 30)]
    run = with_parts(*parts)
    assert standing_out(run, "a", "class") == (["indentation"], ["identifier"])
    assert standing_out(run, "a", "language") == ([], [])
    noise = with_parts(*parts, floor=1.0)
    assert standing_out(noise, "a", "class") == ([], [])
    # 1.22 is told from 1 by its own interval, and not where eleven parts are looked at.
    near = ("comment", 1.22, 30)
    assert standing_out(with_parts(near), "a", "class")[1] == ["comment"]
    many = [(f"c{i}", 1.0, 30) for i in range(10)]
    assert standing_out(with_parts(near, *many), "a", "class")[1] == []


def test_a_part_of_few_documents_is_not_named() -> None:
    assert standing_out(with_parts(("comment", 3.0, 5)), "a", "class")[1] == ["comment"]
    assert standing_out(with_parts(("comment", 3.0, 4)), "a", "class") == ([], [])


def gate(*notes: Note, **kl: float) -> Run:
    models = [info("m", 16), *(info(name, 4) for name in kl)]
    rows = [estimate("kl", name, value, 0.001, reference="m") for name, value in kl.items()]
    return made_run(models, rows, command="compare", notes=notes)


def test_a_threshold_holds_for_the_upper_end_of_the_interval_that_is_printed() -> None:
    assert unmet(gate(a=0.001), 0.003) == {}
    run = gate(a=0.001, b=0.002)
    ((model, (code, values)),) = unmet(run, 0.0035).items()
    kl = run.find("kl", "b")
    assert kl is not None
    assert (model, code) == ("b", "exceeds")
    assert (values["low"], values["high"]) == (kl.low, kl.high) == (0.0, 0.004)


def codes(run: Run) -> list[str]:
    return [code for code, _ in unmet(run, 100.0).values()]


def test_what_was_not_surely_measured_meets_no_threshold() -> None:
    assert codes(gate(infinite("a", 1), a=0.001)) == ["infinite"]
    died = failure("a", "killed", "text 3")
    assert codes(gate(died, a=0.001)) == ["failed"]
    assert codes(gate(failure("b", "cut"), a=0.001)) == ["failed"]
    starts = made_run([info("m", 16), info("a", 4)], [], command="compare")
    assert codes(starts) == ["not-measured"]
    one: Measurement = estimate("kl", "a", 0.001, math.nan, reference="m", n_clusters=1)
    lonely = made_run([info("m", 16), info("a", 4)], [one], command="compare")
    assert codes(lonely) == ["no-interval"]
