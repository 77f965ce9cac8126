"""Programs that try to harm this machine or to hang: none may."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from codegen_samples import LIMITS, attempt

from pyengine.code.answers import Outcome
from pyengine.code.execution import execute
from pyengine.code.harness.tree import descendants
from pyengine.code.languages import LANGUAGES
from pyengine.code.sandbox import (
    Isolation,
    Job,
    Sandbox,
    Step,
    open_sandbox,
)
from pyengine.code.tasks import own_tasks
from pyengine.code.watch import watch
from pyengine.errors import OptionError


def test_fork_bomb(each_sandbox: Sandbox) -> None:
    execution = attempt(each_sandbox, "import os\nwhile True:\n    os.fork()")
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


def test_infinite_loop(each_sandbox: Sandbox) -> None:
    assert attempt(each_sandbox, "while True: pass").outcome is Outcome.TIMED_OUT


def test_a_loop_that_ignores_the_signal_of_its_limit(each_sandbox: Sandbox) -> None:
    source = "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass"
    assert attempt(each_sandbox, source).outcome is Outcome.TIMED_OUT


def test_a_program_that_kills_itself_has_not_run_out_of_time(each_sandbox: Sandbox) -> None:
    assert attempt(each_sandbox, "import os\nos.kill(os.getpid(), 9)").outcome is Outcome.KILLED


def test_sleeping_forever(each_sandbox: Sandbox) -> None:
    assert attempt(each_sandbox, "import time\ntime.sleep(1000)").outcome is Outcome.TIMED_OUT


def test_memory_balloon(each_sandbox: Sandbox) -> None:
    execution = attempt(each_sandbox, "held = []\nwhile True:\n    held.append(bytearray(1 << 22))")
    assert execution.outcome is Outcome.MEMORY


def test_memory_balloon_over_many_processes(each_sandbox: Sandbox) -> None:
    body = (
        "import os, time\n"
        "for _ in range(8):\n"
        "    if os.fork() == 0:\n"
        "        held = bytearray(b'x') * (100 << 20)\n"
        "        time.sleep(60)\n"
        "time.sleep(60)"
    )
    assert attempt(each_sandbox, body).outcome is Outcome.MEMORY


def test_writing_outside(each_sandbox: Sandbox, tmp_path: Path) -> None:
    target = tmp_path / "written"
    body = f"open({str(target)!r}, 'w').write('x')\nreturn 'harmed'"
    assert attempt(each_sandbox, body).outcome is Outcome.EXCEPTION
    assert not target.exists()
    body = "import os\nopen(os.__file__ + '.new', 'w').write('x')\nreturn 'harmed'"
    assert attempt(each_sandbox, body).outcome is Outcome.EXCEPTION


def test_filling_the_disk(each_sandbox: Sandbox) -> None:
    body = "while True:\n    open('big', 'ab').write(bytes(1 << 20))"
    execution = attempt(each_sandbox, body)
    assert execution.outcome in (Outcome.EXCEPTION, Outcome.KILLED, Outcome.MEMORY)


def test_reading_the_home_folder(each_sandbox: Sandbox, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("harmed")
    reading = attempt(each_sandbox, f"return open({str(secret)!r}).read()")
    assert reading.outcome is Outcome.EXCEPTION
    home = str(Path.home())
    body = f"import os\nreturn 'harmed' if '.bashrc' in os.listdir({home!r}) else 'empty'"
    attempt(each_sandbox, body)


def test_the_parent_environment_is_not_there(
    each_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN_OF_THE_USER", "x")
    attempt(each_sandbox, "import os\nreturn 'harmed' if 'TOKEN_OF_THE_USER' in os.environ else ''")


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


def test_opening_a_socket(each_sandbox: Sandbox, listener: tuple[int, list[str]]) -> None:
    port, came = listener
    body = f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 2)\nreturn 'harmed'"
    assert attempt(each_sandbox, body).outcome is Outcome.EXCEPTION
    assert came == []


def test_killing_the_parent(each_sandbox: Sandbox) -> None:
    body = (
        "import os, signal\n"
        f"for pid in (os.getppid(), 1, {os.getpid()}, -1):\n"
        "    try:\n"
        "        os.kill(pid, signal.SIGKILL)\n"
        "    except OSError:\n"
        "        pass"
    )
    execution = attempt(each_sandbox, body)
    assert execution.outcome in (Outcome.KILLED, Outcome.WRONG_ANSWER, Outcome.EXCEPTION)


def test_printing_a_gigabyte(each_sandbox: Sandbox) -> None:
    body = "import os\nfor _ in range(1024):\n    os.write(1, b'x' * (1 << 20))\nreturn 'done'"
    assert attempt(each_sandbox, body).outcome is Outcome.KILLED


def test_output_is_read_with_a_cap(each_sandbox: Sandbox) -> None:
    job = Job({}, [Step("run", ["/bin/sh", "-c", "yes"])], LIMITS)
    with each_sandbox.start(job) as process:
        watch([process])
    assert process.stopped == "output"
    assert len(process.said("stdout")) <= LIMITS.output_bytes


def test_without_isolation_is_refused_unless_asked_for() -> None:
    with pytest.raises(OptionError, match="unsafe_local_execution"):
        open_sandbox(Isolation.NONE)
    assert open_sandbox(unsafe_local_execution=True).isolation is Isolation.NONE


def test_refuses_where_no_sandbox_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyengine.code.sandbox.works", lambda _: "forbidden")
    with pytest.raises(OptionError, match="unsafe-local-execution"):
        open_sandbox()


@pytest.mark.parametrize("language", ["python", "javascript", "c"])
def test_without_isolation_limits_still_hold(language: str) -> None:
    if missing := LANGUAGES[language].missing():
        pytest.skip(f"not here: {missing}")
    local = open_sandbox(unsafe_local_execution=True)
    task = next(task for task in own_tasks([language]) if task.name.endswith("/is_even"))
    assert execute(task, task.reference, sandbox=local).outcome is Outcome.PASSED
    if language == "python":
        endless = execute(task, "    while True: pass\n", sandbox=local, limits=LIMITS)
        assert endless.outcome is Outcome.TIMED_OUT
        asleep = "    import time; time.sleep(1000)\n"
        assert execute(task, asleep, sandbox=local, limits=LIMITS).outcome is Outcome.TIMED_OUT


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """Plain local execution, whose working folders lie in the test's own."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return open_sandbox(unsafe_local_execution=True)


