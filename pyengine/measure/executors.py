"""Computing chunks on a Dask cluster: its workers need the files, and return columns."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from pyengine.errors import InputError, ModelFileError, PyengineError, WorkerError
from pyengine.extras import import_extra
from pyengine.measure.engine import (
    Failure,
    Outcome,
    Processes,
    Task,
    Tell,
    failure_of,
    measure_chunk,
    untold,
)
from pyengine.measure.variants import Variant
from pyengine.models.gguf import known_sha256, model_parts

CONNECT_SECONDS = 10
LOOK_SECONDS = 5.0
PATIENCE_SECONDS = 60.0  # with a cluster that has no worker at all


class DaskExecutor:
    """Computes all chunks at once on the workers of a cluster."""

    def __init__(
        self, executor: Executor, is_open: Callable[[], bool], has_workers: Callable[[], bool]
    ) -> None:
        self._executor = executor
        self._is_open = is_open
        self._has_workers = has_workers

    def run(
        self,
        tasks: Iterable[Task],
        tell: Tell = untold,  # noqa: ARG002
    ) -> Iterator[tuple[Task, dict[str, Outcome]]]:
        """Yield each task with its outcomes as they come.

        Raises:
            WorkerError: the cluster is gone, and cancels futures or leaves them open for ever; or
                it has had no worker for a minute.
        """
        futures = {self._executor.submit(compute, task): task for task in tasks}
        for future in self._finished(futures):
            yield futures[future], _outcomes(future, futures[future])

    def _finished(self, futures: Iterable[Future[Any]]) -> Iterator[Future[Any]]:
        pending = set(futures)
        worked = time.monotonic()
        while pending:
            done, pending = wait(pending, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED)
            yield from (future for future in done if not future.cancelled())
            if any(future.cancelled() for future in done) or not (done or self._is_open()):
                raise WorkerError(
                    "the cluster's scheduler is gone; what was measured is kept, and --resume "
                    "goes on from there"
                )
            if done or self._has_workers():
                worked = time.monotonic()
            elif time.monotonic() - worked > PATIENCE_SECONDS:
                raise WorkerError(
                    f"the cluster has had no worker for {PATIENCE_SECONDS:.0f} s; start one "
                    "(dask worker ADDRESS) and run again with --resume"
                )


def compute(task: Task) -> dict[str, Outcome]:
    """Compute a task where the worker runs, after a look at its files; models stay open."""
    missing: dict[str, Outcome] = {}
    _check_file(task.reference)
    for variant in task.variants:
        try:
            _check_file(variant)
        except PyengineError as error:
            missing[variant.id] = failure_of(error, variant)
    usable = tuple(v for v in task.variants if v.id not in missing)
    found = measure_chunk(task.with_variants(usable), _processes()) if usable else {}
    return {**missing, **found}


@lru_cache(maxsize=1)
def _processes() -> Processes:
    """Return the processes of this worker; they end with it."""
    return Processes()


@lru_cache(maxsize=256)
def _check_file(variant: Variant) -> None:
    if known_sha256(model_parts(variant.path)) != variant.sha256:
        raise ModelFileError(f"{variant.path}: is not the file that the sweep was started with")
    for adapter in variant.options.lora:
        if known_sha256([Path(adapter.path)]) != adapter.sha256:
            raise ModelFileError(f"{adapter.path}: is not the adapter of the sweep's start")


def _outcomes(future: Future[dict[str, Outcome]], task: Task) -> dict[str, Outcome]:
    try:
        return future.result()
    except PyengineError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a cluster says of a worker that died
        failure = Failure(f"{type(error).__name__}: {error}", WorkerError)
        return dict.fromkeys([variant.id for variant in task.variants], failure)


@contextmanager
def dask_executor(address: str) -> Iterator[DaskExecutor]:
    """Yield an executor on a Dask cluster.

    Raises:
        MissingExtraError: the extra is not installed.
        InputError: there is no scheduler at the address.
    """
    distributed = import_extra("distributed", "--dask")
    try:
        client = distributed.Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(f"{address}: no Dask scheduler answers there ({error})") from error
    # It tells of a lost scheduler on stderr; we say it in one sentence.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    with client:
        # Not pure: a failed measurement may be tried again.
        yield DaskExecutor(
            client.get_executor(pure=False),
            is_open=lambda: client.status not in ("closing", "closed"),
            has_workers=lambda: bool(client.nthreads()),
        )


class NoExecutor:
    """Computes nothing: what is kept is all there is."""

    def run(
        self,
        tasks: Iterable[Task],
        tell: Tell = untold,  # noqa: ARG002
    ) -> Iterator[tuple[Task, dict[str, Outcome]]]:
        """Pass over the tasks, so that what is kept of each is taken in."""
        for _ in tasks:
            continue
        yield from ()
