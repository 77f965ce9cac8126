"""Programs that look for memory that nobody counts: all that a job holds stays within its limits.

The kernel itself says how much it was, through a cgroup: without a limit where the sandbox must do
without one, as on machines that give none, and with the sandbox's own where they do.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from codegen_samples import LIMITS, NO_LIMIT, peak_bytes

from pyengine.code.cgroup import MemoryGroup, memory_group
from pyengine.code.sandbox import Isolation, Job, Process, Sandbox, Step, interpreter, works
from pyengine.code.watch import OWN_BYTES, cpu_of, memory_of, watch

TOLERANCE = 1.1
# What a group may have before a program is stopped: the sandbox's own processes are in it too.
ALLOWED_BYTES = LIMITS.memory_bytes + OWN_BYTES
ISOLATIONS = (Isolation.BUBBLEWRAP, Isolation.NAMESPACES)


@dataclass(frozen=True)
class Measured:
    """How a job ended, and the most memory it had."""

    ended: Process
    peak_bytes: int


class Meter:
    """Runs jobs in a sandbox and measures them."""

    def __init__(self, sandbox: Sandbox, group: MemoryGroup | None) -> None:
        self._sandbox, self._group = sandbox, group

    def run(self, program: str, *, limit_address_space: bool = True) -> Measured:
        argv = [interpreter(), "-I", "-S", "main.py"]
        step = Step("run", argv, limit_address_space=limit_address_space)
        with self._sandbox.start(Job({"main.py": program}, [step], LIMITS)) as process:
            watch([process])
            group = self._group or process.group
            assert group is not None
            return Measured(process, peak_bytes(group))


@pytest.fixture(params=[*ISOLATIONS, None], ids=["bubblewrap", "namespaces", "a cgroup"])
def meter(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Meter]:
    """A meter for each way to isolate, without a limit from a cgroup; and for one with it."""
    isolation: Isolation | None = request.param
    reasons = {kind: works(kind) for kind in ([isolation] if isolation else ISOLATIONS)}
    working = [kind for kind, reason in reasons.items() if not reason]
    group = memory_group(NO_LIMIT)
    if group is None or not working:
        pytest.skip(f"no cgroup to measure with, or no sandbox works here: {reasons}")
    if isolation is None:
        group.close()
        yield Meter(Sandbox(working[0]), None)
        return
    plain = Sandbox._argv
    monkeypatch.setattr("pyengine.code.sandbox.memory_group", lambda _: None)
    monkeypatch.setattr(Sandbox, "_argv", lambda *given: group.entering(plain(*given)))
    yield Meter(Sandbox(isolation), group)
    group.close()


# Each holds what it gets for a second, or until it is stopped.
CHILDREN = (
    "import os, time\n"
    "for number in range(24):\n"
    "    if os.fork() == 0:\n"
    "        try:\n"
    "{}\n"
    "        except OSError:\n"
    "            pass\n"
    "        time.sleep(2)\n"
    "        os._exit(0)\n"
    "time.sleep(1)\n"
)
PROCESSES = {
    "pages": CHILDREN.format(
        "            held = []\n"
        "            while True:\n"
        "                held.append(b'x' * (1 << 20))\n"
        "                time.sleep(0.1)"
    ),
    "pipes": CHILDREN.format(
        "            while True:\n"
        "                read, write = os.pipe()\n"
        "                os.set_blocking(write, False)\n"
        "                os.write(write, bytes(1 << 16))"
    ),
    "sockets": CHILDREN.format(
        "            import socket\n"
        "            held = []\n"
        "            while True:\n"
        "                pair = socket.socketpair()\n"
        "                held.append(pair)\n"
        "                for end in pair:\n"
        "                    end.setblocking(False)\n"
        "                    try:\n"
        "                        while True:\n"
        "                            end.send(bytes(1 << 15))\n"
        "                    except BlockingIOError:\n"
        "                        pass\n"
        "                time.sleep(0.05)"
    ),
    "shared pages, dropped from the table": (
        "import ctypes, mmap\n"
        "held = []\n"
        "while len(held) < 64:\n"
        "    held.append(mmap.mmap(-1, 16 << 20))\n"
        "    held[-1].write(b'x' * (16 << 20))\n"
        "    held[-1].madvise(mmap.MADV_DONTNEED)\n"
    ),
}
FILES = {
    "files": (
        "import time\n"
        "for folder in ('/work', '/tmp', '/dev/shm'):\n"
        "    for number in range(8):\n"
        "        try:\n"
        "            with open(f'{folder}/{number}', 'wb') as stream:\n"
        "                while True:\n"
        "                    stream.write(bytes(1 << 20))\n"
        "        except OSError:\n"
        "            pass\n"
        "time.sleep(0.5)\n"
    ),
    "empty files": (
        "import os, time\n"
        "for number in range(400_000):\n"
        "    os.close(os.open(f'/tmp/{number}', os.O_CREAT | os.O_WRONLY))\n"
    ),
    "extended attributes": (
        "import os\n"
        "for number in range(200_000):\n"
        "    path = f'/tmp/{number % 1000}'\n"
        "    os.close(os.open(path, os.O_CREAT | os.O_WRONLY))\n"
        "    os.setxattr(path, f'user.{number}', bytes(4096))\n"
    ),
}
TABLES = (
    "import ctypes\n"
    "libc = ctypes.CDLL(None)\n"
    "libc.mmap.restype = ctypes.c_void_p\n"
    "libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]\n"
    "for number in range(8):\n"
    "    start = libc.mmap(None, 64 << 30, 1, 0x4022, -1, 0)\n"  # PROT_READ; private, no reserve
    "    libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(64 << 30), 15)\n"  # no huge pages
    "    for offset in range(0, 64 << 30, 2 << 20):\n"
    "        ctypes.c_char.from_address(start + offset).value\n"
)


@pytest.mark.parametrize("way", PROCESSES)
def test_what_processes_hold_stays_within_the_limit(meter: Meter, way: str) -> None:
    measured = meter.run(PROCESSES[way])
    assert measured.peak_bytes <= TOLERANCE * ALLOWED_BYTES, measured


@pytest.mark.parametrize("way", FILES)
def test_files_stay_within_the_limits_of_memory_and_disk(meter: Meter, way: str) -> None:
    measured = meter.run(FILES[way])
    assert measured.ended.stopped != "output"
    assert measured.peak_bytes <= TOLERANCE * (ALLOWED_BYTES + LIMITS.disk_bytes), measured


def test_tables_of_pages_stay_within_the_limit(meter: Meter) -> None:
    """A runtime without a limit on addresses may map more than it has, and only read it.

    Tables grow by as much as is mapped between two looks, which come late on a busy machine.
    """
    measured = meter.run(TABLES, limit_address_space=False)
    assert measured.peak_bytes <= 1.25 * ALLOWED_BYTES, measured


def test_a_limit_is_not_passed_at_once_by_what_is_allowed(meter: Meter) -> None:
    """Nine tenths of the memory and of the disk are the program's to use."""
    program = (
        "import time\n"
        f"held = b'x' * {int(0.9 * LIMITS.memory_bytes) - (24 << 20)}\n"
        f"open('/tmp/x', 'wb').write(bytes({int(0.9 * LIMITS.disk_bytes)}))\n"
        "time.sleep(0.3)\nprint('held')\n"
    )
    measured = meter.run(program)
    assert (measured.ended.stopped, measured.ended.said("stdout")) == (None, b"held\n"), measured


