"""Who does the work: processes on this machine, or a Dask cluster."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from pyengine.errors import InputError, OptionError
from pyengine.sweep.tasks import Task
from pyengine.sweep.worker import Outcome, Runner, run_task

CONNECT_SECONDS = 10


@dataclass(frozen=True)
class Workplace:
    """An executor and the function to submit to it."""

    executor: Executor
    run: Callable[[Task], Outcome]


@contextmanager
def local_workplace(workers: int) -> Iterator[Workplace]:
    """Yield an executor whose threads each wait for one measuring process.

    Leaving the block on an error ends the processes that still run.
    """
    runner = Runner()
    executor = ThreadPoolExecutor(max_workers=workers)
    try:
        yield Workplace(executor, runner.run)
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
    with client:
        # Not pure: a failed measurement may be tried again.
        yield Workplace(client.get_executor(pure=False), run_task)


@contextmanager
def open_workplace(*, workers: int, dask: str | None) -> Iterator[Workplace]:
    """Yield the workplace that the options ask for."""
    with local_workplace(workers) if dask is None else dask_workplace(dask) as workplace:
        yield workplace
