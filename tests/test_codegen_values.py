"""What crosses between tests and a solution in another process, as if both were in one."""

import pytest

from pyengine.code.answers import Outcome
from pyengine.code.execution import Execution, execute
from pyengine.code.languages import LANGUAGES
from pyengine.code.sandbox import Sandbox
from pyengine.code.tasks import Task


def run(sandbox: Sandbox, code: str, tests: str, language: str = "python") -> Execution:
    if missing := LANGUAGES[language].missing():
        pytest.skip(f"not here: {missing}")
    task = Task(
        name="values", language=language, prompt="", entry_point="f", tests=tests, reference=""
    )
    return execute(task, code, sandbox=sandbox)


# Solution, tests that hold for it, and tests that do not.
PYTHON = {
    "an error": (
        "def f(x): raise ValueError('bad')",
        "try:\n    f(1)\nexcept ValueError as e:\n    assert str(e) == 'bad'\nelse: assert False",
        "try:\n    f(1)\nexcept KeyError: pass",
    ),
    "an error by its parent": (
        "def f(x): return {}[x]",
        "try:\n    f(1)\nexcept LookupError: pass\nelse: assert False",
        "try:\n    f(1)\nexcept ValueError: pass",
    ),
    "an error of the system": (
        "def f(): open('/nowhere')",
        "try:\n    f()\nexcept FileNotFoundError: pass\nelse: assert False",
        "f()",
    ),
    "an error that wants more than a message": (
        "def f(): b'\\xff'.decode()",
        "try:\n    f()\nexcept Exception: pass\nelse: assert False",
        "f()",
    ),
    "a range": (
        "def f(n): return range(1, n, 2)",
        "assert f(7) == range(1, 7, 2)",
        "assert f(7) == range(7)",
    ),
    "an iterator": (
        "def f(n):\n    yield from range(n)",
        "found = f(2)\nassert next(found) == 0\nassert next(found) == 1\n"
        "try:\n    next(found)\nexcept StopIteration: pass\nelse: assert False",
        "assert next(f(2)) == 1",
    ),
    "kinds of plain values": (
        "import enum\nclass S(str): pass\nclass E(enum.IntEnum):\n    A = 3\nclass F(float): pass\n"
        "def f(): return [S('a'), E.A, F(0.5), True]",
        "assert f() == ['a', 3, 0.5, True]",
        "assert f() == ['b', 3, 0.5, True]",
    ),
}


@pytest.mark.parametrize("name", PYTHON)
def test_python(sandbox: Sandbox, name: str) -> None:
    code, holds, fails = PYTHON[name]
    passed = run(sandbox, code, holds)
    assert passed.outcome is Outcome.PASSED, passed
    failed = run(sandbox, code, fails)
    assert failed.outcome in (Outcome.WRONG_ANSWER, Outcome.EXCEPTION)


def test_a_kind_of_string_that_equals_everything_crosses_as_its_text(sandbox: Sandbox) -> None:
    code = (
        "class Any(str):\n    def __eq__(self, other): return True\n"
        "    __hash__ = None\n    def __str__(self): return 'right'\n"
        "class One(int):\n    def __eq__(self, other): return True\n"
        "    __hash__ = None\n    def __int__(self): return 7\n"
        "def f(): return [Any('wrong'), One(1)]\n"
    )
    assert run(sandbox, code, "assert f() == ['wrong', 1]").outcome is Outcome.PASSED
    for expected in ("['right', 1]", "['wrong', 7]"):
        outcome = run(sandbox, code, f"assert f() == {expected}").outcome
        assert outcome is Outcome.WRONG_ANSWER


def test_javascript_errors_are_of_their_kind(sandbox: Sandbox) -> None:
    code = "const f = () => { throw new RangeError('bad'); };"
    caught = "let e; try { f(); } catch (error) { e = error; }\n"
    holds = caught + "console.assert(e instanceof RangeError && e.message === 'bad');"
    assert run(sandbox, code, holds, "javascript").outcome is Outcome.PASSED
    fails = caught + "console.assert(e instanceof TypeError);"
    assert run(sandbox, code, fails, "javascript").outcome is Outcome.WRONG_ANSWER
    uncaught = run(sandbox, code, "f();", "javascript")
    assert uncaught.outcome is Outcome.EXCEPTION
    assert uncaught.detail == "RangeError: bad"
