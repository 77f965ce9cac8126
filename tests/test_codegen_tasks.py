"""The shipped tasks: every reference passes, every wrong one fails."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from codegen_samples import TASK_FILE
from pydantic import ValidationError

from pyengine.code.answers import Outcome
from pyengine.code.completions import CompletionStop, completion_of
from pyengine.code.execution import execute
from pyengine.code.languages import LANGUAGES
from pyengine.code.sandbox import Sandbox
from pyengine.code.tasks import (
    Task,
    TaskFileError,
    fill_in_the_middle,
    load_task_file,
    own_tasks,
    sample_of,
)
from pyengine.report.sentences.notes import note_sentence
from pyengine.run import Note


def test_counts_and_levels() -> None:
    tasks = own_tasks()
    counts = Counter(task.language for task in tasks)
    assert counts["python"] >= 40
    assert all(counts[name] == 10 for name in LANGUAGES if name != "python")
    assert {task.level for task in tasks if task.language == "python"} == {1, 2, 3, 4, 5}
    assert all(task.wrong for task in tasks)
    assert len({task.name for task in tasks}) == len(tasks)


def test_tasks_in_several_languages_share_their_idea() -> None:
    """Ten ideas are in eight or nine languages, once in each; Python has 33 of its own."""
    tasks = own_tasks()
    assert all(task.idea for task in tasks)
    languages: dict[str, list[str]] = {}
    for task in tasks:
        languages.setdefault(task.cluster, []).append(task.language)
    assert Counter(map(len, languages.values())) == {9: 8, 8: 2, 1: 33}
    assert all(len(set(named)) == len(named) for named in languages.values())
    entries = {
        idea: {task.entry_point for task in tasks if task.idea == idea and task.language == "c"}
        for idea, named in languages.items()
        if len(named) > 1
    }
    assert all(found == {idea} for idea, found in entries.items())


@pytest.mark.parametrize("n", [9, 20, 60])
def test_a_sample_has_its_share_of_every_language_and_level(n: int) -> None:
    tasks = own_tasks()
    counts: Counter[tuple[str, int]] = Counter()
    for seed in range(200):
        some = sample_of(tasks, n, seed)
        assert len(some) == n
        assert some == [task for task in tasks if task in some]
        counts.update((task.language, task.level) for task in some)
    for stratum, size in Counter((task.language, task.level) for task in tasks).items():
        assert counts[stratum] / 200 == pytest.approx(n * size / len(tasks), rel=0.25, abs=0.15)


def test_every_task_is_as_likely_in_a_sample_and_smaller_ones_are_part_of_larger() -> None:
    tasks = own_tasks(["python", "c"])
    counts: Counter[str] = Counter()
    for seed in range(400):
        few, more = sample_of(tasks, 10, seed), sample_of(tasks, 25, seed)
        assert all(task in more for task in few)
        counts.update(task.name for task in few)
    expected = 400 * 10 / len(tasks)
    assert min(counts[task.name] for task in tasks) > 0.6 * expected
    assert max(counts.values()) < 1.5 * expected
    assert sample_of(tasks, len(tasks), 5) == tasks
    assert sample_of(tasks, 1000, 5) == tasks
    assert sample_of(tasks, 10, 0) != sample_of(tasks, 10, 1)


def test_a_task_without_an_idea_is_one_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "tasks.toml"
    path.write_text(TASK_FILE)
    (task,) = load_task_file(path)
    assert (task.idea, task.cluster) == ("", "one")
    path.write_text(TASK_FILE + 'idea = "constant"\n')
    (task,) = load_task_file(path)
    assert task.cluster == "constant"


@pytest.mark.parametrize("language", LANGUAGES)
def test_references_pass_and_wrong_ones_fail(language: str, sandbox: Sandbox) -> None:
    if missing := LANGUAGES[language].missing():
        pytest.skip(f"not here: {missing}")
    tasks = own_tasks([language])

    def both(task: Task) -> tuple[Outcome, Outcome]:
        assert task.wrong is not None
        right = execute(task, task.reference, sandbox=sandbox).outcome
        return right, execute(task, task.wrong, sandbox=sandbox).outcome

    with ThreadPoolExecutor(2) as pool:
        outcomes = dict(zip((task.name for task in tasks), pool.map(both, tasks), strict=True))
    assert [name for name, (right, _) in outcomes.items() if right is not Outcome.PASSED] == []
    failed = (Outcome.WRONG_ANSWER, Outcome.EXCEPTION)
    assert [name for name, (_, wrong) in outcomes.items() if wrong not in failed] == []


def test_a_missing_toolchain_skips_by_name(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyengine.code.languages.find_tool", lambda _: None)
    task = own_tasks(["rust"])[0]
    execution = execute(task, task.reference, sandbox=sandbox)
    assert execution.outcome is Outcome.SKIPPED
    assert execution.reason == "toolchain"
    note = Note(code="language-skipped", values={"language": "rust", "tools": ["rustc"]})
    assert (
        note_sentence(note) == "Not executed, Rust: rustc not found: install Rust (Debian: rustc)"
    )


def test_fill_in_the_middle_keeps_the_program() -> None:
    made = [(task, fill_in_the_middle(task)) for task in own_tasks(["python", "c"])]
    holes = [(task, hole) for task, hole in made if hole is not None]
    assert len(holes) > 10
    for task, hole in holes:
        assert hole.solution(hole.reference) == task.solution(task.reference)
        assert hole.suffix.startswith("\n")
        assert hole.reference.strip()
        assert "\n" not in hole.reference


def test_the_right_line_in_the_hole_makes_the_program_whole() -> None:
    """From what a model writes, through the stop rule: a newline too many would break Python."""
    for task in own_tasks(["python", "c"]):
        hole = fill_in_the_middle(task)
        if hole is None:
            continue
        stop = CompletionStop(hole)
        for after in (b"", b"\nand on it goes\n"):
            written = hole.reference.encode() + after
            assert stop(written) == bool(after)
            completion, _ = completion_of(hole, written, end=stop.end, cut_off=False)
            assert hole.solution(completion) == task.solution(task.reference)


def test_holes_are_written_lines_and_those_of_a_user_stay() -> None:
    task = own_tasks(["python"])[0]
    gaps = task.model_copy(update={"reference": "    a = 1\n    b = 2\n\n\n    return a + b\n"})
    made = fill_in_the_middle(gaps)
    assert made is not None
    assert made.reference == "    b = 2"
    assert fill_in_the_middle(task.model_copy(update={"reference": "    a\n\n    b\n"})) is None
    own = task.model_copy(update={"reference": "    x = a", "suffix": "\n    return x + b\n"})
    assert fill_in_the_middle(own) == own


def test_a_file_written_by_hand(tmp_path: Path, sandbox: Sandbox) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TASK_FILE, encoding="utf-8")
    (task,) = load_task_file(path)
    assert execute(task, task.reference, sandbox=sandbox).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('tests = "assert f() == 1"\n', ""), "tests"),
        (('language = "python"', 'language = "cobol"'), "cobol"),
        (('language = "python"', 'language = "c"'), "expected"),
        (('name = "one"', 'nmae = "one"'), "nmae|name"),
        (("[[task]]", "[[tasks]]"), "no \\[\\[task"),
        (("[[task]]", "[task"), "TOML"),
        (('language = "python"', 'language = "python"\nstop = ["x"]'), "stop must stand within"),
        (('language = "python"', "task = [1, 2]"), "TOML|no \\[\\[task"),
        (('name = "one"', 'name = "one"\nstop = [""]'), "stop"),
        (('name = "one"', 'name = "o\\u001b[31mne"'), r"'o\\x1b\[31mne': name"),
        (("def f():", "def f(): "), "white space"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TASK_FILE.replace(*change), encoding="utf-8")
    with pytest.raises(TaskFileError, match=message):
        load_task_file(path)


def test_entries_that_are_no_tables_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    for text in ("task = [1, 2]", "task = 'x'", "task = []", ""):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(TaskFileError, match="no \\[\\[task"):
            load_task_file(path)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TASK_FILE, encoding="utf-8-sig")
    assert len(load_task_file(path)) == 1


def test_two_tasks_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TASK_FILE + TASK_FILE.replace('language = "python"', ""), encoding="utf-8")
    with pytest.raises(TaskFileError, match="two tasks are called one"):
        load_task_file(path)


def test_tasks_are_frozen() -> None:
    with pytest.raises(ValidationError):
        own_tasks(["c"])[0].name = "other"
