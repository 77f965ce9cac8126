"""Programs that reach past their process: for memory that nobody counts, for tests and report."""

import math
import platform
import re
import sys
import time
from pathlib import Path

import pytest
from codegen_samples import LIMITS

from pyengine.codegen.execution import Execution, execute
from pyengine.codegen.languages import LANGUAGES
from pyengine.codegen.outcomes import Outcome
from pyengine.codegen.sandbox import HARNESS, Limits, Sandbox
from pyengine.codegen.tasks import Task, own_tasks
from pyengine.codegen.watch import _check, _Watched

sys.path.insert(0, str(HARNESS))
import calls

HEADERS = (
    Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    Path("/usr/include/asm-generic/unistd.h"),
)


def run(sandbox: Sandbox, code: str, tests: str, language: str = "python") -> Execution:
    if missing := LANGUAGES[language].missing():
        pytest.skip(missing)
    task = Task(
        name="escape",
        language=language,
        prompt="",
        entry_point="attack",
        tests=tests,
        reference="class Solution { int f() { return 1; } }" if language == "java" else "",
    )
    limits = LIMITS if language != "java" else Limits(wall_s=30.0)
    return execute(task, code, sandbox=sandbox, limits=limits)


def body(lines: str) -> str:
    indented = "\n".join(f"    {line}" for line in lines.splitlines())
    return f"import ctypes, os\nlibc = ctypes.CDLL(None)\ndef attack():\n{indented}\n"


BEYOND_THE_LIMITS = {
    "memory behind descriptors": (
        "held = 0\nwhile held < 1 << 30:\n"
        "    held += os.write(os.memfd_create('x'), bytes(1 << 25))\nreturn 'harmed'"
    ),
    "System V segments": (
        "return 'harmed' if libc.shmget(0, ctypes.c_size_t(1 << 20), 0o1600) >= 0 else ''"
    ),
    "a user namespace": "return 'harmed' if libc.unshare(0x10000000) == 0 else ''",
    "a child in a user namespace": (
        f"pid = libc.syscall({calls.CLONE[platform.machine() == 'aarch64']}, 0x10000011, 0, 0, 0)\n"
        "if pid == 0:\n    os._exit(0)\nreturn 'harmed' if pid > 0 else ''"
    ),
    "a child by the newer call": (
        "held = (ctypes.c_uint64 * 8)(0x10000000, 0, 0, 0, 17)\n"
        "pid = libc.syscall(435, held, 64)\n"
        "if pid == 0:\n    os._exit(0)\nreturn 'harmed' if pid > 0 else ''"
    ),
    "another's memory": "return 'harmed' if libc.ptrace(16, os.getppid(), 0, 0) == 0 else ''",
}


@pytest.mark.skipif(platform.machine() not in calls.MACHINES, reason="no filter for this machine")
@pytest.mark.parametrize("way", BEYOND_THE_LIMITS)
def test_calls_that_lead_past_the_limits_are_refused(each_sandbox: Sandbox, way: str) -> None:
    execution = run(each_sandbox, body(BEYOND_THE_LIMITS[way]), 'assert attack() == "harmed"')
    assert execution.outcome in (Outcome.WRONG_ANSWER, Outcome.EXCEPTION), execution


def test_calls_have_the_numbers_of_the_kernels_headers() -> None:
    table = {**calls.REFUSED, "clone": calls.CLONE, "clone3": calls.CLONE3}
    for column, header in enumerate(HEADERS):
        if not header.exists():
            pytest.skip(f"{header} is not installed")
        found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text())
        known = {name: int(number) for name, number in found}
        assert {name: numbers[column] for name, numbers in table.items()} == {
            name: known[name] for name in table
        }


def test_threads_and_children_are_still_allowed(each_sandbox: Sandbox) -> None:
    lines = (
        "import subprocess, threading\nfound = []\n"
        "thread = threading.Thread(target=found.append, args=(1,))\nthread.start()\nthread.join()\n"
        "return found + [int(subprocess.run(['/bin/echo', '2'], capture_output=True).stdout)]"
    )
    assert run(each_sandbox, body(lines), "assert attack() == [1, 2]").outcome is Outcome.PASSED


# Answers on which the tests choke: each has an outcome, none ends the evaluation.
CHOKING = {
    "a loop in the tests": ("return 10**12", "for _ in range(attack()): pass", Outcome.TIMED_OUT),
    "memory in the tests": ("return 10**10", "bytearray(attack())", Outcome.WRONG_ANSWER),
    "a long assertion": (
        "return 'a' * 200000",
        "r = attack()\nassert not r, r",
        Outcome.WRONG_ANSWER,
    ),
    "a long error": ("raise ValueError('a' * 200000)", "attack()", Outcome.EXCEPTION),
    "a forged long error": (
        "import json, struct\n"
        "data = json.dumps({'error': 'E' * 100000, 'message': 'm' * 100000}).encode()\n"
        "os.write(4, struct.pack('!I', len(data)) + data)\nos._exit(0)",
        "attack()",
        Outcome.EXCEPTION,
    ),
    "half a character": ("raise ValueError('\\ud800')", "attack()", Outcome.EXCEPTION),
}


