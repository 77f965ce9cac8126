"""Which assertion failed, and what it compared."""

import shutil

import pytest

from pyengine.code.answers import Outcome
from pyengine.code.execution import Execution, execute
from pyengine.code.sandbox import Sandbox
from pyengine.code.tasks import Task


def judged(sandbox: Sandbox, tests: str, code: str, language: str = "python") -> Execution:
    task = Task(name="t", language=language, prompt="", entry_point="f", tests=tests, reference="")
    return execute(task, code, sandbox=sandbox)


@pytest.mark.parametrize(
    ("tests", "code", "assertion", "values"),
    [
        ("assert f(1) == [1, 2]", "def f(x): return x", "assert f(1) == [1, 2]", "1 == [1, 2]"),
        ("assert f(1) in (2, 3), 'oh'", "def f(x): return x", "assert f(1) in (2, 3), 'oh'",
         "1 in (2, 3)"),
        ("def check(c):\n    assert c(1) == 1\n    assert abs(c(2) - 3) < 0.1",
         "def f(x): return x", "assert abs(c(2) - 3) < 0.1", "1 < 0.1"),
        ("assert not f(1)", "def f(x): return x", "assert not f(1)", "False"),
        ("assert f(1) is None", "def f(x): return x", "assert f(1) is None", "1 is None"),
        ("assert 0 < f(3) < 2", "def f(x): return x", "assert 0 < f(3) < 2", "False"),
        ("assert f(0) == 1", "def f(x): return 10 ** 9999", "assert f(0) == 1", "<int> == 1"),
        ("assert f(0) == 1", "def f(x): return 'a' * 999", "assert f(0) == 1",
         "'" + "a" * 159 + " == 1"),
    ],
)  # fmt: skip
def test_python_says_what_it_compared(
    sandbox: Sandbox, tests: str, code: str, assertion: str, values: str
) -> None:
    found = judged(sandbox, tests, code)
    assert found.outcome is Outcome.WRONG_ANSWER
    assert (found.assertion, found.values) == (assertion, values)


def test_where_a_solution_raised_is_said_and_nothing_was_compared(sandbox: Sandbox) -> None:
    found = judged(
        sandbox, "assert f(0) == 1\nassert f(1) == 1", "def f(x): return 1 if x else {}[1]"
    )
    assert found.outcome is Outcome.EXCEPTION
    assert (found.assertion, found.values) == ("assert f(0) == 1", "")
    assert found.detail.startswith("KeyError")


IN_A_CLASS = """
class T:
    def check(self, c):
        assert c(1) == 1
def check(c):
    T().check(c)
"""


def test_an_assert_in_a_class_is_no_way_around_it(sandbox: Sandbox) -> None:
    """Python gives names with two leading underscores another name within a class."""
    assert judged(sandbox, IN_A_CLASS, "def f(x): return x").outcome is Outcome.PASSED
    for name in ("_T__tell", "_T__tell__", "__tell__", "_tell"):
        cheat = f"def f(x): return 99\ndef {name}(*values): return True"
        found = judged(sandbox, IN_A_CLASS, cheat)
        assert (found.outcome, found.values) == (Outcome.WRONG_ANSWER, "99 == 1")


def test_what_passes_says_nothing(sandbox: Sandbox) -> None:
    found = judged(sandbox, "assert f(1) == 1\nassert f(2) != 1 and f(3)", "def f(x): return x")
    assert (found.outcome, found.assertion, found.values) == (Outcome.PASSED, "", "")


def test_asserts_keep_their_order_and_their_messages(sandbox: Sandbox) -> None:
    """Left before right, each once; the message only where it fails."""
    tests = (
        "seen = []\ndef g(x):\n    seen.append(x)\n    return x\n"
        "assert g(1) < g(2), g(9)\nassert seen == [1, 2]\n"
        "try:\n    assert f(0) == 1, 'why'\nexcept AssertionError as error:\n"
        "    assert str(error) == 'why'\nelse:\n    raise SystemExit"
    )
    assert judged(sandbox, tests, "def f(x): return x").outcome is Outcome.PASSED


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not here")
def test_javascript_says_the_line_and_the_last_answer(sandbox: Sandbox) -> None:
    tests = "const t = () => {\n  console.assert(f(1) === 1)\n  console.assert(f(2) === 3)\n}\nt()"
    found = judged(sandbox, tests, "const f = (x) => x", "javascript")
    assert found.outcome is Outcome.WRONG_ANSWER
    assert (found.assertion, found.values) == ("console.assert(f(2) === 3)", "2")
    thrown = judged(sandbox, tests, "const f = (x) => null.x", "javascript")
    assert thrown.outcome is Outcome.EXCEPTION
    assert (thrown.assertion, thrown.values) == ("console.assert(f(1) === 1)", "")
