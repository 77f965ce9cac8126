"""Programs that try to harm, to hang or to cheat: none may."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyengine.codegen.execution import Execution, execute
from pyengine.codegen.languages import LANGUAGES
from pyengine.codegen.outcomes import Outcome
from pyengine.codegen.sandbox import (
    Isolation,
    Job,
    Limits,
    Sandbox,
    Step,
    descendants,
    open_sandbox,
    works,
)
from pyengine.codegen.tasks import Task, own_tasks
from pyengine.codegen.watch import Stopped, watch
from pyengine.errors import OptionError

MIB = 1 << 20
LIMITS = Limits(cpu_s=2, wall_s=4, memory_bytes=256 * MIB, processes=32, disk_bytes=32 * MIB)


@pytest.fixture(scope="module", params=[Isolation.BUBBLEWRAP, Isolation.NAMESPACES])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """Each way to isolate, not only the first that works here."""
    isolation: Isolation = request.param
    if reason := works(isolation):
        pytest.skip(f"{isolation.value} does not work here: {reason}")
    return Sandbox(isolation)


def attempt(sandbox: Sandbox, body: str, *, setup: str = "") -> Execution:
    """Run a program whose `attack` returns "harmed" only where the harm was done."""
    task = Task(
        name="hostile",
        language="python",
        prompt="",
        entry_point="attack",
        tests='assert attack() == "harmed"',
        reference="",
    )
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    program = f"{setup}\ndef attack():\n{lines}\n"
    started = time.monotonic()
    execution = execute(task, program, sandbox=sandbox, limits=LIMITS)
    assert time.monotonic() - started < 10 * LIMITS.wall_s
    assert execution.outcome is not Outcome.PASSED, execution
    return execution


def test_fork_bomb(sandbox: Sandbox) -> None:
    execution = attempt(sandbox, "import os\nwhile True:\n    os.fork()")
    assert execution.outcome in (Outcome.EXCEPTION, Outcome.TIMED_OUT, Outcome.KILLED)
    assert solvers_left() == []


def solvers_left() -> list[int]:
    """Return what is left below this process, a moment after the sandbox has ended."""
    deadline = time.monotonic() + 5
    while (left := [pid for pid in descendants(os.getpid()) if is_solver(pid)]) and (
        time.monotonic() < deadline
    ):
        time.sleep(0.05)
    return left


def is_solver(pid: int) -> bool:
    try:
        return b"solver.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def test_infinite_loop(sandbox: Sandbox) -> None:
    assert attempt(sandbox, "while True: pass").outcome is Outcome.TIMED_OUT


def test_sleeping_forever(sandbox: Sandbox) -> None:
    assert attempt(sandbox, "import time\ntime.sleep(1000)").outcome is Outcome.TIMED_OUT


def test_memory_balloon(sandbox: Sandbox) -> None:
    execution = attempt(sandbox, "held = []\nwhile True:\n    held.append(bytearray(1 << 22))")
    assert execution.outcome is Outcome.MEMORY


def test_memory_balloon_over_many_processes(sandbox: Sandbox) -> None:
    body = (
        "import os, time\n"
        "for _ in range(8):\n"
        "    if os.fork() == 0:\n"
        "        held = bytearray(b'x') * (100 << 20)\n"
        "        time.sleep(60)\n"
        "time.sleep(60)"
    )
    assert attempt(sandbox, body).outcome is Outcome.MEMORY


def test_writing_outside(sandbox: Sandbox, tmp_path: Path) -> None:
    target = tmp_path / "written"
    body = f"open({str(target)!r}, 'w').write('x')\nreturn 'harmed'"
    assert attempt(sandbox, body).outcome is Outcome.EXCEPTION
    assert not target.exists()
    body = "import os\nopen(os.__file__ + '.new', 'w').write('x')\nreturn 'harmed'"
    assert attempt(sandbox, body).outcome is Outcome.EXCEPTION


def test_filling_the_disk(sandbox: Sandbox) -> None:
    body = "while True:\n    open('big', 'ab').write(bytes(1 << 20))"
    execution = attempt(sandbox, body)
    assert execution.outcome in (Outcome.EXCEPTION, Outcome.KILLED, Outcome.MEMORY)


def test_reading_the_home_folder(sandbox: Sandbox, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("harmed")
    assert attempt(sandbox, f"return open({str(secret)!r}).read()").outcome is Outcome.EXCEPTION
    home = str(Path.home())
    body = f"import os\nreturn 'harmed' if '.bashrc' in os.listdir({home!r}) else 'empty'"
    attempt(sandbox, body)


def test_the_parent_environment_is_not_there(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN_OF_THE_USER", "x")
    attempt(sandbox, "import os\nreturn 'harmed' if 'TOKEN_OF_THE_USER' in os.environ else ''")


@pytest.fixture
def listener() -> Iterator[tuple[int, list[str]]]:
    """A server on this machine, and the names of those who came."""
    came: list[str] = []
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.1)
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            try:
                connection, address = server.accept()
            except TimeoutError:
                continue
            came.append(str(address))
            connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    yield server.getsockname()[1], came
    stop.set()
    thread.join()
    server.close()


def test_opening_a_socket(sandbox: Sandbox, listener: tuple[int, list[str]]) -> None:
    port, came = listener
    body = f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 2)\nreturn 'harmed'"
    assert attempt(sandbox, body).outcome is Outcome.EXCEPTION
    assert came == []


def test_killing_the_parent(sandbox: Sandbox) -> None:
    body = (
        "import os, signal\n"
        f"for pid in (os.getppid(), 1, {os.getpid()}, -1):\n"
        "    try:\n"
        "        os.kill(pid, signal.SIGKILL)\n"
        "    except OSError:\n"
        "        pass"
    )
    execution = attempt(sandbox, body)
    assert execution.outcome in (Outcome.KILLED, Outcome.WRONG_ANSWER, Outcome.EXCEPTION)


def test_printing_a_gigabyte(sandbox: Sandbox) -> None:
    body = "import os\nfor _ in range(1024):\n    os.write(1, b'x' * (1 << 20))\nreturn 'done'"
    assert attempt(sandbox, body).outcome is Outcome.KILLED


@pytest.mark.parametrize("where", ["setup", "body"])
@pytest.mark.parametrize("way", ["import os; os._exit(0)", "import sys; sys.exit(0)"])
def test_exiting_before_the_asserts(sandbox: Sandbox, where: str, way: str) -> None:
    body, setup = ("pass", way) if where == "setup" else (way, "")
    assert attempt(sandbox, body, setup=setup).outcome is Outcome.EXCEPTION


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
def test_patching_the_test_harness(sandbox: Sandbox, name: str) -> None:
    setup, body = HARNESS_PATCHES[name]
    execution = attempt(sandbox, body, setup=setup)
    assert execution.outcome in (Outcome.WRONG_ANSWER, Outcome.EXCEPTION)


def test_an_honest_program_passes(sandbox: Sandbox) -> None:
    task = Task(
        name="honest",
        language="python",
        prompt="def double(values):\n",
        entry_point="double",
        tests="assert double([1, 2.5]) == [2, 5.0]\nassert double([]) == []",
        reference="    return [2 * value for value in values]\n",
    )
    assert execute(task, task.reference, sandbox=sandbox).outcome is Outcome.PASSED
    assert execute(task, "    return values\n", sandbox=sandbox).outcome is Outcome.WRONG_ANSWER
    assert execute(task, "    return (\n", sandbox=sandbox).outcome is Outcome.SYNTAX_ERROR
    assert execute(task, "    return 1 / 0\n", sandbox=sandbox).outcome is Outcome.EXCEPTION
    assert execute(task, " \n", sandbox=sandbox).outcome is Outcome.NO_CODE


JAVASCRIPT_CHEATS = [
    "process.exit(0)",
    "JSON.stringify = () => 'x'; return [9]",
    "console.assert = () => {}; return [9]",
    "return { toJSON() { return [1, 2]; } }",
    "process.stdout.write('passed'); return [9]",
]


@pytest.mark.skipif(bool(LANGUAGES["javascript"].missing()), reason="node is not installed")
@pytest.mark.parametrize("cheat", JAVASCRIPT_CHEATS)
def test_javascript_cannot_cheat(sandbox: Sandbox, cheat: str) -> None:
    task = Task(
        name="cheat",
        language="javascript",
        prompt="const pair = () => {\n",
        entry_point="pair",
        tests="console.assert(JSON.stringify(pair()) === JSON.stringify([1, 2]))",
        reference="  return [1, 2]\n}\n",
    )
    assert execute(task, cheat + "\n}\n", sandbox=sandbox).outcome is not Outcome.PASSED


@pytest.mark.skipif(bool(LANGUAGES["c"].missing()), reason="gcc is not installed")
def test_a_compiled_program_cannot_exit_or_print_its_way_through(sandbox: Sandbox) -> None:
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
    assert execute(task, task.reference, sandbox=sandbox).outcome is Outcome.PASSED
    for cheat in ("exit(0);", 'puts("passed"); exit(0);', "return n;", 'puts("4"); return n;'):
        outcome = execute(task, f"    {cheat}\n}}\n", sandbox=sandbox).outcome
        assert outcome is Outcome.WRONG_ANSWER
    crash = execute(task, "    return *(volatile int *)0;\n}\n", sandbox=sandbox)
    assert crash.outcome is Outcome.EXCEPTION
    assert execute(task, "    return (;\n}\n", sandbox=sandbox).outcome is Outcome.SYNTAX_ERROR


def test_output_is_read_with_a_cap(sandbox: Sandbox) -> None:
    job = Job({}, [Step("run", ["/bin/sh", "-c", "yes"])], LIMITS)
    with sandbox.start(job) as process:
        ended = watch([process], LIMITS)[0]
    assert ended.stopped is Stopped.OUTPUT
    assert len(ended.stdout) <= LIMITS.output_bytes


def test_without_isolation_is_refused_unless_asked_for() -> None:
    with pytest.raises(OptionError, match="unsafe_local_execution"):
        open_sandbox(Isolation.NONE)
    assert open_sandbox(unsafe_local_execution=True).isolation is Isolation.NONE


def test_refuses_where_no_sandbox_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyengine.codegen.sandbox.works", lambda _: "forbidden")
    with pytest.raises(OptionError, match="unsafe-local-execution"):
        open_sandbox()


@pytest.mark.parametrize("language", ["python", "javascript", "c"])
def test_without_isolation_limits_still_hold(language: str) -> None:
    if missing := LANGUAGES[language].missing():
        pytest.skip(missing)
    local = open_sandbox(unsafe_local_execution=True)
    task = next(task for task in own_tasks([language]) if task.name.endswith("/is_even"))
    assert execute(task, task.reference, sandbox=local).outcome is Outcome.PASSED
    if language == "python":
        endless = execute(task, "    while True: pass\n", sandbox=local, limits=LIMITS)
        assert endless.outcome is Outcome.TIMED_OUT
        asleep = "    import time; time.sleep(1000)\n"
        assert execute(task, asleep, sandbox=local, limits=LIMITS).outcome is Outcome.TIMED_OUT
