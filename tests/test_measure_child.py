"""The child process: what it returns, what it raises, and how its death is told."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyengine.errors import ModelFileError, WorkerError
from pyengine.models.child import Child


def double(value: int) -> int:
    return 2 * value


def sleep_and_double(value: int) -> int:
    time.sleep(0.3)
    return double(value)


def fail(kind: str) -> None:
    if kind == "typed":
        raise ModelFileError("x.gguf: damaged")
    raise ZeroDivisionError(kind)


def die(number: int) -> None:
    os.kill(os.getpid(), number)


def shout() -> str:
    os.write(1, b"noise on stdout\n")
    sys.stderr.write("noise on stderr\n")
    return "quiet"


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Iterator[Child]:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    found = Child()
    yield found
    found.close()


def test_functions_are_called_and_errors_keep_their_type(child: Child) -> None:
    assert child.call(double, 21) == 42
    with pytest.raises(ModelFileError, match=r"^x\.gguf: damaged$"):
        child.call(fail, "typed")
    with pytest.raises(WorkerError, match="ZeroDivisionError: other"):
        child.call(fail, "other")
    assert child.call(double, 1) == 2


def test_what_libraries_print_does_not_disturb(child: Child) -> None:
    assert child.call(shout) == "quiet"
    assert child.call(double, 3) == 6


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_death_is_told(child: Child, number: signal.Signals) -> None:
    with pytest.raises(WorkerError, match=f"the process died with {number.name}") as told:
        child.call(die, int(number))
    assert told.value.signal == number
    with pytest.raises(WorkerError):
        child.call(double, 1)


def test_a_child_ends_when_the_connection_closes(child: Child) -> None:
    child.call(double, 1)
    child._connection.close()
    assert child._process.wait(10) == 0


def test_a_child_ends_in_the_midst_of_a_computation(child: Child) -> None:
    with pytest.raises(TimeoutError):
        child.call(time.sleep, 60, seconds=0.1)
    child._connection.close()
    assert child._process.wait(10) == 0


def test_the_parent_is_called_while_it_waits(child: Child) -> None:
    waited: list[int] = []
    assert child.call(sleep_and_double, 5, waiting=lambda: waited.append(1)) == 10
    assert len(waited) > 1
