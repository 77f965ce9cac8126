"""What is said in words of an evaluation."""

import math
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from evaluation_samples import RATE, made, sides, solved

from pyengine.choose.evaluation import Agreement, Side, agreement, below, standings, stopping
from pyengine.code.answers import Outcome
from pyengine.measure.aggregate import measurement_of
from pyengine.report.evaluate_view import (
    differences_table,
    flips_table,
    measures_table,
    models_table,
)
from pyengine.report.sentences.code import (
    answer_sentence,
    below_sentence,
    side_sentence,
    side_sentences,
    warnings,
)
from pyengine.report.sentences.notes import note_sentence
from pyengine.report.tables import Table
from pyengine.report.words import OUTCOMES, WORDS
from pyengine.run import Exhibit, Measurement, Note, Run
from pyengine.statistics.looks import over_looks
from pyengine.statistics.success import spearman


def test_the_answer_names_what_was_solved() -> None:
    run = made(solved(), RATE)
    assert answer_sentence(run, run.models[0]) == (
        "base solves 1 of 2 tasks: pass@1 50.0 %, 95 % interval 9.00 % to 91.0 %. Solved: t0."
    )
    assert "at least once" in answer_sentence(made(solved(), RATE, samples=5), run.models[0])


def test_ideas_are_named_where_tasks_share_them() -> None:
    run = made(solved(), RATE)
    assert "idea" not in answer_sentence(run, run.models[0])
    assert "idea" not in " ".join(models_table(run).notes)
    shared = made(solved(18, 3), RATE)
    assert "solves 1 of 18 tasks of 3 ideas: " in answer_sentence(shared, run.models[0])
    assert "ideas as trials" in " ".join(models_table(shared).notes)
    assert measures_table(run, run.models[0]).title == "All 2 tasks"
    same = [e.model_copy(update={"content": {**e.content, "idea": "one"}}) for e in run.exhibits]
    one = run.model_copy(update={"exhibits": same})
    assert measures_table(one, run.models[0]).title == "All 2 tasks of 1 idea"


def test_a_sample_of_a_set_is_called_one() -> None:
    whole, part = (made(solved(), RATE, n_in_set=n) for n in (2, 121))
    assert "a sample of 121" not in answer_sentence(whole, whole.models[0])
    assert "2 tasks, a sample of 121" in answer_sentence(part, part.models[0])


def test_no_interval_is_told_where_there_is_none() -> None:
    rate = replace(RATE, low=math.nan, high=math.nan, level=math.nan, interval="")
    run = made(solved(), rate)
    text = answer_sentence(run, run.models[0])
    assert "pass@1 50.0 %. " in text
    assert "interval" not in text


def test_nothing_is_told_of_tasks_that_did_not_run() -> None:
    run = made(solved(), RATE)
    assert "no toolchain" in answer_sentence(run, run.models[1])
    assert "no toolchain" not in answer_sentence(run, run.models[0])


@pytest.mark.parametrize(
    ("lost", "gained", "p", "verdict"),
    [
        (
            *(9, 1, 0.0215),
            "small-Q2_K solves less than base: pass@1 −66.7 points (−91.7 to −41.7); "
            "9 lost, 1 gained of 12 tasks, p = 0.021.",
        ),
        (
            *(1, 9, 0.0215),
            "small-Q2_K solves more than base: pass@1 +66.7 points (+41.7 to +91.7); "
            "1 lost, 9 gained of 12 tasks, p = 0.021.",
        ),
        (
            *(2, 1, 1.0),
            "small-Q2_K cannot be told from base: pass@1 −8.3 points (−33.3 to +16.7); "
            "2 lost, 1 gained of 12 tasks, p = 1.",
        ),
    ],
)
def test_sides(lost: int, gained: int, p: float, verdict: str) -> None:
    run = made(*sides(lost, gained, p))
    assert list(standings(run)) == ["small-Q2_K"]
    assert side_sentences(run) == [verdict]
    assert side_sentences(made(solved(), RATE)) == []


