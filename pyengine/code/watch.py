"""Wait for sandboxed jobs, and stop them at their limits of time, memory and output."""

import contextlib
import os
import selectors
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from pyengine.code.sandbox import OPEN_FILES, Process

# How often to look: more often the nearer a program is to its limit of memory, as it may take
# FASTEST bytes in a second.
POLL_S, SHORTEST_POLL_S, FASTEST = 0.05, 0.002, 4 << 30
OWN_BYTES = 16 << 20  # what the sandbox's own processes have in the job's group, about
CPU_GRACE_S = 0.1  # what the supervisor needs; the kernel's limit on one process comes first
SUSPENDED_S, MOST_SUSPENDED_S = 2.0, 600.0
# Time in which the programs could run and no processor was free is forgiven up to so many limits.
MOST_WAITED = 9.0
# Where no cgroup counts: pages in memory or in swap, and the tables that describe them; pages that
# are only read need those alone.
COUNTED = ("RssAnon:", "RssShmem:", "VmSwap:", "VmPTE:")
# What the kernel may hold behind one descriptor. A socket: net.core.wmem_default and a last packet.
SOCKET_BYTES, OTHER_BYTES = 256 << 10, 64 << 10
TICKS = os.sysconf("SC_CLK_TCK")


def watch(processes: Sequence[Process], *, verdict_fd: int | None = None) -> None:
    """Wait until all of `processes` have ended; each is stopped when it passes a limit.

    `verdict_fd` is read along with the last of them: the channel on which a judge reports.
    """
    started = time.monotonic()
    with selectors.DefaultSelector() as selector:
        for process in processes:
            process.started = started
            for name, descriptor in (
                ("stdout", process.stdout.fileno()),
                ("stderr", process.stderr.fileno()),
                ("report", process.report_fd),
            ):
                selector.register(descriptor, selectors.EVENT_READ, (process, name))
        if verdict_fd is not None:
            selector.register(verdict_fd, selectors.EVENT_READ, (processes[-1], "verdict"))
        _pump(selector, processes, started)


def _pump(selector: selectors.BaseSelector, processes: Sequence[Process], started: float) -> None:
    last, forgiven = started, MOST_SUSPENDED_S
    waited: dict[int, float] = {}
    while any(process.ended_at is None for process in processes):
        pause_s = min(_pause_s(process) for process in processes if process.ended_at is None)
        if not selector.get_map():
            time.sleep(pause_s)
        ready = selector.select(pause_s) if selector.get_map() else []
        for key, _ in ready:
            process, name = key.data
            data = os.read(key.fd, 65536)
            if data:
                process.take(name, data)
            else:
                selector.unregister(key.fd)
        now = time.monotonic()
        if now - last > SUSPENDED_S:  # this process was stopped, and the programs most likely too
            started += min(now - last, forgiven)
            forgiven -= min(now - last, forgiven)
        last = now
        running = [process for process in processes if process.ended_at is None]
        for pid in {pid for process in running for pid in process.members()}:
            waited[pid] = max(waited.get(pid, 0.0), waited_s(pid))
        for process in running:
            most = MOST_WAITED * process.limits.wall_s
            _check(process, now, started + min(sum(waited.values()), most))
    _drain(selector)


def _pause_s(process: Process) -> float:
    """Return how long the program cannot pass its limit of memory by much."""
    left = process.limits.memory_bytes - process.memory
    return min(max(left / FASTEST, SHORTEST_POLL_S), POLL_S)


def _check(process: Process, now: float, started: float) -> None:
    limits = process.limits
    if process.group and process.group.ran_out():
        process.stop("memory")
    if process.child.poll() is not None:
        process.ended_at = now
        return
    if process.group:
        process.memory = process.group.used_bytes() - OWN_BYTES
    else:
        process.memory = memory_of(process.program())
    if now - started > limits.wall_s:
        process.stop("wall time")
    elif process.memory > limits.memory_bytes:
        process.stop("memory")
    elif _cpu_s(process) > limits.cpu_s + CPU_GRACE_S:
        process.stop("CPU time")


def _cpu_s(process: Process) -> float:
    """Return the CPU time of the step that runs: of all its processes together."""
    return cpu_of(process.members()) - sum(step.cpu_s for step in process.steps)


def _drain(selector: selectors.BaseSelector) -> None:
    """Take what was written before the end, without waiting for who holds a pipe open."""
    while ready := selector.select(0):
        for key, _ in ready:
            process, name = key.data
            data = os.read(key.fd, 65536)
            if data and process.written <= process.limits.output_bytes:
                process.take(name, data)
            else:
                selector.unregister(key.fd)


def memory_of(pids: Iterable[int]) -> int:
    """Return the bytes that processes hold, or may hold.

    Their pages, and for every pipe and socket what its buffer has room for. A process that does
    not let its descriptors be counted has all of them full.
    """
    held, shared = 0, set[str]()
    for member in pids:
        pages = _pages(member)
        held += pages or 0
        try:
            for target in _targets(member):
                if target.startswith(("pipe:", "socket:")):
                    shared.add(target)
                elif target.startswith("anon_inode:"):
                    held += OTHER_BYTES
        except PermissionError:
            held += OPEN_FILES * SOCKET_BYTES if pages is not None else 0
        except OSError:
            continue
    return held + sum(
        SOCKET_BYTES if name.startswith("socket:") else OTHER_BYTES for name in shared
    )


def _pages(pid: int) -> int | None:
    """Return the bytes of a process's pages and their tables; None where it has ended."""
    with contextlib.suppress(OSError, ValueError):  # it may end while being looked at
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        sizes = [int(line.split()[1]) * 1024 for line in lines if line.startswith(COUNTED)]
        return sum(sizes) if sizes else None
    return None


def _targets(pid: int) -> list[str]:
    """Return what the descriptors of a process lead to."""
    found = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(str(descriptor.readlink()))
    return found


def waited_s(pid: int) -> float:
    """Return the seconds in which a process could run, and waited for a processor."""
    with contextlib.suppress(OSError, ValueError, IndexError):  # it ended, or the kernel is silent
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    return 0.0


def cpu_of(pids: Iterable[int]) -> float:
    """Return the seconds of CPU time of processes and of those that they have waited for."""
    ticks = 0
    for member in pids:
        with contextlib.suppress(OSError, ValueError):
            fields = Path(f"/proc/{member}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += sum(int(field) for field in fields[11:15])  # utime, stime, cutime, cstime
    return ticks / TICKS
