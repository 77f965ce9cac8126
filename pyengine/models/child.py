"""A child process that calls functions for its parent.

What crashes there, or makes llama.cpp abort, ends the child only. It is started as a program of
its own (`python -m pyengine.models.child`), so that scripts without a main guard and notebooks
can use it, and it ends at once when its input closes, whatever became of the parent.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from importlib import import_module
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast

from pyengine import errors
from pyengine.errors import PyengineError, WorkerError

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")
LENGTH = struct.Struct("<Q")
KEPT_LINES = 20
POLL_SECONDS = 0.05


class Child:
    """A process that keeps what its functions keep, such as an open model, between calls."""

    def __init__(self) -> None:
        # Nothing is imported from the folder that the user happens to stand in, where a gguf.py of
        # his own may lie; and llama.cpp starts no debugger before it aborts, which takes seconds.
        environment = {**os.environ, "PYTHONSAFEPATH": "1", "GGML_NO_BACKTRACE": "1"}
        # Its own session keeps the terminal's Ctrl-C away from it.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pyengine.models.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env=environment,
        )
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
        request = (function.__module__, function.__qualname__, arguments)
        try:
            _send(self._stdin, pickle.dumps(request, protocol=pickle.HIGHEST_PROTOCOL))
            if seconds is not None or waiting is not None:
                self._wait(seconds, waiting)
            reply = _receive(self._stdout)
        except (BrokenPipeError, EOFError):
            raise self._death() from None
        kind, value = pickle.loads(reply)
        if kind == "value":
            return value  # type: ignore[no-any-return]
        name, message = value
        found = getattr(errors, name, WorkerError)
        raise found(message) from None

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        self._listener.join()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def _stdin(self) -> BinaryIO:
        assert self._process.stdin is not None
        return self._process.stdin  # type: ignore[return-value]

    @property
    def _stdout(self) -> BinaryIO:
        assert self._process.stdout is not None
        return self._process.stdout  # type: ignore[return-value]

    def _listen(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._complaints.append(line)

    def _wait(self, seconds: float | None, waiting: Callable[[], object] | None) -> None:
        begun = time.monotonic()
        answer = select.poll()
        answer.register(self._stdout, select.POLLIN | select.POLLHUP)
        while not answer.poll(1000 * POLL_SECONDS):
            if waiting is not None:
                waiting()
            if seconds is not None and time.monotonic() - begun > seconds:
                raise TimeoutError

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


def _send(stream: BinaryIO, data: bytes) -> None:
    stream.write(LENGTH.pack(len(data)))
    stream.write(data)
    stream.flush()


def _receive(stream: BinaryIO) -> bytes:
    (length,) = LENGTH.unpack(_exactly(stream, LENGTH.size))
    return _exactly(stream, length)


def _exactly(stream: BinaryIO, length: int) -> bytes:
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return data


def _resolve(module: str, name: str) -> Callable[..., Any]:
    found: Any = import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return cast(Callable[..., Any], found)


def _answer(request: bytes) -> tuple[str, Any]:
    try:
        module, name, arguments = pickle.loads(request)
        return "value", _resolve(module, name)(*arguments)
    except PyengineError as error:
        return "error", (type(error).__name__, str(error))
    except OSError as error:
        return "error", ("InputError", str(error))
    except MemoryError:
        return "error", ("WorkerError", "out of memory")
    except Exception as error:  # noqa: BLE001 - the parent says what failed in its child
        return "error", ("WorkerError", f"{type(error).__name__}: {error}")


def _read_requests(requests: SimpleQueue[bytes]) -> None:
    """Hand on requests until the input closes; then end, even in the midst of a computation."""
    try:
        while True:
            requests.put(_receive(sys.stdin.buffer))
    except EOFError:
        os._exit(0)


def main() -> None:
    """Serve requests from stdin until it closes. What a library prints goes to stderr."""
    replies = io.BufferedWriter(io.FileIO(os.dup(sys.stdout.fileno()), "wb"))
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    requests: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_read_requests, args=(requests,), daemon=True).start()
    while True:
        answer = _answer(requests.get())
        _send(replies, pickle.dumps(answer, protocol=pickle.HIGHEST_PROTOCOL))


if __name__ == "__main__":
    main()