def test_a_side_is_told_by_the_corrected_p() -> None:
    """0.03 tells one variant apart; of two it does not, unless the other's is small too."""
    one = standings(made(*sides(9, 1, 0.03)))["small-Q2_K"]
    assert (one.side, one.p_holm) == ("fewer", 0.03)
    assert "corrected" not in side_sentence(one, "m", "base")
    for p, side, corrected in ((0.5, "undecided", 0.06), (0.02, "fewer", 0.04)):
        both = [*sides(9, 1, 0.03), *sides(9, 1, p, model="tiny-Q2_K")]
        found = standings(made(*both))["small-Q2_K"]
        assert found.side == side
        assert found.p_holm == pytest.approx(corrected)
        assert f"p = {corrected} corrected for 2 variants" in side_sentence(found, "m", "base")


def test_what_is_alike_lies_within_the_margin_whole() -> None:
    """The interval of two lost and one gained reaches from -33.3 to +16.7 points."""
    for margin, side in ((0.32, "undecided"), (0.34, "alike")):
        found = standings(made(*sides(2, 1, 1.0), margin=margin))["small-Q2_K"]
        assert found.side == side
    assert side_sentence(found, "m", "base").startswith("m solves as much as base, within 34 poi")
    told = standings(made(*sides(1, 0, 0.01), margin=0.9))["small-Q2_K"]
    assert told.side == "fewer"


def test_a_p_value_counts_at_all_looks() -> None:
    for looks, side in ((1, "fewer"), (9, "undecided")):
        found = standings(made(*sides(9, 1, 0.02), looks=looks))["small-Q2_K"]
        assert found.side == side
    assert found.p_holm == pytest.approx(over_looks(0.02, 9))
    assert f"p = {found.p_holm:.2g}, at any of 9 looks" in side_sentence(found, "m", "base")
    seven = made(*sides(9, 0, 0.0625, n=45, n_clusters=7), looks=9)
    assert standings(seven)["small-Q2_K"].side == "too-few"  # seven of seven: 0.016 at one look


def test_it_is_said_why_no_more_was_asked() -> None:
    far, near = sides(9, 1, 0.01), sides(2, 1, 1.0)
    for rows, n_tasks, code in (
        *((far, 12, "stopped"), (far, 40, "decided-by-all"), (near, 40, "undecided-by-all")),
    ):
        run = made(solved(), *rows, until_decided=True, n_tasks=n_tasks, most_tasks=40, looks=5)
        assert stopping(run) == code
    assert stopping(made(solved(), *far, most_tasks=40)) is None


def test_a_threshold_is_held_by_the_lower_end() -> None:
    notes = (Note(code="model-failed", model="bad", values={"message": "computes no numbers"}),)
    run = made(RATE, replace(RATE, model="small-Q2_K", low=math.nan), notes=notes)
    assert {name: why for name, (why, _) in below(run, 0.1).items()} == {
        "base": "below",
        "small-Q2_K": "no-interval",
        "tiny-Q2_K": "not-executed",
        "bad": "failed",
    }
    assert "base" not in below(run, 0.09)
    told = [below_sentence(name, *why, 0.1) for name, why in below(run, 0.1).items()]
    assert told[1] == "base: pass@1 50.0 %, whose 95 % interval 9.00 % to 91.0 % begins below 0.1"


def test_few_ideas_cannot_tell() -> None:
    """Five ideas change sides together with a chance of 1 in 16, six with 1 in 32."""
    few = standings(made(*sides(9, 0, 0.0625, n=45, n_clusters=5)))["small-Q2_K"]
    assert side_sentence(few, "m", "base") == (
        "m against base: too few ideas to tell; 9 lost, 0 gained of 45 tasks of 5 ideas, p = 0.062."
    )
    enough = standings(made(*sides(9, 0, 0.03125, n=45, n_clusters=6)))["small-Q2_K"]
    assert enough.side == "fewer"
    both = [
        *sides(9, 0, 0.03125, n=45, n_clusters=6),
        *sides(0, 0, 1.0, model="tiny-Q2_K", n=45, n_clusters=6),
    ]
    assert standings(made(*both))["small-Q2_K"].side == "too-few"


