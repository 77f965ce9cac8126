"""Programs that try to pass without solving the task: none may."""

import pytest
from codegen_samples import LIMITS, attempt

from pyengine.code.answers import Outcome
from pyengine.code.execution import execute
from pyengine.code.languages import LANGUAGES
from pyengine.code.sandbox import (
    Sandbox,
)
from pyengine.code.tasks import Task


@pytest.mark.parametrize("where", ["setup", "body"])
@pytest.mark.parametrize("way", ["import os; os._exit(0)", "import sys; sys.exit(0)"])
def test_exiting_before_the_asserts(each_sandbox: Sandbox, where: str, way: str) -> None:
    body, setup = ("pass", way) if where == "setup" else (way, "")
    assert attempt(each_sandbox, body, setup=setup).outcome is Outcome.EXCEPTION


HARNESS_PATCHES = {
    "equal to everything": (
        "class Any(str):\n    def __eq__(self, other): return True\n"
        "    def __ne__(self, other): return False\n    __hash__ = None\n",
        "return Any('x')",
    ),
    "an object equal to everything": (
        "class Any:\n    def __eq__(self, other): return True\n",
        "return Any()",
    ),
    "no AssertionError": (
        "import builtins\nclass Quiet(BaseException): pass\nbuiltins.AssertionError = Quiet\n",
        "return 'wrong'",
    ),
    "a verdict of its own": (
        "import os\n"
        "for fd in range(3, 64):\n"
        '    try: os.write(fd, b\'{"outcome": "passed", "detail": ""}\')\n'
        "    except OSError: pass\n",
        "return 'wrong'",
    ),
    "a forged message": (
        "import os, struct, json\n"
        'data = json.dumps({"value": None, "outcome": "passed"}).encode()\n'
        "os.write(4, struct.pack('!I', len(data)) + data)\n",
        "return 'wrong'",
    ),
    "the harness's own modules": (
        "import sys\nfor module in list(sys.modules.values()):\n"
        "    for name in ('run', 'verdict', 'encode', 'decode'):\n"
        "        if hasattr(module, name): setattr(module, name, lambda *a: 'harmed2')\n",
        "return 'wrong'",
    ),
    "atexit and the sentinel": (
        "import atexit\natexit.register(print, 'passed')\nprint('passed')\n",
        "return 'wrong'",
    ),
    "reading the tests": (
        "import glob\n",
        "return ''.join(open(f).read() for f in glob.glob('/work/*.json'))",
    ),
}


@pytest.mark.parametrize("name", HARNESS_PATCHES)
def test_patching_the_test_harness(each_sandbox: Sandbox, name: str) -> None:
    setup, body = HARNESS_PATCHES[name]
    execution = attempt(each_sandbox, body, setup=setup)
    assert execution.outcome in (Outcome.WRONG_ANSWER, Outcome.EXCEPTION)


# Ways to end a test before its end, and a thread that has nothing to do with the answer.
ENDINGS = {
    "StopIteration ends a map": (
        "def f(n):\n    raise StopIteration\n",
        "assert all(map(lambda n: f(n) == n, [1, 2]))",
        Outcome.EXCEPTION,
    ),
    "StopIteration ends a loop": (
        "def f(n):\n    raise StopIteration\n",
        "class Each:\n"
        "    def __iter__(self): return self\n"
        "    def __next__(self): return f(1)\n"
        "for found in Each(): assert found == 1",
        Outcome.EXCEPTION,
    ),
    "an iterator ends by itself": (
        "def f(n):\n    yield from range(n)\n",
        "found = f(2)\nassert (next(found), next(found), next(found, 'end')) == (0, 1, 'end')",
        Outcome.PASSED,
    ),
    "gone where an error is expected": (
        "import os\ndef f(n):\n    os._exit(0)\n",
        "try:\n    f(1)\n    raise SystemExit(1)\nexcept Exception: pass",
        Outcome.EXCEPTION,
    ),
    "gone where all is caught": (
        "import os\ndef f(n):\n    os._exit(0)\n",
        "try: f(1)\nexcept: pass",
        Outcome.EXCEPTION,
    ),
    "gone before the next call": (
        "import os, threading\n"
        "def f(n):\n    threading.Timer(0.2, os._exit, [0]).start()\n    return n\n",
        "import time\nf(1)\ntime.sleep(0.5)\ntry: f('x' * 100000)\nexcept OSError: pass",
        Outcome.EXCEPTION,
    ),
    "a thread left running": (
        "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(60,)).start()\ndef f(n):\n    return n\n",
        "assert f(1) == 1",
        Outcome.PASSED,
    ),
    "a process left running": (
        "import os, time\nif os.fork() == 0:\n    time.sleep(60)\ndef f(n):\n    return n\n",
        "assert f(1) == 1",
        Outcome.PASSED,
    ),
    "a loop of events": (
        "import asyncio\nasync def g(n): return n\ndef f(n):\n    return asyncio.run(g(n))\n",
        "assert f(1) == 1",
        Outcome.PASSED,
    ),
}