def test_cpu_time_is_that_of_all_processes_together(each_sandbox: Sandbox) -> None:
    program = (
        "import os\n"
        "while True:\n"
        "    if os.fork() == 0:\n"
        "        for _ in range(3_000_000): pass\n"
        "        os._exit(0)\n"
        "    if os.fork() == 0:\n"
        "        for _ in range(3_000_000): pass\n"
        "        os._exit(0)\n"
        "    os.wait(), os.wait()\n"
    )
    step = Step("run", [interpreter(), "-I", "-S", "main.py"])
    with each_sandbox.start(Job({"main.py": program}, [step], LIMITS)) as process:
        used = 0.0
        original = process.kill

        def kill() -> None:
            nonlocal used
            used = max(used, cpu_of(process.members()))
            original()

        process.kill = kill  # type: ignore[method-assign]
        watch([process])
    assert process.stopped in ("CPU time", "wall time")
    assert used <= TOLERANCE * LIMITS.cpu_s + 0.1


def test_a_program_cannot_start_more_processes_than_it_may(each_sandbox: Sandbox) -> None:
    program = (
        "import os, time\n"
        "started = 1\n"
        "try:\n"
        "    while started < 200:\n"
        "        if os.fork() == 0:\n"
        "            time.sleep(3)\n"
        "            os._exit(0)\n"
        "        started += 1\n"
        "except OSError:\n"
        "    pass\n"
        "print(started, flush=True)\n"
    )
    step = Step("run", [interpreter(), "-I", "-S", "main.py"])
    with each_sandbox.start(Job({"main.py": program}, [step], LIMITS)) as process:
        watch([process])
    assert 0.9 * LIMITS.processes <= int(process.said("stdout")) <= TOLERANCE * LIMITS.processes


def test_memory_counts_buffers_that_no_page_table_shows() -> None:
    """Where no cgroup counts them: sockets and pipes are taken to be full."""
    isolation = next((kind for kind in Isolation if not works(kind)), None)
    if isolation is None:
        pytest.skip("no sandbox works here")
    program = "import os, time\nheld = [os.pipe() for _ in range(100)]\ntime.sleep(60)\n"
    step = Step("run", [interpreter(), "-I", "-S", "main.py"])
    with Sandbox(isolation).start(Job({"main.py": program}, [step], LIMITS)) as process:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if memory_of(process.program()) >= 100 << 16:
                return
            time.sleep(0.02)
    pytest.fail("100 pipes were not counted")
