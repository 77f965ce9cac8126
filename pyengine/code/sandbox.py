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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import IO, Any

from pyengine.code.cgroup import MemoryGroup, memory_group
from pyengine.code.harness.tree import children, descendants, end_below
from pyengine.code.usage import OPEN_FILES
from pyengine.code.view import HARNESS, bubblewrap_argv, namespaces_view
from pyengine.errors import InputError, OptionError, PyengineError
from pyengine.files import temporary_folder

MIB = 1 << 20


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
    """Files to lay down in the working folder, the steps to run there, and folders they need to
    read.

    `folder` is where the working folder is seen from inside; steps name their files relative to it.
    """

    files: Mapping[str, str | bytes]
    steps: Sequence[Step]
    limits: Limits = field(default_factory=Limits)
    toolchain_roots: Sequence[str] = ()


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
            process = Process(child, report_read, self.isolation, group)
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
            "steps": [_step_description(step, job.limits, work, closed) for step in job.steps],
        }

    def _argv(self, job: Job, folder: str, job_fd: int, report_fd: int) -> list[str]:
        closed = self.isolation is not Isolation.NONE
        script = "/harness/supervisor.py" if closed else str(HARNESS / "supervisor.py")
        inner = [interpreter(), "-I", "-S", script, str(job_fd), str(report_fd)]
        if self.isolation is Isolation.BUBBLEWRAP:
            return bubblewrap_argv(job.toolchain_roots) + inner
        if self.isolation is Isolation.NAMESPACES:
            spec = {
                **namespaces_view(job.toolchain_roots),
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


@dataclass(eq=False)
class Process:
    """A running job: its outermost process, and the pipe on which the supervisor reports."""

    child: "subprocess.Popen[bytes]"
    report_fd: int
    isolation: Isolation
    group: MemoryGroup | None = None

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


def interpreter() -> str:
    """Return the Python that stands outside any virtual environment."""
    name = f"python{sysconfig.get_python_version()}"
    base = Path(sys.base_prefix) / "bin" / name
    return str(base.resolve()) if base.exists() else sys.executable


def _step_description(step: Step, limits: Limits, work: str, closed: bool) -> dict[str, Any]:
    bounds = {
        "cpu_s": limits.cpu_s,
        "data_bytes": limits.memory_bytes,
        "file_bytes": limits.file_bytes,
        "open_files": OPEN_FILES,
        "core_bytes": 0,
    }
    if closed:  # elsewhere it would count every process of the user
        bounds["processes"] = limits.processes
    if step.limit_address_space:
        bounds["address_bytes"] = limits.memory_bytes
    temporary = "/tmp" if closed else work
    env = {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": work,
        "TMPDIR": temporary,
        **step.env,
    }
    return {
        "name": step.name,
        "argv": list(step.argv),
        "env": env,
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