def test_tasks_that_did_not_run_have_no_side() -> None:
    nothing = standings(made(*sides(0, 0, math.nan, n=0)))["small-Q2_K"]
    told = side_sentence(nothing, "m", "base")
    assert told == "m: no task could be executed for it and for base."
    assert standings(made(*sides(0, 0, 1.0)))["small-Q2_K"].side == "undecided"


def correlation(x: np.ndarray, y: np.ndarray) -> str:
    return agreement(measurement_of(spearman(x, y), "rank_agreement", ""))


def test_a_correlation_is_said_only_where_its_interval_leaves_zero() -> None:
    generator = np.random.default_rng(1)
    assert correlation(generator.normal(size=10), generator.normal(size=10)) == "none"
    line = np.arange(12.0)
    noisy = line + generator.normal(size=12)
    assert correlation(line, noisy) == "strong-positive"
    assert correlation(line, -noisy) == "strong-negative"
    assert correlation(line, np.ones(12)) == "unknown"
    assert correlation(line[:3], line[:3]) == "unknown"
    rho = Measurement("rank_agreement", "", "", "", 0.6, 0.2, 0.8, 0.95, n=12)
    assert agreement(rho) == "some-positive"
    assert agreement(replace(rho, value=-0.6, low=-0.8, high=-0.2)) == "some-negative"
    assert set(WORDS["agreement"]) == set(get_args(Agreement))
    assert set(get_args(Side)) < set(WORDS["sides"])


def test_warnings_stand_at_the_top_or_with_their_model() -> None:
    notes = (
        Note(code="ended-by-budget", model="base", values={"n": 3, "n_samples": 4}),
        Note(code="ended-in-thinking", model="small-Q2_K", values={"n": 1, "n_samples": 4}),
        Note(code="language-skipped", values={"language": "c", "tools": ["gcc"]}),
        Note(code="model-failed", model="bad", values={"message": "computes no numbers"}),
    )
    assert warnings(made(notes=notes, isolation="none")) == [
        "base: 3 of 4 samples were cut off in their answer by the token budget (--max-tokens).",
        "Warnings about small-Q2_K stand with their numbers, below.",
        "Not executed, C: gcc not found: install gcc (Debian: gcc)",
        "Programs ran without a sandbox (--unsafe-local-execution).",
        "bad is left out: it computes no numbers.",
    ]
    values = {"n_tasks": 12, "outcome": "wrong-answer", "n": 11, "n_samples": 12}
    zero = note_sentence(Note(code="none-solved", model="base", values=values))
    assert zero.startswith("Not one of 12 tasks was solved; the most common outcome is 'wrong an")
    hidden = note_sentence(Note(code="request-hidden", values={"n": 1, "n_prompts": 2}))
    assert "1 of 2 prompts" in hidden


def test_no_warning_is_said_without_its_reason() -> None:
    assert warnings(made()) == []
    alone = Note(code="ended-in-thinking", model="base", values={"n": 1, "n_samples": 4})
    assert not any("more of" in line for line in warnings(made(notes=(alone,))))


def test_corrections_are_named_where_there_are_several_variants() -> None:
    run = made(solved(), *sides(2, 1, 1.0))
    both = made(solved(), *sides(2, 1, 1.0), *sides(2, 1, 1.0, model="tiny-Q2_K"))
    two = both.model_copy(update={"models": both.models[:2]})
    for several, told in ((run, False), (both, True)):
        _, flips = tables_beside(several)
        assert ("Holm" in " ".join(flips.notes)) == told
        assert ("p (Holm)" in [column.title for column in flips.columns]) == told
    assert "of Holm's method for 2 variants" in " ".join(tables_beside(both)[0].notes)
    assert "Holm" not in " ".join(tables_beside(two)[0].notes)


def tables_beside(run: Run) -> list[Table]:
    """The tables of an evaluation beside a reference: differences, and tasks that change sides."""
    exhibits = [
        Exhibit(kind="flips", model=model.id, content={"lost": ["a"], "gained": []})
        for model in run.models[1:]
    ]
    shown = run.model_copy(update={"exhibits": [*run.exhibits, *exhibits]})
    return [differences_table(shown), flips_table(shown)]


def test_every_outcome_has_words() -> None:
    assert list(OUTCOMES) == [outcome.value for outcome in Outcome]
