"""A child process that calls functions for its parent.

What crashes there, or makes llama.cpp abort, ends the child only. It is started as a program of
its own (`python -m pyengine.models.child`), so that scripts without a main guard and notebooks
can use it, and it ends at once when the connection closes, whatever became of the parent.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection, Pipe
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from pyengine import errors
from pyengine.errors import PyengineError, WorkerError

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")
KEPT_LINES = 20
POLL_SECONDS = 0.05


class Child:
    """A process that keeps what its functions keep, such as an open model, between calls."""

    def __init__(self) -> None:
        # Nothing is imported from the folder that the user happens to stand in, where a gguf.py of
        # his own may lie; and llama.cpp starts no debugger before it aborts, which takes seconds.
        environment = {
            **os.environ,
            "PYTHONSAFEPATH": "1",
            "GGML_NO_BACKTRACE": "1",
            "OPENBLAS_NUM_THREADS": "1",  # NumPy's threads, for which there is no work, spin first
        }
        self._connection, theirs = Pipe()
        # Its own session keeps the terminal's Ctrl-C away from it.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pyengine.models.child", str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
            env=environment,
        )
        theirs.close()
        self._complaints: deque[bytes] = deque(maxlen=KEPT_LINES)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def call(
        self,
        function: Callable[..., T],
        *arguments: Any,  # noqa: ANN401
        seconds: float | None = None,
        waiting: Callable[[], object] | None = None,
    ) -> T:
        """Call a function of a module there and return what it returns.

        Args:
            function: importable by its module and name; arguments and result are pickled.
            seconds: how long it may take.
            waiting: called again and again until the answer is there.

        Raises:
            PyengineError: as the function raised it.
            WorkerError: the process died, or the function failed in another way.
            TimeoutError: it took longer; the process goes on until it is closed.
        """
        try:
            self._connection.send((function, arguments))
            begun = time.monotonic()
            while not self._connection.poll(POLL_SECONDS):
                if waiting is not None:
                    waiting()
                if seconds is not None and time.monotonic() - begun > seconds:
                    raise TimeoutError
            kind, value = self._connection.recv()
        except (EOFError, ConnectionError):
            raise self._death() from None
        if kind == "value":
            return value  # type: ignore[no-any-return]
        name, message = value
        found = getattr(errors, name, WorkerError)
        raise found(message) from None

    def kill(self) -> None:
        """End the process, from any thread; who waits for its answer gets a WorkerError."""
        self._process.kill()

    def close(self) -> None:
        """End the process, and free what belongs to it."""
        self._process.kill()
        self._process.wait()
        self._listener.join()
        self._connection.close()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._complaints.append(line)

    def _death(self) -> WorkerError:
        """Return an error that says how the process ended."""
        status = self._process.wait()
        self._listener.join()
        lines = b"".join(self._complaints).decode(errors="replace").strip().splitlines()
        if status >= 0:
            return WorkerError(lines[-1] if lines else f"the process ended with status {status}")
        first = lines[0] if lines else ""
        name = signal.Signals(-status).name
        error = WorkerError(f"the process died with {name}" + (f": {first}" if first else ""))
        error.signal, error.complaint = -status, first
        return error


def _answer(request: bytes) -> tuple[str, Any]:
    try:
        function, arguments = pickle.loads(request)
        return "value", function(*arguments)
    except PyengineError as error:
        return "error", (type(error).__name__, str(error))
    except OSError as error:
        return "error", ("InputError", str(error))
    except MemoryError:
        return "error", ("WorkerError", "out of memory")
    except Exception as error:  # noqa: BLE001 - the parent says what failed in its child
        return "error", ("WorkerError", f"{type(error).__name__}: {error}")


def _read_requests(connection: Connection, requests: SimpleQueue[bytes]) -> None:
    """Hand on requests until the parent is gone; then end, even in the midst of a computation."""
    try:
        while True:
            requests.put(connection.recv_bytes())
    except (EOFError, OSError):
        os._exit(0)


def main() -> None:
    """Serve requests until the connection closes."""
    connection = Connection(int(sys.argv[1]))
    requests: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_read_requests, args=(connection, requests), daemon=True).start()
    while True:
        connection.send(_answer(requests.get()))


if __name__ == "__main__":
    main()