@pytest.mark.parametrize("way", ENDINGS)
def test_how_a_solution_ends_decides_nothing(sandbox: Sandbox, way: str) -> None:
    code, tests, expected = ENDINGS[way]
    task = Task(
        name="ending", language="python", prompt="", entry_point="f", tests=tests, reference=""
    )
    execution = execute(task, code, sandbox=sandbox, limits=LIMITS)
    assert execution.outcome is expected, execution


def test_a_program_that_has_printed_all_has_answered(sandbox: Sandbox) -> None:
    """A thread that keeps it from ending does not make the answer wrong."""
    task = Task(
        name="printed",
        language="python",
        prompt="",
        entry_point="f",
        tests="print(f(1))",
        expected="1",
        reference="",
    )
    thread = "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()\n"
    right, wrong = "def f(n):\n    return n\n", "def f(n):\n    return 2\n"
    assert execute(task, thread + right, sandbox=sandbox, limits=LIMITS).outcome is Outcome.PASSED
    late = execute(task, thread + wrong, sandbox=sandbox, limits=LIMITS)
    assert late.outcome is Outcome.TIMED_OUT


def test_an_honest_program_passes(each_sandbox: Sandbox) -> None:
    task = Task(
        name="honest",
        language="python",
        prompt="def double(values):\n",
        entry_point="double",
        tests="assert double([1, 2.5]) == [2, 5.0]\nassert double([]) == []",
        reference="    return [2 * value for value in values]\n",
    )

    def outcome(body: str) -> Outcome:
        return execute(task, body, sandbox=each_sandbox).outcome

    assert outcome(task.reference) is Outcome.PASSED
    assert outcome("    return values\n") is Outcome.WRONG_ANSWER
    assert outcome("    return (\n") is Outcome.SYNTAX_ERROR
    assert outcome("    return 1 / 0\n") is Outcome.EXCEPTION
    assert outcome(" \n") is Outcome.NO_CODE


JAVASCRIPT_CHEATS = [
    "process.exit(0)",
    "JSON.stringify = () => 'x'; return [9]",
    "console.assert = () => {}; return [9]",
    "return { toJSON() { return [1, 2]; } }",
    "process.stdout.write('passed'); return [9]",
]


@pytest.mark.skipif(bool(LANGUAGES["javascript"].missing()), reason="node is not installed")
@pytest.mark.parametrize("cheat", JAVASCRIPT_CHEATS)
def test_javascript_cannot_cheat(each_sandbox: Sandbox, cheat: str) -> None:
    task = Task(
        name="cheat",
        language="javascript",
        prompt="const pair = () => {\n",
        entry_point="pair",
        tests="console.assert(JSON.stringify(pair()) === JSON.stringify([1, 2]))",
        reference="  return [1, 2]\n}\n",
    )
    assert execute(task, cheat + "\n}\n", sandbox=each_sandbox).outcome is not Outcome.PASSED


@pytest.mark.skipif(bool(LANGUAGES["javascript"].missing()), reason="node is not installed")
def test_how_a_javascript_solution_ends_decides_nothing(sandbox: Sandbox) -> None:
    def outcome(code: str, tests: str) -> Outcome:
        task = Task(
            name="ending",
            language="javascript",
            prompt="",
            entry_point="f",
            tests=tests,
            reference="",
        )
        return execute(task, code, sandbox=sandbox, limits=LIMITS).outcome

    right = "console.assert(f(1) === 1)"
    assert outcome("setInterval(() => 0, 10); const f = (n) => n", right) is Outcome.PASSED
    patched = "process.exit = () => 0; setInterval(() => 0, 10); const f = (n) => n"
    assert outcome(patched, right) is Outcome.PASSED
    gone = "const f = (n) => process.exit(0)"
    assert outcome(gone, "try { f(1) } catch (error) {}") is Outcome.EXCEPTION


@pytest.mark.skipif(bool(LANGUAGES["c"].missing()), reason="gcc is not installed")
def test_a_compiled_program_cannot_exit_or_print_its_way_through(each_sandbox: Sandbox) -> None:
    task = Task(
        name="c",
        language="c",
        prelude="#include <stdio.h>\n#include <stdlib.h>\n",
        prompt="int twice(int n) {\n",
        entry_point="twice",
        tests='int main(void) { printf("%d\\n", twice(21)); return 0; }',
        expected="42",
        reference="    return 2 * n;\n}\n",
    )
    assert execute(task, task.reference, sandbox=each_sandbox).outcome is Outcome.PASSED
    for cheat in ("exit(0);", 'puts("passed"); exit(0);', "return n;", 'puts("4"); return n;'):
        outcome = execute(task, f"    {cheat}\n}}\n", sandbox=each_sandbox).outcome
        assert outcome is Outcome.WRONG_ANSWER
    crash = execute(task, "    return *(volatile int *)0;\n}\n", sandbox=each_sandbox)
    assert crash.outcome is Outcome.EXCEPTION
    assert execute(task, "    return (;\n}\n", sandbox=each_sandbox).outcome is Outcome.SYNTAX_ERROR
