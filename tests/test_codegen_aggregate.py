"""What follows from the answers to single tasks, and how they are kept."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from codegen_samples import few_tasks
from full_disk import largest_file
from run_samples import info

from pyengine.code.aggregate import beside, link, measurements, notes_of, passes
from pyengine.code.answers import Answer, Outcome, Sample
from pyengine.code.store import TaskStore
from pyengine.commands.output import estimate
from pyengine.errors import InputError
from pyengine.run.measurement import Measurement


def sample(outcome: Outcome, *, seed: int = 0, finish: str = "stopped") -> Sample:
    return Sample(
        seed=seed,
        completion="x",
        whole=False,
        thinking="",
        trimmed=False,
        finish=finish,
        tokens=4,
        log_probabilities=[-0.5],
        outcome=outcome.value,
        reason="",
        detail="",
        wall_s=0.1,
        cpu_s=0.1,
        parses=outcome is Outcome.PASSED,
        error_nodes=0,
        leaves=10,
        repetition=0.0,
        edit_similarity=0.5,
    )


def answer(
    name: str, outcomes: list[Outcome], *, language: str = "python", level: int = 1
) -> Answer:
    return Answer(
        task=name,
        language=language,
        level=level,
        style="raw",
        prompt="def f",
        prompt_tokens=[1],
        samples=[sample(outcome, seed=seed) for seed, outcome in enumerate(outcomes)],
    )


REFERENCE: dict[str, Any] = {
    "log_probability": -10.0,
    "tokens": 5,
    "bytes": 10,
    "keyword_ranks": [1, 4],
}
Rows = dict[tuple[str, str], Measurement]


def scored(answers: list[Answer]) -> list[Answer]:
    """Return the answers with what a model says of their references."""
    return [{**item, "reference": REFERENCE} for item in answers]


def measured(answers: list[Answer]) -> Rows:
    rows = measurements(scored(answers), model="m", seed=0)
    return {(row.metric, row.group): row for row in rows}


GOOD, BAD, SKIP = Outcome.PASSED, Outcome.WRONG_ANSWER, Outcome.SKIPPED


def test_aggregates() -> None:
    found = measured([answer("a", [GOOD]), answer("b", [BAD]), answer("c", [SKIP])])
    solved = found["tasks_solved", ""]
    assert (solved.value, solved.n) == (1, 2)
    passed = found["pass_at_1", ""]
    assert (passed.value, passed.interval, passed.n) == (0.5, "wilson", 2)
    probability = found["reference_log_probability", ""]
    assert (probability.value, probability.n, probability.n_clusters) == (-2.0, 15, 3)
    assert found["reference_bits_per_byte", ""].value == pytest.approx(1 / math.log(2))
    assert found["keyword_first", ""].value == 0.5
    assert found["keyword_rank", ""].value == pytest.approx(2.0)
    counts = {key[1]: row.value for key, row in found.items() if key[0] == "samples"}
    assert counts == {"outcome=passed": 1, "outcome=wrong-answer": 1, "outcome=skipped": 1}
    assert found["samples", "outcome=passed"].n == 3


def test_groups_by_language_and_level() -> None:
    answers = [answer("a", [GOOD]), answer("b", [BAD], language="c", level=2)]
    answers.append(answer("d", [BAD], language="c"))
    found = measured(answers)
    values = {key[1]: row.value for key, row in found.items() if key[0] == "pass_at_1"}
    assert values == {
        "": pytest.approx(1 / 3),
        "language=python": 1.0,
        "language=c": 0.0,
        "level=1": 0.5,
        "level=2": 0.0,
    }
    assert found["samples", "language=c;outcome=wrong-answer"].value == 2
    assert not any(group for _, group in measured(answers[1:2]) if "outcome" not in group)


def test_pass_at_k_over_samples() -> None:
    answers = [answer("a", [GOOD, BAD, BAD, BAD, BAD]), answer("b", [BAD] * 5)]
    found = {row.metric: row for row in passes(answers, model="m", seed=0)}
    assert found["pass_at_1"].value == pytest.approx(0.1)
    assert found["pass_at_5"].value == pytest.approx(0.5)
    assert found["pass_at_5"].interval == "bootstrap"
    assert set(found) == {"pass_at_1", "pass_at_5"}


def test_tasks_that_are_all_alike_are_no_certainty() -> None:
    """Resampling zeros gives zeros; the rate of twelve failed tasks is still not known to be 0."""
    found = measured([answer(str(i), [BAD] * 3) for i in range(12)])
    for share in (found["pass_at_1", ""], found["parse_share", ""]):
        assert (share.value, share.low) == (0.0, 0.0)
        assert share.high == pytest.approx(0.2425, abs=1e-4)  # Wilson's for 0 of 12
        assert share.interval == "wilson"
    solved = measured([answer(str(i), [GOOD] * 3) for i in range(12)])
    assert solved["pass_at_1", ""].low == pytest.approx(1 - 0.2425, abs=1e-4)
    assert found["edit_similarity", ""].interval == "bootstrap"


def test_without_references_there_are_no_numbers_of_them() -> None:
    rows = measurements([answer("a", [GOOD]), answer("b", [BAD])], model="m", seed=0)
    metrics = {row.metric for row in rows}
    assert "parse_share" in metrics
    assert not metrics & {"reference_log_probability", "keyword_first", "keyword_rank"}


def test_suspicious_zeros_are_noted() -> None:
    found = list(notes_of([answer(str(i), [BAD]) for i in range(12)], model="m"))
    assert [note.code for note in found] == ["none-solved"]
    assert found[0].values == {
        "n_tasks": 12,
        "outcome": "wrong-answer",
        "n": 12,
        "n_samples": 12,
    }
    assert list(notes_of([answer("a", [GOOD])], model="m")) == []


def test_answers_that_were_cut_are_noted() -> None:
    cut = answer("a", [GOOD])
    cut["samples"] = [sample(GOOD, finish="length")]
    thought = answer("b", [BAD])
    thought["samples"][0]["thinking"], thought["samples"][0]["completion"] = "hm", " "
    found = {note.code: note.values for note in notes_of([cut, thought], model="m")}
    assert found == {
        "ended-by-budget": {"n": 1, "n_samples": 2},
        "ended-in-thinking": {"n": 1, "n_samples": 2},
    }


def answered(passing: set[int]) -> list[Answer]:
    return scored([answer(f"t{i}", [GOOD if i in passing else BAD]) for i in range(12)])


def test_pairs() -> None:
    better, worse = answered(set(range(9))), answered({11})
    models = {"model": info("worse", 1.0), "reference": info("better", 1.0)}
    rows, exhibit = beside(worse, better, **models, seed=0)
    found = {row.metric: row for row in rows}
    assert exhibit.content == {"lost": [f"t{i}" for i in range(9)], "gained": ["t11"]}
    assert (found["tasks_lost"].value, found["tasks_gained"].value) == (9, 1)
    assert found["mcnemar_p"].value == pytest.approx(0.021484375)
    sides = [row for row in rows if not row.metric.endswith("_change")]
    assert {(row.model, row.reference, row.n) for row in sides} == {("worse", "better", 12)}
    assert found["pass_at_1_change"].value == pytest.approx(-8 / 12)
    assert "keyword_rank_change" not in found
    same = {row.metric: row for row in beside(worse, worse, **models, seed=0)[0]}
    for name in ("pass_at_1", "parse_share", "keyword_first"):
        row = same[f"{name}_change"]
        assert (row.value, row.interval) == (0.0, "wilson")
        assert row.high == -row.low == pytest.approx(0.2425, abs=1e-4)
    assert same["error_nodes_change"].high == 0.0


def test_two_tokenizers_share_no_log_probability() -> None:
    model = info("other", 1.0)
    changed = model.model_copy(update={"vocabulary_sha256": "another"})
    rows, _ = beside(answered({2}), answered({1}), model=changed, reference=model, seed=0)
    metrics = {row.metric for row in rows}
    assert "reference_bits_per_byte_change" in metrics
    assert "reference_log_probability_change" not in metrics


def test_links() -> None:
    rows: list[Measurement] = []
    for step in range(6):
        name = f"v{step}"
        rows += [Measurement("kl", name, "r", "", float(step))]
        rows += [Measurement("keyword_mass_shift", name, "r", "", 0.1)]
        rows += [Measurement("jensen_shannon", name, "r", "start=cold", 0.5 * step)]
        rows += [Measurement("reference_log_probability", name, "", "", -2.0 - step)]
    found = {(row.members["token"], row.members["code"]): row for row in link(rows)}
    assert len(found) == 20
    rho = found["kl", "reference_log_probability"]
    assert rho.value == pytest.approx(-1.0)
    assert (rho.n, rho.interval) == (6, "fisher")
    unknown = found["keyword_mass_shift", "reference_log_probability"]
    assert math.isnan(unknown.value)
    assert unknown.interval == ""
    assert list(link(rows[:12])) == []


def test_the_running_estimate() -> None:
    answers = [answer("a", [GOOD]), answer("b", [BAD])]
    assert estimate("m", answers) == "m: 1 solved (9 to 91 %)"
    assert estimate("m", []) == "m"


def test_store_survives_a_damaged_file_and_a_changed_task(tmp_path: Path) -> None:
    first, second = few_tasks(2)
    store = TaskStore(tmp_path, "k" * 64)
    store.folder.mkdir()
    for task, name in ((first, "a"), (second, "b")):
        store.put(task, answer(name, [GOOD]))
    changed = first.model_copy(update={"tests": "assert True"})
    again = TaskStore(tmp_path, "k" * 64)
    assert again.get(first) == answer("a", [GOOD])
    assert again.get(changed) is None
    for path in store.folder.iterdir():
        path.write_bytes(path.read_bytes()[:-9])
    assert [again.get(task) for task in (first, second)] == [None, None]
    again.put(first, answer("a", [GOOD]))
    assert again.get(first) == answer("a", [GOOD])
    again.forget(first)
    assert again.get(first) is None


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    store, (task,) = TaskStore(tmp_path, "k" * 64), few_tasks(1)
    store.folder.mkdir()
    with largest_file(10), pytest.raises(InputError, match="cannot be written"):
        store.put(task, answer("a", [GOOD]))
    assert list(store.folder.iterdir()) == []


def test_an_answer_may_be_replaced(tmp_path: Path) -> None:
    store, (task,) = TaskStore(tmp_path, "k" * 64), few_tasks(1)
    store.folder.mkdir()
    for outcome in (SKIP, GOOD):
        store.put(task, answer("a", [outcome]))
        assert store.get(task) == answer("a", [outcome])


def test_an_answer_that_is_not_sound_is_measured_again(tmp_path: Path) -> None:
    store, (task,) = TaskStore(tmp_path, "k" * 64), few_tasks(1)
    store.folder.mkdir()
    store.put(task, answer("a", [GOOD]))
    (path,) = store.folder.iterdir()
    whole = json.loads(path.read_text())
    without = {key: value for key, value in whole.items() if key != "samples"}
    damaged: list[Any] = [without, {**whole, "prompt_tokens": ["1"]}, {**whole, "key": "b"}, [], 5]
    for content in damaged:
        path.write_text(json.dumps(content))
        assert store.get(task) is None
    path.write_text(json.dumps(whole))
    assert store.get(task) == answer("a", [GOOD])
