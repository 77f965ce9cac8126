"""Measure variants against a reference: each chunk is decoded once by every model.

    for each chunk: the reference's rows into a file, then every variant beside them
    at each look: variants of which enough is known stop

So n variants cost n + 1 passes, and the rows of a chunk are the only rows that there are. Every
model has a process of its own; one that dies costs its own remaining chunks and nobody else's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from pyengine.errors import InputError, PyengineError, failure_values
from pyengine.files import temporary_folder
from pyengine.measure import decode
from pyengine.measure.contexts import Chunk
from pyengine.measure.decode import Observation
from pyengine.measure.observers import Keeper, Observer
from pyengine.measure.variants import Variant
from pyengine.models.child import Child

if TYPE_CHECKING:
    from typing_extensions import Self

Progress: TypeAlias = Callable[[str, float], object]


@dataclass(frozen=True)
class Failure:
    """Why a variant has no numbers for a chunk.

    Attributes:
        reason: in the words of the error.
        kind: class of the error; an InputError would come again.
    """

    reason: str
    kind: type[PyengineError]


Outcome: TypeAlias = Observation | Failure
# By id of a model and name of a chunk.
Outcomes: TypeAlias = dict[tuple[str, str], Outcome]


def failure_of(error: PyengineError, variant: Variant) -> Failure:
    """Return a failure; the file's name stands beside its reason wherever that is shown."""
    return Failure(failure_values(error, variant.path)["message"], type(error))


@dataclass(frozen=True, eq=False)
class Task:
    """One chunk of some variants: plain data, so that it can travel to another machine.

    Attributes:
        observers, keepers: what is kept; every variant gets keepers of its own.
        padding: entries of a row that belong to no token.
        twice: how many rows, from the first, every model computes once more.
        workers: variants that decode at the same time.
        keep_open: models stay open for the next chunk.
    """

    reference: Variant
    variants: tuple[Variant, ...]
    chunk: Chunk
    observers: tuple[Observer, ...]
    keepers: Mapping[str, Keeper]
    padding: npt.NDArray[np.int32]
    twice: int = 0
    workers: int = 1
    keep_open: bool = True

    def with_variants(self, variants: tuple[Variant, ...]) -> Task:
        """Return the task for other variants."""
        return replace(self, variants=variants)


# Called with a task, how many of its models have decoded its chunk, and the outcome of the last.
Tell: TypeAlias = "Callable[[Task, int, Mapping[str, Outcome]], object]"


def untold(task: Task, n_models: int, found: Mapping[str, Outcome]) -> None:
    """Tell nobody."""


