"""Asking until it is decided which models solve more: how often it errs, and what it asks."""

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from codegen_samples import options

from pyengine.choose.evaluation import standings, stopping
from pyengine.code.answers import Answer
from pyengine.code.evaluation import Evaluation
from pyengine.code.sandbox import open_sandbox
from pyengine.code.task_ratios import Change, corrected
from pyengine.code.tasks import Task, ideas_as_drawn, own_tasks, sample_of
from pyengine.report.evaluate_view import evaluate_document
from pyengine.report.terminal import render_terminal
from pyengine.run.record import Run
from pyengine.statistics.estimates import Estimate
from pyengine.statistics.looks import look_points
from pyengine.statistics.success import clustered_share_change, sign_flip_p

Floats = npt.NDArray[np.float64]
MARGIN = 0.1


def change_of(differences: Floats) -> Change:
    """What single tasks say of a variant: its change at any level, and the exact p-value."""
    change = partial(clustered_share_change, differences, np.ones(len(differences)))
    return lambda level: change(level=level), sign_flip_p([round(d) for d in differences])


def is_decided(estimate: Estimate) -> bool:
    """Whether zero lies outside, or all of the interval within the margin."""
    outside = not estimate.low <= 0.0 <= estimate.high
    return outside or max(-estimate.low, estimate.high) <= MARGIN


def stopped(differences: Floats, points: list[int]) -> tuple[int, list[Estimate]]:
    """At which look all variants are decided, and the intervals that are printed then."""
    found: list[Estimate] = []
    for n in points:
        found = corrected(
            "pass_at_1", [change_of(row[:n]) for row in differences], looks=len(points)
        )
        if all(map(is_decided, found)):
            break
    return n, found


@pytest.mark.parametrize(("lost", "gained"), [(0.1, 0.1), (0.3, 0.3), (0.1, 0.0), (0.2, 0.05)])
def test_what_is_printed_after_stopping_errs_as_seldom_as_it_claims(
    lost: float, gained: float
) -> None:
    """Three variants that lose and gain so often, of 96 tasks at nine looks at most."""
    generator = np.random.default_rng(17)
    points, trials = look_points(96), 150
    truth, wrong, missed, asked = gained - lost, 0, 0, 0
    for _ in range(trials):
        turns = generator.random((3, 96))
        differences = (turns < gained).astype(np.float64) - (turns > 1 - lost)
        n, found = stopped(differences, points)
        asked += n
        told = [e for e in found if not e.low <= 0.0 <= e.high]
        alike = [e for e in found if max(-e.low, e.high) <= MARGIN]
        wrong += any(np.sign(e.value) != np.sign(truth) for e in told)
        wrong += abs(truth) >= MARGIN and bool(alike)
        missed += sum(not e.low <= truth <= e.high for e in found)
    assert wrong / trials <= 0.06  # of the family of three
    assert missed / (3 * trials) <= 0.06
    assert asked / trials < 96 or truth == 0.0


def test_ideas_are_drawn_whole_and_evenly() -> None:
    tasks = own_tasks()
    drawn = ideas_as_drawn(tasks, 3)
    assert sorted(t.name for members in drawn for t in members) == sorted(t.name for t in tasks)
    assert all(len({task.cluster for task in members}) == 1 for members in drawn)
    assert len(drawn) == len({task.cluster for task in tasks})
    assert drawn == ideas_as_drawn(tasks, 3) != ideas_as_drawn(tasks, 4)
    every, some = (Counter(members[0].level for members in part) for part in (drawn, drawn[:12]))
    assert all(abs(some[level] - 12 * n / len(drawn)) < 2 for level, n in every.items())
    single = own_tasks(["python"])
    first = [members[0] for members in ideas_as_drawn(single, 5)[:12]]
    assert sorted(t.name for t in first) == sorted(t.name for t in sample_of(single, 12, 5))


def evaluated(folder: Path, model: Path, progress: Any = None, **changes: Any) -> Run:  # noqa: ANN401
    """Evaluate a model beside itself until that is decided."""
    chosen = options(folder, until_decided=True, max_tokens=6, **changes)
    told = {"progress": progress} if progress else {}
    evaluation = Evaluation(own_tasks(["python"]), "own", chosen, open_sandbox(), **told)
    return evaluation.run([model], reference=model)


def asked(run: Run) -> list[tuple[str, str]]:
    """The tasks of a run, and what was written."""
    return [(shown["task"], shown["samples"][0]["text"]) for shown in run.shown("answer")]


@pytest.mark.usefixtures("sandbox")
def test_a_model_is_like_itself_long_before_the_last_task(writer: Path, tmp_path: Path) -> None:
    run = evaluated(tmp_path / "a", writer, margin=0.5)
    drawn = ideas_as_drawn(own_tasks(["python"]), 0)
    told = {task.name for members in drawn[:12] for task in members}
    assert {name for name, _ in asked(run)} == told
    assert [run.options[name] for name in ("n_tasks", "most_tasks", "looks")] == [12, 41, 5]
    assert (stopping(run), standings(run)[run.models[1].id].side) == ("stopped", "alike")
    change = run.find("pass_at_1_change", run.models[1].id)
    assert change is not None
    assert (change.interval, change.level, change.n) == ("sequence", 0.95, 12)
    passed = run.find("pass_at_1", run.models[0].id)
    assert passed is not None
    assert passed.interval == "sequence"
    speed = run.find("writing_speed", run.models[0].id)  # the other has the same file's answers
    assert speed is not None
    assert speed.value > 0
    text = render_terminal(evaluate_document(run), width=100, color=False)
    assert "Stopped after 12 of 41 tasks" in text
    assert "within 50 points" in " ".join(text.split())


@pytest.mark.usefixtures("sandbox")
def test_one_that_was_ended_stops_where_it_would_have(writer: Path, tmp_path: Path) -> None:
    """Between two looks, and measured anew."""
    seen: list[int] = []

    def end(_model: str, done: int, _total: int, _answers: list[Answer]) -> None:
        seen.append(done)
        if done == 15:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluated(tmp_path / "a", writer, end, margin=0.38)
    assert max(seen) == 15
    resumed = evaluated(tmp_path / "a", writer, margin=0.38)
    whole = evaluated(tmp_path / "b", writer, margin=0.38, resume=False)
    assert asked(resumed) == asked(whole)
    assert 12 < resumed.options["n_tasks"] < 41
    assert resumed.options == whole.options


def test_tasks_of_no_variety_are_all_asked_in_the_end(writer: Path, tmp_path: Path) -> None:
    tasks: list[Task] = own_tasks(["python"])[:4]
    chosen = options(tmp_path, until_decided=True, max_tokens=4)
    run = Evaluation(tasks, "own", chosen, open_sandbox()).run([writer], reference=writer)
    assert [run.options[name] for name in ("n_tasks", "most_tasks", "looks")] == [4, 4, 1]
    assert stopping(run) == "undecided-by-all"
