"""Who does the work: processes on this machine, or a Dask cluster."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from pyengine.errors import InputError, OptionError, WorkerError
from pyengine.sweep.tasks import Task
from pyengine.sweep.worker import Outcome, Runner, run_task

CONNECT_SECONDS = 10
LOOK_SECONDS = 5.0
PATIENCE_SECONDS = 60.0  # with a cluster that has no worker at all


@dataclass(frozen=True)
class Workplace:
    """An executor, the function to submit to it, whether it is open, and who works there."""

    executor: Executor
    run: Callable[[Task], Outcome]
    is_open: Callable[[], bool]
    has_workers: Callable[[], bool]

    def finished(self, futures: Iterable[Future[Outcome]]) -> Iterator[Future[Outcome]]:
        """Yield futures as they finish.

        Raises:
            WorkerError: the cluster is gone, and cancels futures or leaves them open for ever; or
                it has had no worker for a minute.
        """
        pending = set(futures)
        worked = time.monotonic()
        while pending:
            done, pending = wait(pending, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED)
            yield from (future for future in done if not future.cancelled())
            if any(future.cancelled() for future in done) or not (done or self.is_open()):
                raise WorkerError(
                    "the cluster's scheduler is gone; what was measured is kept, and --resume "
                    "goes on from there"
                )
            if done or self.has_workers():
                worked = time.monotonic()
            elif time.monotonic() - worked > PATIENCE_SECONDS:
                raise WorkerError(
                    f"the cluster has had no worker for {PATIENCE_SECONDS:.0f} s; start one "
                    "(dask worker ADDRESS) and run again with --resume"
                )


@contextmanager
def local_workplace(workers: int) -> Iterator[Workplace]:
    """Yield an executor whose threads each wait for one measuring process.

    Leaving the block on an error ends the processes that still run.
    """
    runner = Runner()
    executor = ThreadPoolExecutor(max_workers=workers)
    try:
        yield Workplace(executor, runner.run, lambda: True, lambda: True)
    finally:
        runner.close()
        executor.shutdown(wait=True, cancel_futures=True)


@contextmanager
def dask_workplace(address: str) -> Iterator[Workplace]:
    """Yield the executor of a Dask cluster; its workers start the measuring processes.

    Raises:
        OptionError: the extra is not installed.
        InputError: there is no scheduler at the address.
    """
    try:
        distributed: Any = import_module("distributed")
    except ImportError:
        raise OptionError("--dask needs the extra: pip install 'pyengine[dask]'") from None
    try:
        client = distributed.Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(f"{address}: no Dask scheduler answers there ({error})") from error
    # It tells of a lost scheduler on stderr; we say it in one sentence.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    with client:
        # Not pure: a failed measurement may be tried again.
        executor = client.get_executor(pure=False)
        yield Workplace(
            executor,
            run_task,
            is_open=lambda: client.status not in ("closing", "closed"),
            has_workers=lambda: bool(client.nthreads()),
        )


@contextmanager
def open_workplace(*, workers: int, dask: str | None) -> Iterator[Workplace]:
    """Yield the workplace that the options ask for."""
    with local_workplace(workers) if dask is None else dask_workplace(dask) as workplace:
        yield workplace