class Processes:
    """One process for each variant, started when it is first needed."""

    def __init__(self) -> None:
        self._children: dict[Variant, Child] = {}

    def call(self, variant: Variant, function: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401
        """Call a function in a variant's process; one that died is started anew."""
        try:
            return self.child(variant).call(function, *arguments)
        except PyengineError as error:
            if not isinstance(error, InputError):
                self.close(variant)
            raise

    def child(self, variant: Variant) -> Child:
        """Return a variant's process."""
        if variant not in self._children:
            self._children[variant] = Child()
        return self._children[variant]

    @property
    def open(self) -> list[Variant]:
        """The variants that have a process now."""
        return list(self._children)

    def close(self, variant: Variant) -> None:
        """End a variant's process."""
        child = self._children.pop(variant, None)
        if child is not None:
            child.close()

    def kill(self) -> None:
        """End every process at once; whoever waits for an answer of one is told that it died."""
        for child in list(self._children.values()):
            child.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for variant in self.open:
            self.close(variant)


def measure_chunk(task: Task, processes: Processes, tell: Tell = untold) -> dict[str, Outcome]:
    """Decode one chunk with the reference and then with every variant, and tell of each.

    Raises:
        PyengineError: the reference failed.
    """
    with temporary_folder() as folder:
        rows = str(folder / "rows")
        processes.call(task.reference, decode.write_rows, task.reference, task.chunk, rows)
        found: dict[str, Outcome] = {}
        if task.reference in task.variants:
            again = (task.chunk, task.twice, task.observers, task.padding, rows)
            found[task.reference.id] = processes.call(
                task.reference, decode.compute_again, task.reference, *again
            )
        tell(task, 1, found)
        if not task.keep_open:
            processes.close(task.reference)
        with ThreadPoolExecutor(max_workers=task.workers) as pool:
            futures = {
                pool.submit(_observe, task, variant, rows, processes): variant.id
                for variant in task.variants
                if variant != task.reference
            }
            try:
                for number, future in enumerate(as_completed(futures), 2):
                    outcome = {futures[future]: future.result()}
                    found |= outcome
                    tell(task, number, outcome)
                return found
            except BaseException:
                # What is being decoded ends now, and what waits never begins.
                pool.shutdown(wait=False, cancel_futures=True)
                processes.kill()
                raise


def _observe(task: Task, variant: Variant, rows: str, processes: Processes) -> Outcome:
    try:
        found: Observation = processes.call(
            variant,
            decode.observe,
            variant,
            task.chunk,
            task.observers,
            dict(task.keepers),
            task.padding,
            rows,
            task.twice,
        )
    except PyengineError as error:
        return failure_of(error, variant)
    finally:
        if not task.keep_open:
            processes.close(variant)
    return found


class Store(Protocol):
    """Where finished chunks are kept, so that a run which was killed goes on."""

    def load(self, key: str) -> Observation | None:
        """Return what is kept under a key; None where there is nothing, or something damaged."""

    def save(self, key: str, observation: Observation) -> None:
        """Keep an observation."""


class Executor(Protocol):
    """Who computes tasks: this machine, or a cluster."""

    def run(
        self, tasks: Iterable[Task], tell: Tell = untold
    ) -> Iterator[tuple[Task, dict[str, Outcome]]]:
        """Yield each task with its outcomes as they are finished; tell meanwhile what is known."""


class LocalExecutor:
    """Computes one chunk after another on this machine."""

    def __init__(self, processes: Processes) -> None:
        self.processes = processes

    def run(
        self, tasks: Iterable[Task], tell: Tell = untold
    ) -> Iterator[tuple[Task, dict[str, Outcome]]]:
        """Yield each task with its outcomes, in order."""
        for task in tasks:
            yield task, measure_chunk(task, self.processes, tell)


@dataclass
class Series:
    """What was observed of one variant, chunk by chunk, up to the first failure.

    Attributes:
        failed: name of the chunk that failed.
    """

    observations: list[Observation] = field(default_factory=list)
    failure: Failure | None = None
    failed: str = ""


@dataclass(frozen=True, eq=False)
class Work:
    """Chunks that a reference and its variants decode, and what is kept of them.

    Attributes:
        twice: by name of a chunk, how many of its first rows every model, the reference too,
            computes once more.
        looks: after how many chunks it is asked which variants go on.
        fingerprint: of all that decides what is kept and that the chunks do not hold.
    """

    reference: Variant
    variants: tuple[Variant, ...]
    chunks: tuple[Chunk, ...]
    observers: tuple[Observer, ...]
    keepers: Mapping[str, Mapping[str, Keeper]]
    padding: npt.NDArray[np.int32]
    fingerprint: str
    twice: Mapping[str, int] = field(default_factory=dict)
    looks: Sequence[int] = ()
    workers: int = 1
    keep_open: bool = True

    def models(self, chunk: Chunk, variants: Sequence[Variant]) -> list[Variant]:
        """Return those of which something is kept of a chunk: the reference only beside itself."""
        first = [self.reference] if self.twice.get(chunk.name) else []
        return [*first, *variants]

    def key(self, variant: Variant, chunk: Chunk) -> str:
        """Return the SHA-256 of all that decides an observation, in hexadecimal."""
        told = [
            self.fingerprint,
            repr(self.reference.identity()),
            repr(variant.identity()),
            chunk.fingerprint(),
            str(self.twice.get(chunk.name, 0)),
        ]
        return hashlib.sha256("\0".join(told).encode()).hexdigest()

    def task(self, chunk: Chunk, variants: Sequence[Variant]) -> Task:
        """Return the task that lets some variants decode a chunk."""
        return Task(
            reference=self.reference,
            variants=tuple(variants),
            chunk=chunk,
            observers=self.observers,
            keepers=self.keepers.get(chunk.name, {}),
            padding=self.padding,
            twice=self.twice.get(chunk.name, 0),
            workers=self.workers,
            keep_open=self.keep_open,
        )


def measure(
    work: Work,
    executor: Executor,
    *,
    store: Store | None = None,
    progress: Progress | None = None,
    watch: Callable[[Mapping[str, Series]], object] | None = None,
    still_racing: Callable[[Mapping[str, Series]], Collection[str]] | None = None,
) -> dict[str, Series]:
    """Let every variant decode every chunk beside the reference; what the store holds is not.

    Args:
        progress: called with what is being done and the part that is done.
        watch: called after each chunk with all that was observed so far.
        still_racing: asked at each look for the ids of the variants that go on; None for all.

    Returns:
        by id of a model what was observed of it; of the reference, only beside itself.

    Raises:
        PyengineError: the reference failed.
    """

    def tell(task: Task, n_models: int, found: Mapping[str, Outcome]) -> None:
        _keep(work, task, found, store, outcomes)
        if progress is not None:
            done = work.chunks.index(task.chunk) + n_models / (len(task.variants) + 1)
            progress("Measuring", done / len(work.chunks))

    outcomes: Outcomes = {}
    going_on: Collection[str] = [variant.id for variant in work.variants]
    for begin, end in pairwise((0, *work.looks, len(work.chunks))):
        if begin and still_racing is not None:
            going_on = still_racing(series_of(work, outcomes))
        if not going_on or begin == end:
            break
        variants = [variant for variant in work.variants if variant.id in going_on]
        # One that goes on again after it had stopped first decodes what it lacks.
        tasks = _missing(work, variants, work.chunks[:end], store, outcomes)
        for task, found in executor.run(tasks, tell):
            tell(task, len(task.variants) + 1, found)
            if watch is not None:
                watch(series_of(work, outcomes))
    if progress is not None:
        progress("Measuring", 1.0)
    return series_of(work, outcomes)


def _missing(
    work: Work,
    variants: Sequence[Variant],
    chunks: Sequence[Chunk],
    store: Store | None,
    outcomes: Outcomes,
) -> Iterator[Task]:
    """Yield what some variants lack of some chunks; take what the store holds."""
    for chunk in chunks:
        failed = {model for (model, _), found in outcomes.items() if isinstance(found, Failure)}
        missing = []
        for variant in work.models(chunk, variants):
            if variant.id in failed or (variant.id, chunk.name) in outcomes:
                continue
            kept = None if store is None else store.load(work.key(variant, chunk))
            if kept is None:
                missing.append(variant)
            else:
                outcomes[variant.id, chunk.name] = kept
        if missing:
            yield work.task(chunk, missing)


def _keep(
    work: Work,
    task: Task,
    found: Mapping[str, Outcome],
    store: Store | None,
    outcomes: Outcomes,
) -> None:
    """Add the outcomes of a task that are not there yet, and store what can be used again."""
    by_id = {variant.id: variant for variant in (work.reference, *work.variants)}
    for model, outcome in found.items():
        if (model, task.chunk.name) in outcomes:
            continue
        outcomes[model, task.chunk.name] = outcome
        if store is not None and not isinstance(outcome, Failure):
            store.save(work.key(by_id[model], task.chunk), outcome)


def series_of(work: Work, outcomes: Outcomes) -> dict[str, Series]:
    """Put outcomes into the order of the chunks, each variant's up to its first failure."""
    found: dict[str, Series] = {}
    for variant in (work.reference, *work.variants):
        series = found[variant.id] = Series()
        for chunk in work.chunks:
            outcome = outcomes.get((variant.id, chunk.name))
            if outcome is None:
                continue
            if isinstance(outcome, Failure):
                series.failure, series.failed = outcome, chunk.name
                break
            series.observations.append(outcome)
    return found
