"""The folder of a sweep: every finished chunk of every variant at once, whole or not at all."""

from __future__ import annotations

import fcntl
import io
import json
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from pyengine.errors import InputError, OptionError
from pyengine.files import (
    check_replaceable,
    making_folder,
    remove_leftovers,
    temporary_folder,
    user_cache,
    write_atomic,
)
from pyengine.measure.decode import Observation
from pyengine.run.storage import holds_run

MODELS, CHUNKS, SPEED = "models", "chunks", "speeds"
RESULTS, TIMINGS, LOCK = "results.json", "timings.json", "sweep.lock"
MOST_CACHED = 512 << 20  # bytes
# What NumPy and JSON raise for a file that was cut or changed.
DAMAGE = (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)
# No column is called so: names of columns hold no dot.
KEPT, AGAIN = "kept.json", "again."


class Folder:
    """Reads and writes what one sweep has measured."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def models(self) -> Path:
        """Where quantized files go."""
        return self.folder / MODELS

    @property
    def results(self) -> Path:
        """The record as JSON."""
        return self.folder / RESULTS

    @property
    def timings(self) -> Path:
        """Load time, memory and speed as JSON."""
        return self.folder / TIMINGS

    @property
    def chunks(self) -> Path:
        """Where observations go."""
        return self.folder / CHUNKS

    @property
    def speeds(self) -> Path:
        """Where timings go."""
        return self.folder / SPEED

    def save(self, key: str, observation: Observation) -> None:
        """Keep an observation; equal ones give equal bytes."""
        write_atomic(self._chunk(key), to_bytes(observation))

    def load(self, key: str) -> Observation | None:
        """Return what is kept under a key; None where there is nothing, or something damaged."""
        try:
            return from_bytes(self._chunk(key).read_bytes())
        except (FileNotFoundError, *DAMAGE):
            return None

    def save_speed(self, key: str, timing: dict[str, Any]) -> None:
        """Keep the timings of one variant."""
        save_json(self.speeds, key, timing)

    def load_speed(self, key: str) -> dict[str, Any] | None:
        """Return the timings under a key; None where there are none, or damaged ones."""
        return load_json(self.speeds, key)

    def _chunk(self, key: str) -> Path:
        return self.chunks / f"{key}.npz"


class _Cache(Folder):
    """Keeps what it can: nobody asked for these files, and all can be measured again."""

    def save(self, key: str, observation: Observation) -> None:
        """Keep an observation, unless it cannot be written."""
        with suppress(InputError):
            super().save(key, observation)

    def save_speed(self, key: str, timing: dict[str, Any]) -> None:
        """Keep timings, unless they cannot be written."""
        with suppress(InputError):
            super().save_speed(key, timing)


def save_json(folder: Path, key: str, content: Mapping[str, Any]) -> None:
    """Keep plain JSON values in a folder under a key; equal ones give equal bytes."""
    text = json.dumps({"key": key, **content}, indent=1)
    write_atomic(folder / f"{key}.json", f"{text}\n")


def load_json(folder: Path, key: str) -> dict[str, Any] | None:
    """Return what `save_json` kept; None where there is nothing, or something damaged."""
    try:
        content: dict[str, Any] = json.loads((folder / f"{key}.json").read_text(encoding="utf-8"))
        return content if content.pop("key") == key else None
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None


def to_bytes(observation: Observation) -> bytes:
    """Write an observation as an NPZ file: its columns, and what is kept as JSON beside them."""
    buffer = io.BytesIO()
    told = {name: getattr(observation, name) for name in ("kept", "devices", "order")}
    again = {f"{AGAIN}{name}": column for name, column in observation.again.items()}
    kept = {KEPT: np.frombuffer(json.dumps(told).encode(), np.uint8)}
    arrays = {**observation.columns, **again, **kept}
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def from_bytes(data: bytes) -> Observation:
    """Read an observation that `to_bytes` wrote; the archive's checksums show damage."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        columns = {name: arrays[name] for name in arrays.files}
    told = json.loads(columns.pop(KEPT).tobytes())
    again = {name: columns.pop(name) for name in list(columns) if name.startswith(AGAIN)}
    return Observation(
        columns,
        told["kept"],
        tuple(told["devices"]),
        {name.removeprefix(AGAIN): column for name, column in again.items()},
        told["order"],
    )


@contextmanager
def open_cache() -> Iterator[Folder]:
    """Yield the folder in the user's cache where what searches measure is kept, the newest of it.

    Where there is no such place, a temporary folder takes its.
    """
    with ExitStack() as stack:
        try:
            kept = _Cache(user_cache() / "measured")
            for part in (kept.chunks, kept.speeds):
                part.mkdir(parents=True, exist_ok=True)
                remove_leftovers(part)
                _remove_oldest(part)
        except (OSError, RuntimeError, InputError):
            kept = _Cache(stack.enter_context(temporary_folder()))
            kept.chunks.mkdir()
            kept.speeds.mkdir()
        yield kept


def _remove_oldest(folder: Path) -> None:
    """Remove the oldest files beyond MOST_CACHED; another search may be doing the same."""
    found = []
    for path in folder.iterdir():
        with suppress(OSError):
            found.append((path.stat(), path))
    n_bytes = 0
    for status, path in sorted(found, key=lambda each: -each[0].st_mtime):
        n_bytes += status.st_size
        if n_bytes > MOST_CACHED:
            with suppress(OSError):
                path.unlink()


@contextmanager
def open_folder(folder: Path, *, resume: bool) -> Iterator[Folder]:
    """Yield the folder of a sweep, which is made where missing and held by one at a time.

    A sweep that ends on an error before anything was made leaves nothing.

    Raises:
        OptionError: the folder holds an earlier sweep and `resume` is not given.
        InputError: the folder cannot be made, a file of somebody else has the name of a record, or
            another sweep is at work in it.
    """
    kept = Folder(folder)
    parts = [folder / name for name in (MODELS, CHUNKS, SPEED)]
    if (folder / LOCK).exists() and not resume:
        raise OptionError(
            f"{folder}: holds an earlier sweep; --resume continues it, another folder starts anew"
        )
    check_replaceable(kept.results, is_sweep)
    check_replaceable(kept.timings, is_timings)
    with making_folder(folder), _locked(folder), ExitStack() as made:
        for part in parts:
            made.enter_context(making_folder(part))
        for place in (folder, *parts):
            remove_leftovers(place)
        yield kept


def is_sweep(path: Path) -> bool:
    """Tell whether a file holds the record of a sweep."""
    return holds_run(path, "sweep")


def is_timings(path: Path) -> bool:
    """Tell whether a file holds the timings of a sweep."""
    return holds_run(path, "speed")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; on an error, remove it where it is new and nothing was made.

    A file of that name that is there already is neither written nor cut.
    """
    path = folder / LOCK
    is_new = not path.exists()
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise InputError(f"{path}: cannot be used: {error.strerror}") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(f"{folder}: another sweep is at work there") from None
        try:
            yield
        except BaseException:
            if is_new and not any((folder / name).exists() for name in (MODELS, CHUNKS, SPEED)):
                path.unlink()
            raise
    finally:
        os.close(handle)
