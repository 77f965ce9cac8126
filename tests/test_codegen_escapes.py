"""Programs that reach past their process: for memory that nobody counts, for tests and report."""

import math
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from codegen_samples import LIMITS

from pyengine.code.answers import Outcome
from pyengine.code.execution import Execution, execute
from pyengine.code.languages import LANGUAGES
from pyengine.code.sandbox import Job, Limits, Process, Sandbox, Step, interpreter
from pyengine.code.tasks import Task, own_tasks
from pyengine.code.view import HARNESS
from pyengine.code.watch import _check, waited_s, watch

sys.path.insert(0, str(HARNESS))
import calls

HEADERS = (
    Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    Path("/usr/include/asm-generic/unistd.h"),
)


def run(sandbox: Sandbox, code: str, tests: str, language: str = "python") -> Execution:
    if missing := LANGUAGES[language].missing():
        pytest.skip(f"not here: {missing}")
    task = Task(
        name="escape",
        language=language,
        prompt="",
        entry_point="attack",
        tests=tests,
        reference="",
    )
    return execute(task, code, sandbox=sandbox, limits=LIMITS)


def indented(lines: str) -> str:
    return "\n".join(f"    {line}" for line in lines.splitlines())


def body(lines: str) -> str:
    return f"import ctypes, os\nlibc = ctypes.CDLL(None)\ndef attack():\n{indented(lines)}\n"


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
    "the first process's memory": "open('/proc/1/mem', 'r+b')\nreturn 'harmed'",
    "the first process's descriptors": "os.listdir('/proc/1/fd')\nreturn 'harmed'",
    "shared memory without a file": "import mmap\nmmap.mmap(-1, 4096)\nreturn 'harmed'",
    "shared zeroes": (
        "import mmap\nmmap.mmap(os.open('/dev/zero', os.O_RDWR), 4096)\nreturn 'harmed'"
    ),
    "a virtual machine's socket": "import socket\nsocket.socket(40, 1)\nreturn 'harmed'",
    "a network's socket": "import socket\nsocket.socket()\nreturn 'harmed'",
    "a local socket": "import socket\nsocket.socket(1, 1)\nreturn 'harmed'",
    "a descriptor under way": (
        "import socket\none, two = socket.socketpair()\nsocket.send_fds(one, [b'x'], [0])\n"
        "return 'harmed'"
    ),
    "a larger buffer": (
        "import socket\none, two = socket.socketpair()\none.setsockopt(1, 7, 1 << 20)\n"
        "return 'harmed'"
    ),
    "a larger pipe": "import fcntl\nfcntl.fcntl(os.pipe()[0], 1031, 1 << 20)\nreturn 'harmed'",
    "a lock on each byte": (
        "import fcntl\nfcntl.lockf(open('/tmp/x', 'wb'), fcntl.LOCK_EX, 1)\nreturn 'harmed'"
    ),
    "a message queue": (
        "found = libc.mq_open(b'/x', os.O_CREAT | os.O_RDWR, 0o600, None)\n"
        "return 'harmed' if found >= 0 else ''"
    ),
    "a watch on files": "return 'harmed' if libc.inotify_init1(0) >= 0 else ''",
    "pages given to a pipe": (
        "held = ctypes.create_string_buffer(4096)\n"
        "found = (ctypes.c_size_t * 2)(ctypes.addressof(held), 4096)\n"
        "return 'harmed' if libc.vmsplice(os.pipe()[1], found, 1, 0) >= 0 else ''"
    ),
    "extended attributes": (
        "open('/tmp/x', 'w').close()\nos.setxattr('/tmp/x', 'user.x', b'x')\nreturn 'harmed'"
    ),
    "descriptors that nobody can count": "return 'harmed' if libc.prctl(4, 0) == 0 else ''",
    "a process without a filter": (
        "import glob\n"
        "said = [open(path).read() for path in glob.glob('/proc/[0-9]*/status')]\n"
        "return 'harmed' if any('Seccomp:\\t2' not in text for text in said) else ''"
    ),
    "a capability": (
        "said = open('/proc/self/status').read().split()\n"
        "held = [said[said.index(f'Cap{kind}:') + 1] for kind in ('Inh', 'Prm', 'Eff', 'Amb')]\n"
        "return 'harmed' if int(''.join(held), 16) else ''"
    ),
    "a way to new rights": (
        "return '' if 'NoNewPrivs:\\t1' in open('/proc/self/status').read() else 'harmed'"
    ),
}


def all_ways() -> str:
    """Return a solution that tries one way after the other and says which of them harmed."""
    parts = ["import ctypes, os\nlibc = ctypes.CDLL(None)\nways = {}\n"]
    for number, (name, lines) in enumerate(BEYOND_THE_LIMITS.items()):
        parts.append(f"def way_{number}():\n{indented(lines)}\nways[{name!r}] = way_{number}\n")
    parts.append(
        "def harmed(way):\n    try:\n        return way() == 'harmed'\n"
        "    except (OSError, ValueError):\n        return False\n"
        "def attack():\n    return [name for name, way in ways.items() if harmed(way)]\n"
    )
    return "".join(parts)