def test_without_isolation_no_daemon_is_left(local: Sandbox, tmp_path: Path) -> None:
    """One that has left its session and its parent, and one that starts others without end."""
    named = tmp_path / "pids"
    body = (
        "import os, time\n"
        "for _ in range(3):\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        "        if os.fork() == 0:\n"
        f"            print(os.getpid(), file=open({str(named)!r}, 'a'))\n"
        "            while True:\n"
        "                time.sleep(0.05)\n"
        "                if os.fork(): os._exit(0)\n"
        f"                print(os.getpid(), file=open({str(named)!r}, 'a'))\n"
        "        os._exit(0)\n"
        "    os.wait()\n"
        "time.sleep(0.5)\n"
    )
    assert attempt(local, body).outcome is Outcome.WRONG_ANSWER
    known = len(named.read_text().split())
    assert known > 3
    time.sleep(0.5)
    assert len(named.read_text().split()) == known


def test_without_isolation_a_deep_folder_is_removed(local: Sandbox, tmp_path: Path) -> None:
    """Deeper than a recursion may go, and than a path may be long."""
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("the user's")
    body = (
        "import os\n"
        f"os.symlink({str(kept)!r}, 'link')\n"
        "for _ in range(3000):\n"
        "    os.mkdir('a')\n"
        "    open('f', 'w').close()\n"
        "    os.chdir('a')\n"
        "os.chmod('.', 0)\n"
    )
    assert attempt(local, body).outcome is Outcome.WRONG_ANSWER
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert (kept / "file").read_text() == "the user's"
