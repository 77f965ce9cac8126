"""Run untrusted programs without network, without the user's files, and under hard limits.

Two ways in, chosen by what the machine has: bubblewrap, or namespaces of our own
(harness/namespaces.py). Where neither works, `open_sandbox` refuses, unless the caller asks for
plain local execution by name.
"""

import base64
import contextlib
import functools
import json
import os
import random
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import IO, Any, Literal, TypeAlias

from pyengine.code.cgroup import MemoryGroup, memory_group
from pyengine.code.harness.tree import children, descendants, end_below
from pyengine.code.view import HARNESS, PACKAGES_SHOWN, bubblewrap_argv, view
from pyengine.errors import InputError, OptionError, PyengineError
from pyengine.files import temporary_folder

MIB = 1 << 20
# A library of numbers starts a thread for each core, each with a large stack, and draws nowhere.
SHOWN = "{packages}"  # in a value of a step's environment: the folder of the job's packages
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
OPEN_FILES = 256  # the most descriptors that one process may have
# Why a job was killed from outside.
Stopped: TypeAlias = Literal["wall time", "CPU time", "memory", "output"]


class SandboxError(PyengineError):
    """The sandbox itself failed; says nothing about the program that was to run in it."""


class Isolation(str, Enum):
    """How the programs are kept away from the machine."""

    BUBBLEWRAP = "bubblewrap"
    NAMESPACES = "namespaces"
    NONE = "none"


@dataclass(frozen=True)
class Limits:
    """What one program may use; bytes and seconds.

    What it writes lies in memory too: all in all it has `memory_bytes` and `disk_bytes`.
    """

    cpu_s: int = 10
    wall_s: float = 15.0
    memory_bytes: int = 1024 * MIB
    processes: int = 64
    file_bytes: int = 64 * MIB
    disk_bytes: int = 256 * MIB
    output_bytes: int = MIB


