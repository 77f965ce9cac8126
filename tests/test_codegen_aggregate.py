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
from pyengine.code.store import TaskStore, fingerprint
from pyengine.commands.output import estimate
from pyengine.errors import InputError
from pyengine.run.measurement import Measurement


def sample(outcome: Outcome, *, seed: int = 0, finish: str = "stopped") -> Sample:
    return Sample(
        seed=seed,
        text="x",
        form="continuation",
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
    name: str,
    outcomes: list[Outcome],
    *,
    language: str = "python",
    level: int = 1,
    idea: str = "",
) -> Answer:
    return Answer(
        task=name,
        language=language,
        level=level,
        idea=idea or name,
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
    rows = measurements(scored(answers), model="m")
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
    assert counts == {
        **dict.fromkeys(("outcome=passed", "outcome=wrong-answer", "outcome=skipped"), 1),
        "failure=assertion": 1,
    }
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
    groups = {group for _, group in measured(answers[1:2])}
    assert groups == {"", "outcome=wrong-answer", "failure=assertion"}


def test_pass_at_k_over_samples() -> None:
    answers = [answer("a", [GOOD, BAD, BAD, BAD, BAD]), answer("b", [BAD] * 5)]
    found = {row.metric: row for row in passes(answers, model="m")}
    assert found["pass_at_1"].value == pytest.approx(0.1)
    assert found["pass_at_5"].value == pytest.approx(0.5)
    assert found["pass_at_5"].interval == "wilson"
    assert (found["pass_at_1"].n, found["pass_at_1"].n_clusters) == (2, 2)
    assert set(found) == {"pass_at_1", "pass_at_5"}


def test_tasks_that_are_all_alike_are_no_certainty() -> None:
    """The rate of twelve failed tasks is still not known to be 0."""
    found = measured([answer(str(i), [BAD] * 3) for i in range(12)])
    for share in (found["pass_at_1", ""], found["parse_share", ""]):
        assert (share.value, share.low) == (0.0, 0.0)
        assert share.high == pytest.approx(0.2876, abs=1e-4)  # Wilson's for 0 of 12, t of 11
        assert share.interval == "wilson"
    solved = measured([answer(str(i), [GOOD] * 3) for i in range(12)])
    assert solved["pass_at_1", ""].low == pytest.approx(1 - 0.2876, abs=1e-4)
    assert found["error_nodes", ""].interval == "t"


def test_ends_of_intervals_are_possible_values() -> None:
    wild = [answer(str(i), [BAD]) for i in range(12)]
    wild[0]["samples"][0]["error_nodes"] = 9
    found = measured(wild)
    row = found["error_nodes", ""]
    assert row.low == 0.0 < row.value < row.high
    wilder = scored(wild)
    wilder[0]["reference"] = {**REFERENCE, "log_probability": -900.0, "keyword_ranks": [1, 9000]}
    rows = {row.metric: row for row in measurements(wilder, model="m")}
    assert rows["reference_log_probability"].high == 0.0
    assert rows["reference_bits_per_byte"].low == 0.0
    assert rows["keyword_rank"].low >= 1.0


def test_tasks_of_one_idea_are_one_cluster() -> None:
    """Two ideas in six languages each tell less than twelve tasks of their own."""
    languages = ["c", "cpp", "go", "java", "php", "rust"]
    shared = [
        answer(f"{language}/{idea}", [outcome], language=language, idea=idea)
        for language in languages
        for idea, outcome in (("add", GOOD), ("gcd", BAD), ("sum", BAD))
    ]
    own = [{**item, "idea": item["task"]} for item in shared]
    together, apart = measured(shared), measured(own)  # type: ignore[arg-type]
    for metric in ("pass_at_1", "parse_share", "reference_bits_per_byte", "keyword_first"):
        assert together[metric, ""].n_clusters == 3
        assert apart[metric, ""].n_clusters == 18
    row, other = together["pass_at_1", ""], apart["pass_at_1", ""]
    assert row.value == other.value
    assert row.high - row.low > 1.5 * (other.high - other.low)
    assert (together["tasks_solved", ""].n, together["tasks_solved", ""].n_clusters) == (18, 3)
    assert together["tasks_solved", "language=c"].n_clusters == 3
    assert together["samples", "outcome=passed"].n_clusters == 3


def test_without_references_there_are_no_numbers_of_them() -> None:
    rows = measurements([answer("a", [GOOD]), answer("b", [BAD])], model="m")
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
    thought["samples"] = [{**sample(BAD, finish="length"), "thinking": "hm", "open_thought": True}]
    found = {note.code: note.values for note in notes_of([cut, thought], model="m")}
    assert found == {
        "ended-by-budget": {"n": 1, "n_samples": 2},
        "ended-in-thinking": {"n": 1, "n_samples": 2},
    }


def test_tokens_of_thoughts_and_of_answers_are_told_apart() -> None:
    """Of two ideas: one thinks 3 of 4 tokens, the other not; means 1.5 and 2.5, t with 1 degree."""
    some = [answer("a", [GOOD]), answer("b", [BAD])]
    some[0]["samples"][0]["thought_tokens"] = 3
    found = measured(some)
    thoughts, rest = found["thought_tokens", ""], found["answer_tokens", ""]
    assert (thoughts.value, rest.value) == (1.5, 2.5)
    assert (thoughts.low, thoughts.n, thoughts.interval) == (0.0, 2, "t")
    assert thoughts.high == pytest.approx(1.5 + 12.7062 * 1.5, rel=1e-4)
    changes, _ = beside([(info("m", 1.0), some)], info("base", 2.0), [answer("a", [GOOD]), some[1]])
    told = {row.metric: row.value for row in changes}
    assert (told["thought_tokens_change"], told["answer_tokens_change"]) == (1.5, -1.5)


def test_tokens_of_thoughts_that_were_not_counted_are_not_made_up() -> None:
    old = [answer("a", [GOOD]), answer("b", [BAD])]
    old[0]["samples"][0]["thinking"] = "hm"
    assert not {metric for metric, _ in measured(old)} & {"thought_tokens", "answer_tokens"}


def answered(passing: set[int]) -> list[Answer]:
    return scored([answer(f"t{i}", [GOOD if i in passing else BAD]) for i in range(12)])


def compared(
    variants: dict[str, list[Answer]], others: list[Answer]
) -> tuple[dict[tuple[str, str], Measurement], dict[str, Any]]:
    models = [(info(name, 1.0), answers) for name, answers in variants.items()]
    rows, exhibits = beside(models, info("base", 1.0), others)
    assert {row.reference for row in rows} == {"base"}
    flips = {exhibit.model: exhibit.content for exhibit in exhibits}
    return {(row.model, row.metric): row for row in rows}, flips


def test_pairs() -> None:
    better, worse = answered(set(range(9))), answered({11})
    found, flips = compared({"m": worse}, better)
    assert flips == {
        "m": {"lost": [f"t{i}" for i in range(9)], "gained": ["t11"], "lost_by_form": []}
    }
    assert (found["m", "tasks_lost"].value, found["m", "tasks_gained"].value) == (9, 1)
    assert found["m", "mcnemar_p"].value == pytest.approx(0.021484375)
    assert {found["m", name].n for name in ("tasks_lost", "tasks_gained", "mcnemar_p")} == {12}
    change = found["m", "pass_at_1_change"]
    assert change.value == pytest.approx(-8 / 12)
    assert (change.level, change.high < 0, change.low >= -1) == (0.95, True, True)
    assert ("m", "keyword_rank_change") not in found
    same, _ = compared({"m": worse}, worse)
    for name in ("pass_at_1", "parse_share", "keyword_first"):
        row = same["m", f"{name}_change"]
        assert (row.value, row.interval) == (0.0, "t")
        assert row.high == -row.low > 0.05
    assert same["m", "error_nodes_change"].high == 0.0
    assert same["m", "mcnemar_p"].value == 1.0


def test_more_variants_ask_for_more() -> None:
    """Nine lost of ten is told of one variant; of three it is not, and the interval says so too."""
    better, worse = answered(set(range(9))), answered({11})
    alone, _ = compared({"a": worse}, better)
    three, _ = compared({"a": worse, "b": worse, "c": worse}, better)
    assert three["a", "mcnemar_p"].value == alone["a", "mcnemar_p"].value < 0.05
    assert alone["a", "pass_at_1_change"].high < 0
    row = three["a", "pass_at_1_change"]
    assert row.level == pytest.approx(1 - 0.05 / 3)
    assert row.high >= 0
    mixed, _ = compared({"a": answered(set()), "b": better}, better)
    assert mixed["a", "pass_at_1_change"].level == pytest.approx(0.975)
    assert mixed["b", "pass_at_1_change"].level == pytest.approx(0.95)


def test_a_loss_in_all_languages_of_one_idea_is_one_loss() -> None:
    def asked(lost: str, n_ideas: int = 8) -> list[Answer]:
        return scored(
            [
                answer(f"{language}/{idea}", [BAD if str(idea) == lost else GOOD], idea=str(idea))
                for language in ("c", "go", "java", "php", "rust", "ruby")
                for idea in range(n_ideas)
            ]
        )

    found, flips = compared({"m": asked("3")}, asked(""))
    assert len(flips["m"]["lost"]) == 6
    assert found["m", "mcnemar_p"].value == 1.0
    assert found["m", "tasks_lost"].n_clusters == 8
    row = found["m", "pass_at_1_change"]
    assert row.low < 0 <= row.high


def test_only_tasks_that_ran_for_both_are_compared() -> None:
    mine = [answer("a", [GOOD]), answer("b", [SKIP]), answer("c", [BAD])]
    theirs = [answer("a", [BAD]), answer("b", [GOOD]), answer("c", [BAD])]
    found, flips = compared({"m": mine}, theirs)
    assert flips == {"m": {"lost": [], "gained": ["a"], "lost_by_form": []}}
    assert found["m", "pass_at_1_change"].value == 0.5
    nothing, _ = compared({"m": [answer("a", [SKIP])]}, [answer("a", [GOOD])])
    assert nothing["m", "tasks_lost"].n == 0
    assert math.isnan(nothing["m", "mcnemar_p"].value)


def test_two_tokenizers_share_no_log_probability() -> None:
    model = info("other", 1.0)
    changed = model.model_copy(update={"vocabulary_sha256": "another"})
    rows, _ = beside([(changed, answered({2}))], model, answered({1}))
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
    assert estimate("m", answers) == "m: pass@1 50 % (0 to 100 %)"
    assert estimate("m", answers[:1]) == "m: pass@1 100 %"
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


def test_what_an_older_reader_kept_is_not_taken_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (task,) = few_tasks(1)
    with monkeypatch.context() as older:
        older.setattr("pyengine.code.store.FORMAT", 2)  # before thoughts were counted
        then = TaskStore(tmp_path, fingerprint({"model": "a"}))
        then.folder.mkdir()
        then.put(task, answer("a", [GOOD]))
        assert then.get(task) is not None
    assert TaskStore(tmp_path, fingerprint({"model": "a"})).get(task) is None


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
