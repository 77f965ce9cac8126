"""What a variant's process does: decode contexts, and reduce its rows to columns at once.

These functions run in a child process (`pyengine.models.child`) that keeps one model open between
calls. Rows of the reference come from a file that its own process has written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pyengine.errors import InputError
from pyengine.measure.contexts import Chunk, Context
from pyengine.measure.models import model_facts
from pyengine.measure.observers import Block, Columns, Keeper, Logits, Observer
from pyengine.measure.variants import Variant
from pyengine.models.model import Model, open_model
from pyengine.models.options import ModelOptions, SessionOptions
from pyengine.models.session import Session


@dataclass(frozen=True, eq=False)
class Observation:
    """What is kept of one chunk of one variant.

    Attributes:
        columns: of the token table, one value for each row of the chunk.
        kept: what each keeper kept, by its name.
        devices: those that computed.
    """

    columns: Columns
    kept: dict[str, list[dict[str, Any]]]
    devices: tuple[str, ...]


@lru_cache(maxsize=1)
def opened(path: str, options: ModelOptions) -> Model:
    """Return the open model of this process; opening another one drops it."""
    return open_model(path, options=options)


@lru_cache(maxsize=1)
def session(variant: Variant, usual: SessionOptions) -> Session:
    """Return a session on the model of this process; another one replaces it."""
    session.cache_clear()
    return Session(opened(variant.path, variant.options), options=variant.session(usual))


def write_rows(variant: Variant, chunk: Chunk, path: str) -> tuple[str, ...]:
    """Decode a chunk into a file of float32 rows; returns the devices that computed.

    Raises:
        NumbersError: a logit is not a number.
        InputError: there is no room for the file.
    """
    decoding = session(variant, chunk.session)
    # Written, not mapped: a full disk is an error here and would end a process that maps the file.
    try:
        with Path(path).open("wb") as target:
            for places, rows in decoding.rows(chunk.contexts):
                for place, row in zip(places.tolist(), rows, strict=True):
                    target.seek(place * row.nbytes)
                    target.write(row.data)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
    return tuple(decoding.model.devices)


def observe(
    variant: Variant,
    chunk: Chunk,
    observers: Sequence[Observer],
    keepers: dict[str, Keeper],
    padding: npt.NDArray[np.int32],
    *,
    reference: str = "",
    contexts: Sequence[Context] | None = None,
    at: npt.NDArray[np.int64] | None = None,
    within: Session | None = None,
) -> Observation:
    """Decode a chunk and reduce each block of rows to columns.

    Args:
        reference: file with the reference's rows; empty where the variant is measured alone.
        contexts: those to decode instead of the chunk's, for a part of it.
        at: for each row of these contexts its index in the chunk.
        within: a session that is open; None for that of this process.

    Raises:
        NumbersError: a logit is not a number.
    """
    decoding = within or session(variant, chunk.session)
    model = decoding.model
    targets, token_sets = chunk.targets, chunk.token_sets
    parts: list[tuple[npt.NDArray[np.int64], Columns]] = []
    for places, rows in decoding.rows(chunk.contexts if contexts is None else contexts):
        inside = places if at is None else at[places]
        block = Block(
            places=inside,
            rows=rows,
            reference=read_rows(reference, inside, model.n_vocab) if reference else None,
            targets=targets[inside],
            token_sets=token_sets[inside],
            padding=padding,
            threads=decoding.threads,
            variant=variant.id,
        )
        parts.append((places, _columns(observers, block)))
        for keeper in keepers.values():
            keeper.offer(block)
    kept = {name: keeper.best() for name, keeper in keepers.items()}
    return Observation(_join(parts), kept, tuple(model.devices))


def describe(variant: Variant) -> dict[str, Any]:
    """Return what `ModelInfo` and `Subject` need of an open model, and `has_weights`."""
    model = opened(variant.path, variant.options)
    settings = {"n_gpu_layers": variant.options.n_gpu_layers} | dict(variant.settings)
    if variant.options.use_extra_bufts:
        settings["use_extra_bufts"] = True
    facts = {
        "has_weights": model.has_weights,
        "devices": list(model.devices),
        "n_positions": model.n_positions,
    }
    return facts | model_facts(model) | {"settings": settings}


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


def read_rows(path: str, places: npt.NDArray[np.int64], n_vocab: int) -> Logits:
    """Read some rows of a file that `write_rows` wrote; float32 (len(places), n_vocab).

    Read, not mapped: what a mapping has touched counts as this process's memory until it ends.
    """
    rows = np.empty((len(places), n_vocab), dtype=np.float32)
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
        found |= observer.columns(block)
    return found


def _join(parts: list[tuple[npt.NDArray[np.int64], Columns]]) -> Columns:
    """Put the columns of all blocks into the order of the rows."""
    order = np.argsort(np.concatenate([places for places, _ in parts]), kind="stable")
    names = parts[0][1]
    return {name: np.concatenate([part[name] for _, part in parts])[order] for name in names}
