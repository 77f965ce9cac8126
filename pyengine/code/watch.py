"""Wait for sandboxed jobs, and stop them at their limits of time, memory and output."""

import json
import os
import selectors
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from pyengine.code.sandbox import Limits, Process
from pyengine.code.usage import cpu_of, memory_of

# How often to look: more often the nearer a program is to its limit of memory, as it may take
# FASTEST bytes in a second.
POLL_S, SHORTEST_POLL_S, FASTEST = 0.05, 0.002, 4 << 30
OWN_BYTES = 16 << 20  # what the sandbox's own processes have in the job's group, about
CPU_GRACE_S = 0.1  # what the supervisor needs; the kernel's limit on one process comes first
SUSPENDED_S, MOST_SUSPENDED_S = 2.0, 600.0


class Stopped(str, Enum):
    """Why a job was killed from outside."""

    WALL_TIME = "wall time"
    CPU_TIME = "CPU time"
    MEMORY = "memory"
    OUTPUT = "output"


@dataclass(frozen=True)
class StepEnd:
    """How one step ended: `status` is its exit code, or minus the signal that ended it."""

    name: str
    status: int
    cpu_s: float
    wall_s: float
    peak_bytes: int


@dataclass(frozen=True)
class Ended:
    """How a whole job ended. `steps` lacks the step during which it was stopped.

    `began` is False where the sandbox itself could not be set up.
    """

    began: bool
    steps: tuple[StepEnd, ...]
    stdout: bytes
    stderr: bytes
    stopped: Stopped | None
    wall_s: float
    verdict: bytes = b""


@dataclass
class _Watched:
    process: Process
    limits: Limits
    stopped: Stopped | None = None
    ended_at: float | None = None
    written: int = 0
    memory: int = 0
    buffers: dict[str, bytearray] = field(default_factory=dict)

    def take(self, name: str, data: bytes) -> None:
        self.buffers.setdefault(name, bytearray()).extend(data)
        self.written += len(data)
        if self.written > self.limits.output_bytes:
            self.stop(Stopped.OUTPUT)

    def stop(self, why: Stopped) -> None:
        if self.stopped is None and self.ended_at is None:
            self.stopped = why
            self.process.kill()

    def ended_steps(self) -> list[StepEnd]:
        """Return the steps that have ended so far."""
        lines = bytes(self.buffers.get("report", b"")).split(b"\n")[1:-1]
        return [StepEnd(**json.loads(line)) for line in lines]

    def cpu_s(self) -> float:
        """Return the CPU time of the step that runs: of all its processes together."""
        return cpu_of(self.process.members()) - sum(step.cpu_s for step in self.ended_steps())

    def pause_s(self) -> float:
        """Return how long the program cannot pass its limit of memory by much."""
        left = self.limits.memory_bytes - self.memory
        return min(max(left / FASTEST, SHORTEST_POLL_S), POLL_S)

    def result(self, started: float) -> Ended:
        return Ended(
            began=b"\n" in self.buffers.get("report", b""),
            steps=tuple(self.ended_steps()),
            stdout=bytes(self.buffers.get("stdout", b"")[: self.limits.output_bytes]),
            stderr=bytes(self.buffers.get("stderr", b"")[: self.limits.output_bytes]),
            stopped=self.stopped,
            wall_s=(self.ended_at or time.monotonic()) - started,
            verdict=bytes(self.buffers.get("verdict", b"")),
        )


def watch(
    processes: Sequence[Process], limits: Limits, *, verdict_fd: int | None = None
) -> list[Ended]:
    """Return how each of `processes` ended; all of them are stopped when one passes a limit.

    `verdict_fd` is read along with the last of them: the channel on which a judge reports.
    """
    started = time.monotonic()
    watched = [_Watched(process, limits) for process in processes]
    with selectors.DefaultSelector() as selector:
        for item in watched:
            for name, descriptor in (
                ("stdout", item.process.stdout.fileno()),
                ("stderr", item.process.stderr.fileno()),
                ("report", item.process.report_fd),
            ):
                selector.register(descriptor, selectors.EVENT_READ, (item, name))
        if verdict_fd is not None:
            selector.register(verdict_fd, selectors.EVENT_READ, (watched[-1], "verdict"))
        _pump(selector, watched, started)
    return [item.result(started) for item in watched]


def _pump(selector: selectors.BaseSelector, watched: list[_Watched], started: float) -> None:
    last, forgiven = started, MOST_SUSPENDED_S
    while any(item.ended_at is None for item in watched):
        pause_s = min(item.pause_s() for item in watched if item.ended_at is None)
        if not selector.get_map():
            time.sleep(pause_s)
        ready = selector.select(pause_s) if selector.get_map() else []
        for key, _ in ready:
            item, name = key.data
            data = os.read(key.fd, 65536)
            if data:
                item.take(name, data)
            else:
                selector.unregister(key.fd)
        now = time.monotonic()
        if now - last > SUSPENDED_S:  # this process was stopped, and the programs most likely too
            started += min(now - last, forgiven)
            forgiven -= min(now - last, forgiven)
        last = now
        for item in watched:
            if item.ended_at is None:
                _check(item, now, started)
    _drain(selector)


def _check(item: _Watched, now: float, started: float) -> None:
    process, limits = item.process, item.limits
    if process.group and process.group.ran_out():
        item.stop(Stopped.MEMORY)
    if process.child.poll() is not None:
        item.ended_at = now
        return
    if process.group:
        item.memory = process.group.used_bytes() - OWN_BYTES
    else:
        item.memory = memory_of(process.program())
    if now - started > limits.wall_s:
        item.stop(Stopped.WALL_TIME)
    elif item.memory > limits.memory_bytes:
        item.stop(Stopped.MEMORY)
    elif item.cpu_s() > limits.cpu_s + CPU_GRACE_S:
        item.stop(Stopped.CPU_TIME)


def _drain(selector: selectors.BaseSelector) -> None:
    """Take what was written before the end, without waiting for who holds a pipe open."""
    while ready := selector.select(0):
        for key, _ in ready:
            item, name = key.data
            data = os.read(key.fd, 65536)
            if data and item.written <= item.limits.output_bytes:
                item.take(name, data)
            else:
                selector.unregister(key.fd)
