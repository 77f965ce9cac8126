"""Tasks in every published form: right answers pass in each way of giving them, wrong ones fail."""

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from published_tasks import (
    BIGCODEBENCH,
    HUMANEVAL_PLUS,
    HUMANEVAL_X,
    KINDS,
    MBPP_PLUS,
    MULTIPL_E,
    WRONG,
    multipl_e,
)
from reference_answers import meaning

from pyengine.api.evaluate import evaluate
from pyengine.code import libraries
from pyengine.code.answers import Outcome
from pyengine.code.benchmarks import load_tasks
from pyengine.code.execution import Execution, execute
from pyengine.code.formats import FORMATS
from pyengine.code.known import known_tasks
from pyengine.code.languages import LANGUAGES
from pyengine.code.libraries import missing, modules, package_paths, require
from pyengine.code.reading import read_chat
from pyengine.code.sandbox import Isolation, Limits, Sandbox, works
from pyengine.code.tasks import Task, TaskFileError
from pyengine.errors import InputError

PATIENT = Limits(cpu_s=30, wall_s=60.0)


def load(tmp_path: Path, *records: dict[str, Any]) -> list[Task]:
    path = tmp_path / "tasks.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return load_tasks(path)


def ways(task: Task, solution: str) -> Iterator[tuple[str, str, bool]]:
    """Yield a right answer as a continuation, given whole, and as a body alone."""
    yield "raw", solution, False
    whole = f"Here:\n```{task.language}\n{task.prompt}{solution}\n```\n"
    for form, text in (("whole", whole), ("body", f"```{task.language}\n{solution}\n```\n")):
        found = read_chat(task, text)
        yield form, found.completion, found.whole


def outcomes(task: Task, solution: str, sandbox: Sandbox) -> dict[str, str]:
    """Say how each way fares; a program that two of them make runs once."""
    programs: dict[str, str] = {}
    found = {}
    for form, text, whole in ways(task, solution):
        program = meaning(task, task.solution(text, whole=whole))
        if program not in programs:
            ended = execute(task, text, sandbox=sandbox, limits=PATIENT, whole=whole)
            programs[program] = said(ended)
        found[form] = programs[program]
    return found


def said(execution: Execution) -> str:
    return " ".join([execution.outcome.value, execution.reason, execution.detail]).strip()


def require_language(language: str) -> None:
    if lacking := LANGUAGES[language].missing():
        pytest.skip(f"not here: {lacking}")


PASSED = {"raw": "passed", "whole": "passed", "body": "passed"}


@pytest.mark.parametrize("language", HUMANEVAL_X)
def test_humaneval_x_in_every_language(tmp_path: Path, sandbox: Sandbox, language: str) -> None:
    record = HUMANEVAL_X[language]
    (task,) = load(tmp_path, record)
    assert task.language == language
    assert task.entry_point.lower() == "twice"
    assert task.cluster == "HumanEval/900"
    require_language(language)
    assert missing(task) == ()
    assert outcomes(task, task.reference, sandbox) == PASSED


def test_java_strings_that_come_back_are_the_ones_that_went(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """Java/137's tests compare strings with ==, which is right of the argument itself."""
    require_language("java")
    record = {
        **HUMANEVAL_X["java"],
        "prompt": "import java.util.*;\n\nclass Solution {\n    public Object first(Object a) {\n",
        "canonical_solution": "        return a;\n    }\n}",
        "test": "public class Main {\n    public static void main(String[] args) {\n"
        '        if ((String) new Solution().first("2,3") != "2,3") throw new AssertionError();\n'
        "    }\n}",
    }
    (task,) = load(tmp_path, record)
    found = execute(task, task.reference, sandbox=sandbox, limits=PATIENT)
    assert found.outcome is Outcome.PASSED, said(found)
    wrong = '        return "3";\n    }\n}'
    found = execute(task, wrong, sandbox=sandbox, limits=PATIENT)
    assert found.outcome is Outcome.WRONG_ANSWER, said(found)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", HUMANEVAL_X)
def test_wrong_answers_of_each_kind_fail(
    tmp_path: Path, sandbox: Sandbox, language: str, kind: str
) -> None:
    (task,) = load(tmp_path, HUMANEVAL_X[language])
    require_language(language)
    body = WRONG[language].get(kind, "")
    limits = PATIENT
    if kind == "loop":
        limits = Limits(cpu_s=3 if LANGUAGES[language].build else 1, wall_s=20.0)
    found = execute(task, body, sandbox=sandbox, limits=limits)
    assert found.outcome.value in KINDS[kind], said(found)


@pytest.mark.parametrize("title", MULTIPL_E)
def test_multipl_e(tmp_path: Path, sandbox: Sandbox, title: str) -> None:
    solution = MULTIPL_E[title][1]
    (task,) = load(tmp_path, multipl_e(title))
    assert task.cluster == "HumanEval/900"
    assert task.entry_point == "twice"
    require_language(task.language)
    assert outcomes(task, solution, sandbox) == PASSED
    wrong = execute(task, solution.replace("2 *", "3 *"), sandbox=sandbox, limits=PATIENT)
    assert wrong.outcome is Outcome.WRONG_ANSWER, said(wrong)


def test_multipl_e_in_a_language_without_a_runner_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TaskFileError, match="not for lua"):
        load(tmp_path, {**multipl_e("py"), "language": "lua"})


