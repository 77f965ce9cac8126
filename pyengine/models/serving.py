"""A thread that continues requests as they arrive, for callers that each wait for their own."""

from __future__ import annotations

from concurrent.futures import Future
from functools import partial
from threading import Condition, Thread
from typing import TYPE_CHECKING

from pyengine.errors import EngineError, PyengineError
from pyengine.models.generation import Continuation, Generator, Request
from pyengine.models.model import Model
from pyengine.models.options import SessionOptions
from pyengine.models.session import Session

if TYPE_CHECKING:
    from typing_extensions import Self


def parallel_session(
    model: Model, *, parallel: int, room: int, threads: int | None = None
) -> Session:
    """Return a session whose sequences have a memory of so many tokens each."""
    cells = parallel * room
    return Session(
        model,
        options=SessionOptions(
            n_ctx=cells,
            n_batch=max(min(512, cells), parallel),
            n_ubatch=min(512, cells),
            n_seq_max=parallel,
            max_rows=parallel,
            threads=threads,
            kv_unified=model.is_recurrent,
        ),
    )


class Server:
    """Continues requests side by side in a thread of its own; a context, or `close` it."""

    def __init__(self, session: Session) -> None:
        """Take over a session.

        Args:
            session: as many requests are under way at once as it has sequences; others wait.
        """
        self._generator = Generator(session)
        self._pending: dict[int, Future[Continuation]] = {}
        self._changed = Condition()
        self._closed = False
        self._thread = Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def room(self) -> int:
        """Tokens that a prompt and its continuation may have together."""
        return self._generator.room

    def submit(self, request: Request) -> Future[Continuation]:
        """Return what will hold the continuation; cancelling it ends the request.

        Raises:
            OptionError: the request is empty, or does not fit.
            EngineError: the server is closed.
        """
        future: Future[Continuation] = Future()
        with self._changed:
            if self._closed:
                raise EngineError("what generates is closed")
            index = self._generator.add(request)
            self._pending[index] = future
            self._changed.notify()
        future.add_done_callback(partial(self._ended, index))
        return future

    def _ended(self, index: int, future: Future[Continuation]) -> None:
        if future.cancelled():
            self._generator.cancel(index)

    def close(self) -> None:
        """End the thread; what is under way is given up."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._generator.busy)
                if self._closed:
                    self._give_up(EngineError("what generates is closed"))
                    return
            try:
                finished = self._generator.step()
            except PyengineError as error:
                with self._changed:
                    self._generator.clear()
                    self._give_up(error)
                continue
            for index, continuation in finished:
                future = self._pending.pop(index)
                if future.set_running_or_notify_cancel():
                    future.set_result(continuation)

    def _give_up(self, error: PyengineError) -> None:
        for future in self._pending.values():
            if future.set_running_or_notify_cancel():
                future.set_exception(error)
        self._pending.clear()
