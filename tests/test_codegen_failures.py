"""Why samples failed, and the loops in which answers end."""

import itertools
import random
from typing import Any

import pytest
from codegen_samples import few_tasks
from run_samples import info

from pyengine.code.aggregate import beside, measurements
from pyengine.code.answers import Outcome
from pyengine.code.failures import OF_FORM, Failure, explained, failure_of
from pyengine.code.parsing import loop_of
from pyengine.report.words import WORDS


def sample(outcome: str, **changes: Any) -> Any:  # noqa: ANN401
    usual = {"finish": "end-of-generation", "trimmed": False, "detail": "", "loop": 0}
    return {**usual, "outcome": outcome, **changes}


CASES = [
    (sample("passed"), None),
    (sample("passed", finish="length", loop=3), None),
    (sample("skipped"), None),
    (sample("no-code"), Failure.NO_CODE),
    (sample("no-code", finish="length"), Failure.CUT_OFF),
    (sample("no-code", finish="length", loop=2), Failure.LOOP),
    (sample("no-code", finish="length", open_thought=True), Failure.CUT_OFF_THINKING),
    (sample("no-code", open_thought=True), Failure.NO_CODE),
    (sample("no-code", finish="length", open_thought=True, loop=2), Failure.LOOP),
    (sample("syntax-error"), Failure.SYNTAX),
    (sample("syntax-error", finish="length"), Failure.CUT_OFF),
    (sample("exception", finish="length", trimmed=True, detail="NameError: x"), Failure.CUT_OFF),
    (
        sample("wrong-answer", finish="length", trimmed=True, form="fenced-whole"),
        Failure.ASSERTION,
    ),
    (sample("exception", loop=3, detail="KeyError: 1"), Failure.ERROR),
    (sample("exception", detail="NameError: name 'x' is not defined"), Failure.NAME),
    (sample("exception", detail="ModuleNotFoundError: No module named 'x'"), Failure.NAME),
    (sample("exception", detail="ReferenceError: x is not defined"), Failure.NAME),
    (sample("exception", detail="TypeError: 'int' object is not callable"), Failure.TYPE),
    (sample("exception", detail="AttributeError: no attribute"), Failure.TYPE),
    (sample("exception", detail="ValueError: undefined value, cannot find it"), Failure.ERROR),
    (sample("exception", detail="TypeError: Cannot read properties of undefined"), Failure.TYPE),
    (sample("exception", detail="undefined method `x' for nil (NoMethodError)"), Failure.TYPE),
    (sample("syntax-error", detail="error: 'x' was not declared in this scope"), Failure.NAME),
    (sample("syntax-error", detail="error[E0425]: cannot find value `x`"), Failure.NAME),
    (sample("syntax-error", detail="error[E0308]: mismatched types"), Failure.TYPE),
    (sample("wrong-answer", detail="TypeError: in the tests"), Failure.ASSERTION),
    (sample("timed-out"), Failure.TIME),
    (sample("memory"), Failure.LIMIT),
    (sample("killed"), Failure.LIMIT),
]


@pytest.mark.parametrize(("made", "expected"), CASES)
def test_a_sample_fails_for_one_reason(made: Any, expected: Failure | None) -> None:  # noqa: ANN401
    assert failure_of(made) is expected
    assert explained(made)["failure"] == (expected.value if expected else "")


def test_every_failure_and_outcome_is_reached_and_has_words() -> None:
    assert {expected for _, expected in CASES} == {None, *Failure}
    assert {made["outcome"] for made, _ in CASES} == {outcome.value for outcome in Outcome}
    assert list(WORDS["failures"]) == [failure.value for failure in Failure]


def slow_loop(tokens: list[int]) -> tuple[int, int]:
    """Try every period and every length, an obvious way."""
    best = (0, 0)
    for period, length in itertools.product(range(1, 65), range(24, len(tokens) + 1)):
        end = tokens[len(tokens) - length :]
        repeats = all(end[i] == end[i - period] for i in range(period, length))
        if repeats and length >= 3 * period and length - period > best[1]:
            best = (period, length - period)
    return best


def test_loops_are_found_as_by_trying_everything() -> None:
    generator = random.Random(1)
    for _ in range(150):
        period = generator.randint(1, 30)
        piece = [generator.randint(0, 3) for _ in range(period)]
        start = [generator.randint(0, 3) for _ in range(generator.randint(0, 20))]
        tokens = (start + piece * generator.randint(1, 6))[: generator.randint(1, 120)]
        assert loop_of(tokens) == slow_loop(tokens)


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ([], (0, 0)),
        ([7] * 23, (0, 0)),
        ([7] * 24, (1, 23)),
        ([1, 2, 3] + [4, 5] * 12, (2, 22)),
        (list(range(64)) * 3, (64, 128)),
        (list(range(65)) * 3, (0, 0)),
        (list(range(100)), (0, 0)),
    ],
)
def test_loops(tokens: list[int], expected: tuple[int, int]) -> None:
    assert loop_of(tokens) == expected


def answer(task: str, made: dict[str, Any], kl: float | None = None) -> Any:  # noqa: ANN401
    reference = {"log_probability": -1.0, "tokens": 3, "bytes": 9, "keyword_ranks": []}
    more = {"parses": True, "error_nodes": 0, "leaves": 3, "repetition": 0.0, "tokens": 4}
    whole = {**made, **more, "completion": "x", "edit_similarity": 1.0, "wall_s": 0.1, "cpu_s": 0.1}
    return {
        "task": task, "language": "python", "level": 1, "idea": task, "style": "raw",
        "prompt": "", "prompt_tokens": [1], "samples": [{**whole, "thinking": "", "seed": 0}],
        "reference": reference if kl is None else {**reference, "kl": kl},
    }  # fmt: skip


def test_failures_are_counted_beside_outcomes() -> None:
    answers = [answer(f"t{i}", made) for i, (made, _) in enumerate(CASES)]
    rows = [row for row in measurements(answers, model="m") if row.metric == "samples"]
    found = {row.group: row.value for row in rows}
    for failure in Failure:
        expected = sum(kind is failure for _, kind in CASES)
        assert found[f"failure={failure.value}"] == expected
    assert found["outcome=passed"] == 2


def test_lost_tasks_tell_form_from_thought_and_go_along_with_damage() -> None:
    names = [task.name for task in few_tasks(6)]
    theirs = [answer(name, sample("passed")) for name in names]
    made = [sample("passed")] * 3 + [
        sample("no-code"),
        sample("wrong-answer"),
        sample("syntax-error"),
    ]
    ours = [
        answer(name, one, kl=i / 10) for i, (name, one) in enumerate(zip(names, made, strict=True))
    ]
    rows, exhibits = beside([(info("q", 1.0), ours)], info("base", 2.0), theirs)
    (flips,) = exhibits
    assert flips.content["lost"] == names[3:]
    assert flips.content["lost_by_form"] == [names[3], names[5]]
    (along,) = (row for row in rows if row.metric == "flip_agreement")
    # ranks 1..6 beside 2,2,2,5,5,5: 13.5 / sqrt(17.5 * 13.5)
    assert along.value == pytest.approx(13.5 / (17.5 * 13.5) ** 0.5)
    assert (along.n, along.model, along.reference) == (6, "q", "base")
    assert set(Failure) > OF_FORM
