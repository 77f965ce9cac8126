"""A child process that calls functions for its parent.

What crashes there, or makes llama.cpp abort, ends the child only. It is started as a program of
its own (`python -m pyengine.models.child`), so that scripts without a main guard and notebooks
can use it, and it ends when its input closes, whatever became of the parent.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import signal
import struct
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from importlib import import_module
from typing import Any, BinaryIO, TypeVar, cast

from pyengine import errors
from pyengine.errors import PyengineError, WorkerError

T = TypeVar("T")
LENGTH = struct.Struct("<Q")
KEPT_LINES = 20


def child_environment() -> dict[str, str]:
    """Return the environment of a process that may die in llama.cpp.

    Nothing is imported from the folder that the user happens to stand in, where a gguf.py of his
    own may lie; and llama.cpp starts no debugger before it aborts, which takes seconds.
    """
    return {**os.environ, "PYTHONSAFEPATH": "1", "GGML_NO_BACKTRACE": "1"}


class Child:
    """A process that keeps what its functions keep, such as an open model, between calls."""

    def __init__(self) -> None:
        # Its own session keeps the terminal's Ctrl-C away from it.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pyengine.models.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env=child_environment(),
        )
        self._complaints: deque[bytes] = deque(maxlen=KEPT_LINES)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def call(self, function: Callable[..., T], *arguments: Any) -> T:  # noqa: ANN401
        """Call a function of a module there and return what it returns.

        Args:
            function: importable by its module and name; arguments and result are pickled.

        Raises:
            PyengineError: as the function raised it.
            WorkerError: the process died, or the function failed in another way.
        """
        request = (function.__module__, function.__qualname__, arguments)
        try:
            _send(self._stdin, pickle.dumps(request, protocol=pickle.HIGHEST_PROTOCOL))
            reply = _receive(self._stdout)
        except (BrokenPipeError, EOFError):
            raise WorkerError(self._epitaph()) from None
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

    def _epitaph(self) -> str:
        """Say how the process ended."""
        status = self._process.wait()
        self._listener.join()
        lines = b"".join(self._complaints).decode(errors="replace").strip().splitlines()
        if status < 0:
            name = signal.Signals(-status).name
            return f"the process died with {name}" + (f": {lines[0]}" if lines else "")
        return lines[-1] if lines else f"the process ended with exit status {status}"


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


def _serve(requests: BinaryIO, replies: BinaryIO) -> None:
    while True:
        try:
            request = _receive(requests)
        except EOFError:
            return
        _send(replies, pickle.dumps(_answer(request), protocol=pickle.HIGHEST_PROTOCOL))


def _end_with_parent() -> None:
    """End when the parent is gone, even in the middle of a long computation."""
    parent = os.getppid()
    while True:
        threading.Event().wait(1.0)
        if os.getppid() != parent:
            os._exit(1)


def main() -> int:
    """Serve requests from stdin until it closes. What a library prints goes to stderr."""
    replies = io.FileIO(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _serve(sys.stdin.buffer, io.BufferedWriter(replies))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
