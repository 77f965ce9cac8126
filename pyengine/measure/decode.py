"""What a variant's process does: decode contexts, and reduce its rows to columns at once.

These functions run in a child process (`pyengine.models.child`) that keeps one model open between
calls. Rows of the reference come from a file that its own process has written.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pyengine.errors import InputError
from pyengine.measure.contexts import Chunk, Context, first_rows
from pyengine.measure.models import model_facts
from pyengine.measure.observers import Block, Columns, Keeper, Logits, Observer
from pyengine.measure.variants import Rounding, Variant
from pyengine.models.model import Model, open_model
from pyengine.models.options import ModelOptions, SessionOptions
from pyengine.models.session import Session

if TYPE_CHECKING:
    from pyengine.run.record import Setting

# Ways to compute the same numbers in another order, the most telling first. Attention is computed
# in one pass or in steps; a micro-batch of one token uses other kernels than many at once.
OTHER_ORDERS: tuple[dict[str, Setting], ...] = ({"flash_attention": "off"}, {"n_ubatch": 1})


@dataclass(frozen=True, eq=False)
class Observation:
    """What is kept of one chunk of one variant.

    Attributes:
        columns: of the token table, one value for each row of the chunk.
        kept: what each keeper kept, by its name.
        devices: those that computed.
        again: columns of the rows that were computed twice, the model beside itself.
        order: the session's settings the second time, where they were others.
    """

    columns: Columns
    kept: dict[str, list[dict[str, Any]]]
    devices: tuple[str, ...]
    again: Columns = field(default_factory=dict)
    order: dict[str, Setting] = field(default_factory=dict)


@lru_cache(maxsize=1)
def opened(path: str, options: ModelOptions, rounding: Rounding) -> Model:
    """Return the open model of this process; opening another one drops it."""
    if not rounding.tensors:
        return open_model(path, options=options)
    model = open_model(path, options=replace(options, use_mmap=False))
    model.core.round_weights(rounding.tensors, imatrix=rounding.imatrix, threads=rounding.threads)
    return model


@lru_cache(maxsize=1)
def session(variant: Variant, usual: SessionOptions) -> Session:
    """Return a session on the model of this process; another one replaces it."""
    session.cache_clear()
    model = opened(variant.path, variant.options, variant.rounding)
    return Session(model, options=usual, settings=dict(variant.settings))


def write_rows(variant: Variant, chunk: Chunk, path: str) -> tuple[str, ...]:
    """Decode a chunk into a file of float32 rows; returns the devices that computed.

    Raises:
        NumbersError: a logit is not a number.
        InputError: there is no room for the file.
    """
    decoding = session(variant, chunk.session)
    for places, rows in decoding.rows(chunk.contexts):
        _write_places(path, places, rows)
    return tuple(decoding.model.devices)


def _write_places(path: str, places: npt.NDArray[np.int64], rows: Logits) -> None:
    """Write rows to their places in a file.

    Written, not mapped: a full disk is an error here and would end a process that maps the file.
    """
    try:
        with Path(path).open("r+b" if Path(path).exists() else "wb") as target:
            for place, row in zip(places.tolist(), rows, strict=True):
                target.seek(place * row.nbytes)
                target.write(row.data)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error


def observe(
    variant: Variant,
    chunk: Chunk,
    observers: Sequence[Observer],
    keepers: dict[str, Keeper],
    padding: npt.NDArray[np.int32],
    reference: str = "",
    twice: int = 0,
    *,
    contexts: Sequence[Context] | None = None,
    within: Session | None = None,
) -> Observation:
    """Decode a chunk and reduce each block of rows to columns.

    Args:
        reference: file with the reference's rows; empty where the variant is measured alone.
        contexts: those to decode instead of the chunk's first ones.
        twice: how many rows, from the first, to compute once more, beside themselves.
        within: a session that is open; None for that of this process.

    Raises:
        NumbersError: a logit is not a number.
    """
    decoding = within or session(variant, chunk.session)
    model = decoding.model
    targets, token_sets = chunk.targets, chunk.token_sets
    parts: list[tuple[npt.NDArray[np.int64], Columns]] = []
    own = f"{reference}-{os.getpid()}"
    memory = Rows(model.n_vocab)
    for places, rows in decoding.rows(chunk.contexts if contexts is None else contexts):
        block = Block(
            places=places,
            rows=rows,
            reference=memory.read(reference, places) if reference else None,
            targets=targets[places],
            token_sets=token_sets[places],
            padding=padding,
            threads=decoding.threads,
            variant=variant.id,
        )
        parts.append((places, _columns(observers, block)))
        for keeper in keepers.values():
            keeper.offer(block)
        if twice:
            _write_places(own, places[places < twice], rows[places < twice])
    kept = {name: keeper.best() for name, keeper in keepers.items()}
    found = Observation(_join(parts), kept, tuple(model.devices))
    if not twice:
        return found
    again = compute_again(variant, chunk, twice, observers, padding, own)
    return replace(found, again=again.again, order=again.order)


def compute_again(
    variant: Variant,
    chunk: Chunk,
    n: int,
    observers: Sequence[Observer],
    padding: npt.NDArray[np.int32],
    own: str,
) -> Observation:
    """Compute the first n rows once more in another order, and observe them beside themselves.

    How far a model is from itself is what arithmetic alone does to its numbers. An order that
    changes no bit shows nothing: then the next one is tried.

    Args:
        own: file with the rows as they were computed first.
    """
    usual = variant.session(chunk.session)
    found = Observation({}, {}, ())
    for order in OTHER_ORDERS:
        if all(getattr(usual, name) == value for name, value in order.items()):
            continue
        if usual.quantizes_cache and "flash_attention" in order:
            continue  # without flash attention there is no such cache
        other = replace(variant, settings=(*variant.settings, *order.items()))
        options = replace(chunk.session, max_rows=min(usual.max_rows, n))
        columns = observe(
            other,
            replace(chunk, session=options),
            observers,
            {},
            padding,
            reference=own,
            contexts=first_rows(chunk.contexts, n),
        ).columns
        found = Observation({}, {}, (), columns, order)
        if columns["kl"].any():
            break
    return found


def describe(variant: Variant) -> dict[str, Any]:
    """Return what `ModelInfo` and `Subject` need of an open model, and `has_weights`."""
    model = opened(variant.path, variant.options, variant.rounding)
    facts = {
        "has_weights": model.has_weights,
        "devices": list(model.devices),
        "n_positions": model.n_positions,
    }
    return facts | model_facts(model) | {"settings": variant.described()}


def used_weights(variant: Variant, threads: int) -> list[str]:
    """Return the names of the tensors that the model reads to decode a token."""
    model = opened(variant.path, variant.options, variant.rounding)
    return model.core.used_weights(threads=threads)


def write_greedily(
    variant: Variant,
    usual: SessionOptions,
    prompts: Sequence[Sequence[int]],
    n_tokens: int,
    padding: npt.NDArray[np.int32],
    ends: frozenset[int],
) -> list[list[int]]:
    """Return the most probable next tokens of each prompt, one after another.

    Args:
        n_tokens: most tokens to write.
        ends: tokens that end a text; the text holds the one that ended it.
    """
    decoding = session(variant, usual)
    return [_continue(decoding, list(prompt), n_tokens, padding, ends) for prompt in prompts]


def _continue(
    decoding: Session,
    prompt: list[int],
    n_tokens: int,
    padding: npt.NDArray[np.int32],
    ends: frozenset[int],
) -> list[int]:
    context = decoding.context
    context.clear()
    written: list[int] = []
    fed, begin = prompt, 0
    while len(written) < n_tokens:
        outputs = np.zeros(len(fed), dtype=np.bool_)
        outputs[-1] = True
        positions = np.arange(begin, begin + len(fed))
        context.decode(fed, positions, [[0]] * len(fed), outputs)
        row = context.logits[-1].copy()
        row[padding] = -np.inf
        token = int(np.argmax(row))
        begin += len(fed)
        written.append(token)
        if token in ends:
            break
        fed = [token]
    return written


class Rows:
    """Memory for rows of a file that `write_rows` wrote, used again for every block.

    Read, not mapped: what a mapping has touched counts as this process's memory until it ends.
    """

    def __init__(self, n_vocab: int) -> None:
        self._memory = np.empty((0, n_vocab), dtype=np.float32)

    def read(self, path: str, places: npt.NDArray[np.int64]) -> Logits:
        """Return rows, float32 (len(places), n_vocab), valid until the next ones are read."""
        if len(places) > len(self._memory):
            self._memory = np.empty((len(places), self._memory.shape[1]), dtype=np.float32)
        rows = self._memory[: len(places)]
        with Path(path).open("rb", buffering=0) as source:
            runs = np.split(np.arange(len(places)), np.flatnonzero(np.diff(places) != 1) + 1)
            for run in runs:
                source.seek(int(places[run[0]]) * rows[0].nbytes)
                _fill(source, rows[run[0] : run[-1] + 1].data.cast("B"), path)
        return rows


def _fill(source: FileIO, target: memoryview, path: str) -> None:
    """Read until the target is full; one call reads 2 GiB at most."""
    while target:
        n_bytes = source.readinto(target)
        if not n_bytes:
            raise InputError(f"{path}: ends within the reference's rows")
        target = target[n_bytes:]


def _columns(observers: Sequence[Observer], block: Block) -> Columns:
    found: Columns = {}
    for observer in observers:
        found |= observer(block)
    return found


def _join(parts: list[tuple[npt.NDArray[np.int64], Columns]]) -> Columns:
    """Put the columns of all blocks into the order of the rows."""
    order = np.argsort(np.concatenate([places for places, _ in parts]), kind="stable")
    names = parts[0][1]
    return {name: np.concatenate([part[name] for _, part in parts])[order] for name in names}