@pytest.mark.parametrize("name", CHOKING)
def test_tests_that_choke_on_an_answer_have_an_outcome(each_sandbox: Sandbox, name: str) -> None:
    lines, tests, expected = CHOKING[name]
    execution = run(each_sandbox, body(lines), tests)
    assert execution.outcome is expected
    assert len(execution.detail) <= 300
    execution.detail.encode()  # or it could not be written into a record


def test_javascript_tests_that_choke_have_an_outcome(each_sandbox: Sandbox) -> None:
    loop = "for (let i = 0; i < attack(); i++) {}"
    outcome = run(each_sandbox, "const attack = () => 1e12", loop, "javascript").outcome
    assert outcome is Outcome.TIMED_OUT
    fill = "const held = [], n = attack(); for (let i = 0; i < n; i++) held.push([i, i]);"
    outcome = run(each_sandbox, "const attack = () => 1e9", fill, "javascript").outcome
    assert outcome in (Outcome.WRONG_ANSWER, Outcome.MEMORY, Outcome.KILLED, Outcome.TIMED_OUT)


def test_integers_of_any_length_cross(each_sandbox: Sandbox) -> None:
    n = 3000
    assert math.factorial(n) > 10**4300  # longer than Python likes to write in decimals
    code = "import math\ndef attack(n, m): return math.factorial(n) + m\n"
    tests = f"import math\nm = -10 ** 5000\nassert attack({n}, m) == math.factorial({n}) + m"
    assert run(each_sandbox, code, tests).outcome is Outcome.PASSED


JAVA_TESTS = """
public class Main {
    public static void main(String[] arguments) {
        List<Boolean> right = Arrays.asList(new Solution().f() == 1);
        if (right.contains(false)) { throw new AssertionError("f"); }
    }
}
"""
JAVA = "import java.util.*;\nclass Solution { int f() { return %d; } }\n"
# Classes that stand in for Java's own, in the harness or in the tests.
JAVA_CHEATS = (
    "class System { static java.io.InputStream in = java.lang.System.in;"
    " static java.io.PrintStream out = java.lang.System.out;"
    " static { try { out.println(new String(in.readAllBytes())); out.flush(); }"
    " catch (Exception e) {} Runtime.getRuntime().halt(0); } }",
    "class Arrays { static List<Boolean> asList(Boolean... all) { return List.of(); } }",
    "class Arr\\u0061ys { static List<Boolean> asList(Boolean... all) { return List.of(); } }",
)


def test_a_compiler_that_works_without_end_is_timed_out(sandbox: Sandbox) -> None:
    """The compiler's own parent reports an error then: it is none of syntax."""
    if missing := LANGUAGES["cpp"].missing():
        pytest.skip(missing)
    task = own_tasks(["cpp"])[0]
    code = (
        "template <int N> struct A { A<N - 1> a; A<N - 2> b; };\n"
        "template <> struct A<0> {}; template <> struct A<1> {};\n"
        "template <int N, int M> struct B { static const int v = B<N - 1, 2 * M>::v"
        " + B<N - 1, 2 * M + 1>::v; };\n"
        "template <int M> struct B<0, M> { static const int v = M; };\n"
        "int answer = B<24, 1>::v;\n"
    )
    limits = Limits(cpu_s=2, wall_s=20.0)
    execution = execute(task, code, sandbox=sandbox, limits=limits, whole=True)
    assert execution.outcome in (Outcome.TIMED_OUT, Outcome.MEMORY), execution


def test_a_machine_that_finds_no_memory_says_so(each_sandbox: Sandbox) -> None:
    if missing := LANGUAGES["java"].missing():
        pytest.skip(missing)
    task = next(task for task in own_tasks(["java"]))
    execution = execute(task, task.reference, sandbox=each_sandbox, limits=LIMITS)
    assert execution.outcome is Outcome.MEMORY


def test_java_passes_and_fails(each_sandbox: Sandbox) -> None:
    assert run(each_sandbox, JAVA % 1, JAVA_TESTS, "java").outcome is Outcome.PASSED
    wrong = run(each_sandbox, JAVA % 2, JAVA_TESTS, "java")
    assert wrong.outcome is Outcome.WRONG_ANSWER
    assert wrong.detail.endswith("java.lang.AssertionError: f")


@pytest.mark.parametrize("cheat", JAVA_CHEATS)
def test_java_classes_cannot_stand_in_for_those_of_the_tests(
    each_sandbox: Sandbox, cheat: str
) -> None:
    assert run(each_sandbox, JAVA % 2 + cheat, JAVA_TESTS, "java").outcome is Outcome.WRONG_ANSWER


def test_time_in_which_everything_stood_still_counts_for_no_program(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A suspended or overloaded machine is not the program's fault."""
    stood_still: list[bool] = []

    def check(item: _Watched, now: float, started: float) -> None:
        _check(item, now, started)
        if not stood_still:
            stood_still.append(True)
            time.sleep(5)

    monkeypatch.setattr("pyengine.codegen.watch._check", check)
    code = "import time\ntime.sleep(6)\ndef attack(): return 1\n"
    assert run(sandbox, code, "assert attack() == 1").outcome is Outcome.PASSED
    assert stood_still