@dataclass(frozen=True)
class Step:
    """One program of a job.

    `limit_address_space` is off for runtimes that reserve far more addresses than they use.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    limit_address_space: bool = True
    fds: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """Files to lay down in the working folder, steps to run there, and folders they need to read.

    `packages` are paths of installed Python packages that may be imported, or of compiled ones.
    Steps name their files relative to the working folder.
    """

    files: Mapping[str, str | bytes]
    steps: Sequence[Step]
    limits: Limits = field(default_factory=Limits)
    toolchain_roots: Sequence[str] = ()
    packages: Sequence[str] = ()


class Sandbox:
    """A way to start jobs. One instance may run many jobs, from several threads."""

    def __init__(self, isolation: Isolation) -> None:
        self.isolation = isolation
        self._running: set[Process] = set()

    def kill(self) -> None:
        """Kill every job that is running: nobody waits for its outcome."""
        for process in tuple(self._running):
            process.kill()

    @contextlib.contextmanager
    def start(self, job: Job, *, pass_fds: Sequence[int] = ()) -> Iterator["Process"]:
        """Start `job`; whatever it left running is killed when the context ends."""
        with temporary_folder() as folder:
            yield from self._start(job, str(folder), pass_fds)

    def _start(self, job: Job, folder: str, pass_fds: Sequence[int]) -> Iterator["Process"]:
        group = memory_group(job.limits.memory_bytes + job.limits.disk_bytes)
        report_read, report_write = os.pipe()
        try:
            with tempfile.TemporaryFile(buffering=0) as described:
                argv = self._argv(job, folder, described.fileno(), report_write)
                _write_all(described, json.dumps(self._description(job, folder)).encode())
                described.seek(0)
                child = subprocess.Popen(
                    group.entering(argv) if group else argv,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    pass_fds=[described.fileno(), report_write, *pass_fds],
                    start_new_session=True,
                    env={"LANG": "C.UTF-8", "PATH": os.environ.get("PATH", "")},
                )
            os.close(report_write)
            report_write = -1
            process = Process(child, report_read, self.isolation, job.limits, group)
            self._running.add(process)
            try:
                yield process
            finally:
                self._running.discard(process)
                process.close()
        finally:
            for descriptor in (report_read, report_write):
                if descriptor >= 0:
                    os.close(descriptor)
            if group:
                group.close()

    def _description(self, job: Job, folder: str) -> dict[str, Any]:
        closed = self.isolation is not Isolation.NONE
        work = "/work" if closed else folder
        return {
            "root": work,
            "files": {
                name: base64.b64encode(
                    content.encode("utf-8", "surrogatepass")
                    if isinstance(content, str)
                    else content
                ).decode()
                for name, content in job.files.items()
            },
            "uid": random.SystemRandom().randrange(30000, 60000) if closed else None,
            "mount": self.isolation is Isolation.BUBBLEWRAP,
            "disk_bytes": job.limits.disk_bytes,
            "steps": [_step_description(step, job, work, closed) for step in job.steps],
        }

    def _argv(self, job: Job, folder: str, job_fd: int, report_fd: int) -> list[str]:
        closed = self.isolation is not Isolation.NONE
        script = "/harness/supervisor.py" if closed else str(HARNESS / "supervisor.py")
        inner = [interpreter(), "-I", "-S", script, str(job_fd), str(report_fd)]
        if self.isolation is Isolation.BUBBLEWRAP:
            return bubblewrap_argv(job.toolchain_roots, job.packages) + inner
        if self.isolation is Isolation.NAMESPACES:
            spec = {
                **view(job.toolchain_roots, job.packages),
                "root": folder,
                "disk_bytes": job.limits.disk_bytes,
                "argv": inner,
            }
            return [interpreter(), "-I", "-S", str(HARNESS / "namespaces.py"), json.dumps(spec)]
        return inner


def _write_all(file: IO[bytes], data: bytes) -> None:
    try:
        while data:
            data = data[file.write(data) :]
    except OSError as error:
        raise InputError(
            f"{tempfile.gettempdir()}: a program cannot be written there for the sandbox: "
            f"{error.strerror}"
        ) from error


@dataclass(frozen=True)
class StepEnd:
    """How one step ended: `status` is its exit code, or minus the signal that ended it."""

    name: str
    status: int
    cpu_s: float


@dataclass(eq=False)
class Process:
    """A running job, and how it ended: `pyengine.code.watch` sees to that.

    Attributes:
        child: its outermost process.
        report_fd: the pipe on which the supervisor reports.
        started, ended_at: on the monotonic clock; not ended while it runs.
        stopped: why it was killed; None where it ended by itself.
        written: bytes that it wrote in all.
        memory: bytes that it had when they were last counted.
        buffers: what it wrote, by the name of the pipe.
    """

    child: "subprocess.Popen[bytes]"
    report_fd: int
    isolation: Isolation
    limits: Limits
    group: MemoryGroup | None = None
    started: float = 0.0
    ended_at: float | None = None
    stopped: Stopped | None = None
    written: int = 0
    memory: int = 0
    buffers: dict[str, bytearray] = field(default_factory=dict)

    @property
    def stdout(self) -> IO[bytes]:
        """What the job prints."""
        assert self.child.stdout is not None
        return self.child.stdout

    @property
    def stderr(self) -> IO[bytes]:
        """What the job prints as errors, those of the sandbox included."""
        assert self.child.stderr is not None
        return self.child.stderr

    def members(self) -> list[int]:
        """Return every process of the job, ours around it among them."""
        return descendants(self.child.pid)

    def program(self) -> list[int]:
        """Return the processes of the program itself, which the supervisor has started."""
        above = [self.child.pid]
        if self.isolation is not Isolation.NONE:  # below what closed the sandbox
            above = children(self.child.pid)
        started = [child for pid in above for child in children(pid)]
        return [member for pid in started for member in descendants(pid)]

    def kill(self) -> None:
        """Kill every process of the job; in a namespace the kernel leaves none behind."""
        if self.child.returncode is not None:
            return  # waited for: its number may be another's by now
        if self.isolation is Isolation.NONE:
            end_below(self.child.pid)
        with contextlib.suppress(ProcessLookupError):
            self.child.kill()

    def close(self) -> None:
        """Kill what is left and free the pipes."""
        self.kill()
        self.child.wait()
        self.stdout.close()
        self.stderr.close()

    @property
    def began(self) -> bool:
        """False where the sandbox itself could not be set up."""
        return b"\n" in self.buffers.get("report", b"")

    @property
    def steps(self) -> list[StepEnd]:
        """The steps that have ended; lacks the one during which the job was stopped."""
        lines = bytes(self.buffers.get("report", b"")).split(b"\n")[1:-1]
        return [StepEnd(**json.loads(line)) for line in lines]

    def said(self, pipe: str) -> bytes:
        """Return what came through "stdout", "stderr" or "verdict", up to the limit of output."""
        return bytes(self.buffers.get(pipe, b"")[: self.limits.output_bytes])

    @property
    def wall_s(self) -> float:
        """How long it ran."""
        return (self.ended_at or time.monotonic()) - self.started

    def take(self, name: str, data: bytes) -> None:
        """Keep what came through a pipe; stop where it is too much."""
        self.buffers.setdefault(name, bytearray()).extend(data)
        self.written += len(data)
        if self.written > self.limits.output_bytes:
            self.stop("output")

    def stop(self, why: Stopped) -> None:
        """Kill the job, unless it has ended or was killed before."""
        if self.stopped is None and self.ended_at is None:
            self.stopped = why
            self.kill()


def interpreter() -> str:
    """Return the Python that stands outside any virtual environment."""
    name = f"python{sysconfig.get_python_version()}"
    base = Path(sys.base_prefix) / "bin" / name
    return str(base.resolve()) if base.exists() else sys.executable


def _step_description(step: Step, job: Job, work: str, closed: bool) -> dict[str, Any]:
    limits = job.limits
    bounds = {
        "RLIMIT_CPU": limits.cpu_s,
        "RLIMIT_DATA": limits.memory_bytes,
        "RLIMIT_FSIZE": limits.file_bytes,
        "RLIMIT_NOFILE": OPEN_FILES,
        "RLIMIT_CORE": 0,
    }
    if closed:  # elsewhere it would count every process of the user
        bounds["RLIMIT_NPROC"] = limits.processes
    if step.limit_address_space:
        bounds["RLIMIT_AS"] = limits.memory_bytes
    env = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": work}
    if job.packages:
        folders = [PACKAGES_SHOWN] if closed else [str(Path(path).parent) for path in job.packages]
        env |= {"PACKAGES": ":".join(dict.fromkeys(folders)), **ONE_THREAD}
        env |= {name: value.replace(SHOWN, folders[0]) for name, value in step.env.items()}
    else:
        env |= step.env
    return {
        "name": step.name,
        "argv": list(step.argv),
        "env": {**env, "TMPDIR": "/tmp" if closed else work},
        "limits": bounds,
        "fds": {str(target): source for target, source in step.fds.items()},
    }


@functools.cache
def works(isolation: Isolation) -> str:
    """Return "" where `isolation` can be used on this machine, otherwise why not."""
    if sys.platform != "linux":
        return f"needs Linux, this is {sys.platform}"
    if isolation is Isolation.BUBBLEWRAP and shutil.which("bwrap") is None:
        return "bwrap is not installed"
    job = Job(files={}, steps=[Step("try", [interpreter(), "-I", "-S", "-c", "pass"])])
    with Sandbox(isolation).start(job) as process:
        try:
            _, errors = process.child.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            return "did not start within 20 seconds"
        report = os.read(process.report_fd, 65536)
    if b'"status": 0' in report:
        return ""
    return (errors.decode(errors="replace").strip() or "no report").splitlines()[-1]


def open_sandbox(
    isolation: Isolation | None = None, *, unsafe_local_execution: bool = False
) -> Sandbox:
    """Return the strongest sandbox that works here, or the one asked for.

    Raises:
        OptionError: None works and `unsafe_local_execution` was not given, or the one asked for
        does not work.
    """
    if isolation is Isolation.NONE or unsafe_local_execution:
        if not unsafe_local_execution:
            raise OptionError(
                "running generated code without a sandbox needs unsafe_local_execution"
            )
        return Sandbox(Isolation.NONE)
    wanted = [isolation] if isolation else [Isolation.BUBBLEWRAP, Isolation.NAMESPACES]
    reasons = []
    for candidate in wanted:
        reason = works(candidate)
        if not reason:
            return Sandbox(candidate)
        reasons.append(f"{candidate.value}: {reason}")
    raise OptionError(
        "no sandbox works on this machine ("
        + "; ".join(reasons)
        + "). Install bubblewrap, or give "
        "--unsafe-local-execution to run generated programs as yourself"
    )