@pytest.mark.skipif(platform.machine() not in calls.MACHINES, reason="no filter for this machine")
def test_calls_that_lead_past_the_limits_are_refused(each_sandbox: Sandbox) -> None:
    execution = run(each_sandbox, all_ways(), "found = attack()\nassert found == [], found")
    assert execution.outcome is Outcome.PASSED, execution.detail


def test_calls_have_the_numbers_of_the_kernels_headers() -> None:
    table = {**calls.REFUSED, "clone": calls.CLONE, "clone3": calls.CLONE3}
    table |= {"mmap": calls.MMAP, "fcntl": calls.FCNTL, "prctl": calls.PRCTL}
    table |= {"socketpair": calls.SOCKETPAIR}
    for column, header in enumerate(HEADERS):
        if not header.exists():
            pytest.skip(f"{header} is not installed")
        found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text())
        known = {name: int(number) for name, number in found}
        filtered = {name: numbers[column] for name, numbers in table.items()}
        assert filtered == {name: known.get(name) for name in table}


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


def test_a_compiler_that_works_without_end_is_timed_out(sandbox: Sandbox) -> None:
    """The compiler's own parent reports an error then: it is none of syntax."""
    if missing := LANGUAGES["cpp"].missing():
        pytest.skip(f"not here: {missing}")
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


def test_time_in_which_everything_stood_still_counts_for_no_program(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A suspended or overloaded machine is not the program's fault."""
    stood_still: list[bool] = []

    def check(process: Process, now: float, started: float) -> None:
        _check(process, now, started)
        if not stood_still:
            stood_still.append(True)
            time.sleep(5)

    monkeypatch.setattr("pyengine.code.watch._check", check)
    code = "import time\ntime.sleep(6)\ndef attack(): return 1\n"
    assert run(sandbox, code, "assert attack() == 1").outcome is Outcome.PASSED
    assert stood_still


@pytest.mark.parametrize(("waited", "outcome"), [(2.0, Outcome.PASSED), (0.0, Outcome.TIMED_OUT)])
def test_time_in_which_no_processor_was_free_counts_for_no_program(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, waited: float, outcome: Outcome
) -> None:
    """Each of the job's processes waited so long: ours around the program, and the program."""
    monkeypatch.setattr("pyengine.code.watch.waited_s", lambda _: waited)
    code = "import time\ntime.sleep(6)\ndef attack(): return 1\n"
    assert run(sandbox, code, "assert attack() == 1").outcome is outcome


def test_waiting_for_a_processor_is_known() -> None:
    """Three busy programs on one processor: each waits about two thirds of the time."""
    if not Path("/proc/self/schedstat").exists():
        pytest.skip("this kernel does not say it")
    one = min(os.sched_getaffinity(0))
    busy = f"import os\nos.sched_setaffinity(0, {{{one}}})\nwhile True: pass"
    programs = [subprocess.Popen([sys.executable, "-c", busy]) for _ in range(3)]
    try:
        deadline = time.monotonic() + 60
        while sum(waited_s(p.pid) for p in programs) < 1.0 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert sum(waited_s(p.pid) for p in programs) >= 1.0
    finally:
        for program in programs:
            program.kill()
            program.wait()
    assert waited_s(programs[0].pid) == 0.0


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder that looks like an interpreter's with pyengine installed in it."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        package = Path(folder) / "lib" / "python3.11" / "site-packages" / "pyengine"
        package.mkdir(parents=True)
        (package / "answers.toml").write_text("harmed")
        (Path(folder) / "lib" / "python3.11" / "os.py").write_text("shown")
        (Path(folder) / "elsewhere").mkdir()
        (Path(folder) / "elsewhere" / "answers.toml").write_text("harmed")
        yield Path(folder)


def test_nothing_of_ours_is_shown_but_the_judge(
    each_sandbox: Sandbox, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither what is installed in a folder that is shown, nor a checkout that lies in one."""
    monkeypatch.setattr("pyengine.code.view.PACKAGE", root / "elsewhere")
    program = (
        "import os\n"
        f"for folder, _, files in os.walk({str(root)!r}):\n"
        "    for name in files: print(name)\n"
        "import importlib.util as util, sys\n"
        "sys.path += [path for path in (f'{sys.prefix}/lib/python3.11/site-packages',)]\n"
        "print(util.find_spec('pyengine'))\n"
        "print(sorted(name for name in os.listdir('/harness') if name.endswith('.toml')))\n"
    )
    step = Step("run", [interpreter(), "-I", "-S", "main.py"])
    job = Job({"main.py": program}, [step], LIMITS, [str(root)])
    with each_sandbox.start(job) as process:
        watch([process])
    assert process.said("stdout").decode() == "os.py\nNone\n[]\n", process
