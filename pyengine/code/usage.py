"""Say what the processes of a job use, from /proc: for machines that give no cgroup."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

# Pages in memory or in swap, and the tables that describe them: pages that are only read need those
# alone.
COUNTED = ("RssAnon:", "RssShmem:", "VmSwap:", "VmPTE:")
# What the kernel may hold behind one descriptor. A socket: net.core.wmem_default and a last packet.
SOCKET_BYTES, OTHER_BYTES = 256 << 10, 64 << 10
OPEN_FILES = 256  # the most descriptors that one process may have
TICKS = os.sysconf("SC_CLK_TCK")


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


def cpu_of(pids: Iterable[int]) -> float:
    """Return the seconds of CPU time of processes and of those that they have waited for."""
    ticks = 0
    for member in pids:
        with contextlib.suppress(OSError, ValueError):
            fields = Path(f"/proc/{member}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += sum(int(field) for field in fields[11:15])  # utime, stime, cutime, cstime
    return ticks / TICKS