@pytest.mark.parametrize(
    ("language", "test", "message"),
    [
        ("cpp", "int check(){ return 0; }", "no function main"),
        ("rust", "fn other() {}", "no function main and no module"),
        ("rust", "mod tests { fn a() {} }", "no function is marked"),
        ("rust", "mod t {\n#[test]\n#[should_panic]\nfn a() {}\n}", "must panic"),
        ("rust", "mod t {\n#[test]\nfn a() {}\n}\nmod u {\n#[test]\nfn b() {}\n}", "one module"),
        ("go", "func Check() {}", "no function is called Test"),
    ],
)
def test_tests_that_cannot_be_run_are_refused(
    tmp_path: Path, language: str, test: str, message: str
) -> None:
    with pytest.raises(TaskFileError, match=f"{HUMANEVAL_X[language]['task_id']}.*{message}"):
        load(tmp_path, {**HUMANEVAL_X[language], "test": test})


def test_bigcodebench_shares_its_process_with_the_solution(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    (task,) = load(tmp_path, BIGCODEBENCH)
    assert modules(task) == ("numpy",)
    assert task.instruction.startswith("Give the mean")
    assert outcomes(task, task.reference, sandbox) == PASSED
    wrong = {
        "    return sum(values)\n": Outcome.WRONG_ANSWER,
        "    return np.array([0, 0])\n": Outcome.WRONG_ANSWER,
        "    import os\n    os._exit(0)\n": Outcome.EXCEPTION,
        "    raise SystemExit(0)\n": Outcome.EXCEPTION,
        "    return np.mean(values\n": Outcome.SYNTAX_ERROR,
    }
    for body, outcome in wrong.items():
        found = execute(task, body, sandbox=sandbox, limits=PATIENT)
        assert found.outcome is outcome, (body, said(found))


def test_tests_without_one_are_not_passed(tmp_path: Path, sandbox: Sandbox) -> None:
    (task,) = load(tmp_path, {**BIGCODEBENCH, "test": "import unittest\n"})
    assert execute(task, task.reference, sandbox=sandbox).outcome is not Outcome.PASSED


def test_humaneval_plus_by_its_inputs(tmp_path: Path, sandbox: Sandbox) -> None:
    (task,) = load(tmp_path, HUMANEVAL_PLUS)
    assert outcomes(task, task.reference, sandbox) == PASSED
    near = execute(task, "    return n * 0.5 + 1e-9\n", sandbox=sandbox)
    assert near.outcome is Outcome.PASSED, said(near)
    wrong = execute(task, "    return n / 2 if n > -1 else 0.0\n", sandbox=sandbox)
    assert wrong.outcome is Outcome.WRONG_ANSWER
    assert "half(-3.0) gives 0.0, not -1.5" in wrong.detail
    base_only = {**HUMANEVAL_PLUS, "plus_input": None}
    (task,) = load(tmp_path, base_only)
    assert execute(task, "    return abs(n) / 2\n", sandbox=sandbox).outcome is Outcome.PASSED


def test_a_test_and_inputs_are_both_held(tmp_path: Path, sandbox: Sandbox) -> None:
    both = {**HUMANEVAL_PLUS, "test": "def check(candidate):\n    assert candidate(8.0) == 4.0\n"}
    (task,) = load(tmp_path, both)
    assert execute(task, task.reference, sandbox=sandbox).outcome is Outcome.PASSED
    for body in ("    return n / 2 if n != 8 else 0.0\n", "    return 4.0\n"):
        assert execute(task, body, sandbox=sandbox).outcome is Outcome.WRONG_ANSWER


def test_any_root_is_right_where_the_reference_gives_one_of_several(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    record = {
        "task_id": "HumanEval/32",
        "prompt": "def poly(xs, x):\n    return sum(c * x ** i for i, c in enumerate(xs))\n\n"
        "def find_zero(xs):\n",
        "entry_point": "find_zero",
        "canonical_solution": "    return 1.0\n",
        "base_input": [[[-1, 0, 1]]],
        "plus_input": [],
        "atol": 1e-4,
    }
    (task,) = load(tmp_path, record)
    assert execute(task, "    return -1.0\n", sandbox=sandbox).outcome is Outcome.PASSED
    assert execute(task, "    return 0.9\n", sandbox=sandbox).outcome is Outcome.WRONG_ANSWER


def test_mbpp_plus_judges_by_its_own_test(tmp_path: Path, sandbox: Sandbox) -> None:
    (task,) = load(tmp_path, MBPP_PLUS)
    assert modules(task) == ("numpy",)
    assert "assert add_two(1, 2) == 3" in task.prompt
    given = {
        task.reference: Outcome.PASSED,
        "import numpy\ndef add_two(a, b):\n  return numpy.float64(a + b)\n": Outcome.PASSED,
        "def add_two(a, b):\n  return 3\n": Outcome.WRONG_ANSWER,
    }
    for answer, outcome in given.items():
        found = execute(task, answer, sandbox=sandbox)
        assert found.outcome is outcome, said(found)


@pytest.mark.parametrize("name", ["humaneval-plus-shape.jsonl", "mbpp-plus-shape.jsonl"])
def test_the_handed_plus_shapes(shared: Path, sandbox: Sandbox, name: str) -> None:
    (task,) = load_tasks(shared / "cases" / name)
    assert execute(task, task.reference, sandbox=sandbox).outcome is Outcome.PASSED
    wrong = {
        "humaneval-plus-shape.jsonl": "    return (a + b) / 2 if a else 1.0\n",
        "mbpp-plus-shape.jsonl": "def twice(x):\n  return 2\n",
    }
    assert execute(task, wrong[name], sandbox=sandbox).outcome is Outcome.WRONG_ANSWER


@pytest.mark.parametrize("isolation", list(Isolation))
def test_packages_are_there_however_programs_are_kept_apart(
    tmp_path: Path, isolation: Isolation
) -> None:
    if isolation is not Isolation.NONE and (reason := works(isolation)):
        pytest.skip(reason)
    (task,) = load(tmp_path, MBPP_PLUS)
    found = execute(task, task.reference, sandbox=Sandbox(isolation))
    assert found.outcome is Outcome.PASSED, said(found)


def test_a_program_sees_the_packages_that_its_tests_need_and_no_other(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    look = "import importlib.util as u\ndef add_two(a, b):\n  return a + b if {} else 0\n"
    (task,) = load(tmp_path, MBPP_PLUS)
    for condition in ("u.find_spec('numpy')", "not u.find_spec('pydantic')"):
        found = execute(task, look.format(condition), sandbox=sandbox)
        assert found.outcome is Outcome.PASSED, (condition, said(found))
    paths = package_paths(("numpy",))
    assert any(Path(path).name == "numpy" for path in paths)
    assert not any(Path(path).name in ("pyengine", "pydantic") for path in paths)


UNKNOWN = {
    "HumanEval-X": {**HUMANEVAL_X["python"], "hidden_test": "assert False"},
    "MultiPL-E": {**multipl_e("py"), "hidden_test": "assert False"},
    "BigCodeBench": {**BIGCODEBENCH, "hidden_test": "assert False"},
    "MBPP": {**MBPP_PLUS, "hidden_test": "assert False"},
    "HumanEval": {**HUMANEVAL_PLUS, "hidden_test": "assert False"},
}


@pytest.mark.parametrize("title", UNKNOWN)
def test_a_field_that_is_not_understood_is_refused_by_name(tmp_path: Path, title: str) -> None:
    record = UNKNOWN[title]
    name = record.get("task_id", record.get("name"))
    with pytest.raises(TaskFileError) as refused:
        load(tmp_path, record)
    assert "tasks.jsonl" in str(refused.value)
    assert repr(name) in str(refused.value)
    assert "'hidden_test'" in str(refused.value)
    assert len(load(tmp_path, {**record, "hidden_test": ""})) == 1  # it holds nothing


def test_every_form_is_tried() -> None:
    assert {form.title for form in FORMATS} == set(UNKNOWN)
    for form in FORMATS:
        assert not form.read & form.described


def test_inputs_that_lost_their_types_are_refused(tmp_path: Path) -> None:
    """MBPP+ as its authors' package keeps it: JSON has no tuples, sets and complex numbers."""
    record = {**HUMANEVAL_PLUS, "task_id": "Mbpp/2", "assertion": "assert half(1.0) == 0.5"}
    with pytest.raises(TaskFileError, match="'assertion'"):
        load(tmp_path, record)
    with pytest.raises(TaskFileError, match="MBPP"):
        load(tmp_path, {**HUMANEVAL_PLUS, "task_id": "Mbpp/2"})


def test_a_missing_compiler_is_named_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_text(json.dumps(HUMANEVAL_X["cpp"]), encoding="utf-8")
    monkeypatch.setattr("pyengine.code.languages.find_tool", lambda _: None)
    with pytest.raises(InputError, match=r"programs in C\+\+ need g\+\+, which") as refused:
        evaluate("no-such-model.gguf", tasks=str(path))
    assert str(path) in str(refused.value)
    with pytest.raises(InputError, match="programs in Rust need rustc"):
        evaluate("no-such-model.gguf", language="rust")


def test_a_missing_module_is_named_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = load(tmp_path, MBPP_PLUS, {**MBPP_PLUS, "task_id": 906})
    require(tasks, "here")
    missing.cache_clear()
    monkeypatch.setattr(libraries, "find_spec", lambda n: None if n == "numpy" else find_spec(n))
    with pytest.raises(InputError, match="here: the tests of 2 tasks, MBPP/905 the first, need nu"):
        require(tasks, "here")
    missing.cache_clear()


@pytest.mark.parametrize(
    ("language", "change", "lacking"),
    [
        ("cpp", {"prompt": "#include <no/such.hpp>\nint twice(int n){\n"}, "no/such.hpp"),
        ("javascript", {"canonical_solution": "  return require('js-md5')(n);\n}\n"}, "js-md5"),
        ("rust", {"canonical_solution": "    md5::compute(n);\n    2 * n\n}\n"}, "md5"),
        ("go", {"test_setup": 'import (\n"testing"\n"example.org/other"\n)'}, "example.org/other"),
    ],
)
def test_a_task_that_needs_what_is_not_here_is_skipped(
    tmp_path: Path, sandbox: Sandbox, language: str, change: dict[str, str], lacking: str
) -> None:
    require_language(language)
    (task,) = load(tmp_path, {**HUMANEVAL_X[language], **change})
    assert missing(task) == (lacking,)
    found = execute(task, task.reference, sandbox=sandbox)
    assert (found.outcome, found.reason, found.detail) == (Outcome.SKIPPED, "library", lacking)


def test_what_is_known_of_tasks_is_told_with_its_source(tmp_path: Path) -> None:
    records = [{**MBPP_PLUS, "task_id": number} for number in (3, 20, 511, 974)]
    records.append({**HUMANEVAL_PLUS, "task_id": "HumanEval/47"})
    found = {known.why: names for known, names in known_tasks(load(tmp_path, *records))}
    assert found == {
        "prompting-part": ["MBPP/3"],
        "validation-part": ["MBPP/511"],
        "training-part": ["MBPP/974"],
        "example-wrong": ["HumanEval/47"],
    }
    assert all(known.source for known, _ in known_tasks(load(tmp_path, *records)))
