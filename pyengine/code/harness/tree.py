"""Find the processes below one, and end them. Standard library only."""

import contextlib
import os
import signal


def children(pid: int) -> list[int]:
    """Return the processes that any thread of `pid` has started, as far as /proc shows them."""
    found = []
    with contextlib.suppress(OSError, ValueError):  # it may end while being looked at
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as stream:
                found += [int(child) for child in stream.read().split()]
    return found


def descendants(pid: int) -> list[int]:
    """Return `pid` and every process below it."""
    found, waiting = [], [pid]
    while waiting:
        current = waiting.pop()
        found.append(current)
        waiting += children(current)
    return found


def end_below(pid: int) -> None:
    """Kill every process below `pid`; stop them first, so that none starts others meanwhile."""
    stopped: set[int] = set()
    while new := set(descendants(pid)) - stopped - {pid}:
        for member in new:
            send(member, signal.SIGSTOP)
        stopped |= new
    for member in stopped:
        send(member, signal.SIGKILL)


def send(pid: int, number: int) -> None:
    """Send a signal to a process that may have ended, or be another user's."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
