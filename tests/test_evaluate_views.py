"""What is said in words of an evaluation."""

import numpy as np
import pytest
from run_samples import MADE, info

from pyengine.code.answers import Outcome
from pyengine.measure.aggregate import measurement_of
from pyengine.report.evaluate_view import (
    answer,
    correlation_verdict,
    measures_table,
    methods,
    models_table,
    sides_verdict,
    warnings,
)
from pyengine.report.words import OUTCOMES, note_sentence
from pyengine.run import Exhibit, Measurement, Note, Run
from pyengine.statistics.success import spearman

OPTIONS = {"samples": 1, "isolation": "bubblewrap", "reference": "base"}


def made(*rows: Measurement, notes: tuple[Note, ...] = (), **options: object) -> Run:
    return Run(
        command="evaluate",
        options={**OPTIONS, **options},
        provenance=MADE,
        models=[info("base", 2.0), info("small-Q2_K", 1.0)],
        measurements=list(rows),
        exhibits=[
            Exhibit(
                kind="answer",
                model="base",
                content={"task": f"t{i}", "samples": [{"outcome": outcome}]},
            )
            for i, outcome in enumerate(("passed", "no-code"))
        ],
        notes=list(notes),
    )


def test_the_answer_names_what_was_solved() -> None:
    solved = Measurement("tasks_solved", "base", "", "", 1, n=2)
    rate = Measurement("pass_at_1", "base", "", "", 0.5, 0.09, 0.91, 0.95, n=2, interval="wilson")
    run = made(solved, rate)
    assert answer(run, run.models[0]).text == (
        "base (base) solves 1 of 2 tasks: pass@1 50.0 %, 95 % interval 9.00 % to 91.0 %. "
        "Solved: t0."
    )
    assert "at least once" in answer(made(solved, rate, samples=5), run.models[0]).text
    assert "no toolchain" in answer(run, run.models[1]).text


@pytest.mark.parametrize(
    ("lost", "gained", "p", "verdict"),
    [
        (9, 1, 0.0215, "fewer tasks solved (9 lost, 1 gained of 12 tasks, p = 0.021)"),
        (1, 9, 0.0215, "more tasks solved (1 lost, 9 gained of 12 tasks, p = 0.021)"),
        (2, 1, 1.0, "cannot be told apart by tasks solved (2 lost, 1 gained of 12 tasks, p = 1)"),
    ],
)
def test_sides(lost: int, gained: int, p: float, verdict: str) -> None:
    values = {"tasks_lost": lost, "tasks_gained": gained, "mcnemar_p": p}
    rows = [Measurement(name, "small-Q2_K", "base", "", v, n=12) for name, v in values.items()]
    run = made(*rows)
    assert sides_verdict(run, "small-Q2_K") == verdict
    assert sides_verdict(run, "base") is None
    assert verdict in [cell.text for cell in models_table(run).rows[1]]
    nothing = [Measurement(name, "small-Q2_K", "base", "", 0, n=0) for name in values]
    assert sides_verdict(made(*nothing), "small-Q2_K") == "no task could be executed for both"


def correlation(x: np.ndarray, y: np.ndarray) -> str:
    return correlation_verdict(measurement_of(spearman(x, y), "rank_agreement", ""))


def test_a_correlation_is_said_only_where_its_interval_leaves_zero() -> None:
    generator = np.random.default_rng(1)
    assert correlation(generator.normal(size=10), generator.normal(size=10)) == "none found"
    line = np.arange(12.0)
    noisy = line + generator.normal(size=12)
    assert correlation(line, noisy) == "strong positive"
    assert correlation(line, -noisy) == "strong negative"
    assert correlation(line, np.ones(12)) == "cannot be told"
    assert correlation(line[:3], line[:3]) == "cannot be told"


def test_warnings_stand_at_the_top_or_with_their_model() -> None:
    notes = (
        Note(code="ended-by-budget", model="base", values={"n": 3, "n_samples": 4}),
        Note(code="ended-in-thinking", model="small-Q2_K", values={"n": 1, "n_samples": 4}),
        Note(code="language-skipped", values={"language": "c", "tools": ["gcc"]}),
        Note(code="model-failed", model="bad", values={"message": "computes no numbers"}),
    )
    assert warnings(made(notes=notes, isolation="none")) == [
        "base (base): 3 of 4 samples were ended by the token budget (--max-tokens).",
        "1 more of 2 models have warnings; see below.",
        "Not executed, c: gcc not found: install gcc (Debian: gcc)",
        "Programs ran without a sandbox (--unsafe-local-execution).",
        "bad is left out: it computes no numbers.",
    ]
    values = {"n_tasks": 12, "outcome": "wrong-answer", "n": 11, "n_samples": 12}
    zero = note_sentence(Note(code="none-solved", model="base", values=values))
    assert zero.startswith("Not one of 12 tasks was solved; the most common outcome is 'wrong an")
    hidden = note_sentence(Note(code="request-hidden", values={"n": 1, "n_prompts": 2}))
    assert "1 of 2 prompts" in hidden


def test_intervals_are_named_by_how_they_were_made() -> None:
    wilson = Measurement("pass_at_1", "base", "", "", 0.0, 0.0, 0.2, 0.95, interval="wilson")
    drawn = Measurement("repetition", "base", "", "", 0.1, 0.0, 0.2, 0.95, interval="bootstrap")
    assert methods([wilson], single=True) == "Wilson over tasks"
    assert methods([wilson, drawn, drawn]) == (
        "Wilson over tasks, which are all alike, or bootstrap over tasks, 2,000 resamples"
    )
    assert methods([]) == "none"
    run = made(wilson, drawn)
    assert "Repeated 4-grams of tokens" in [
        row[0].text for row in measures_table(run, run.models[0]).rows
    ]


def test_every_outcome_has_words() -> None:
    assert list(OUTCOMES) == [outcome.value for outcome in Outcome]
