"""The folder of a sweep: every finished measurement at once, whole or not at all."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pydantic import ValidationError

from pyengine.errors import InputError, OptionError
from pyengine.files import (
    check_replaceable,
    making_folder,
    remove_leftovers,
    write_atomic,
)
from pyengine.results import is_record, json_text
from pyengine.sweep.measurements import QualityRecord
from pyengine.sweep.records import SweepResult, SweepTimings
from pyengine.sweep.speed_record import SpeedRecord
from pyengine.sweep.token_numbers import TokenNumbers, read_arrays
from pyengine.sweep.worker import Outcome

MODELS, QUALITY, SPEED = "models", "measurements", "speeds"
RESULTS, TIMINGS, LOCK = "results.json", "timings.json", "sweep.lock"


class Store:
    """Reads and writes the measurements of one sweep folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def models(self) -> Path:
        """Where quantized files go."""
        return self.folder / MODELS

    @property
    def results(self) -> Path:
        """The table as JSON."""
        return self.folder / RESULTS

    @property
    def timings(self) -> Path:
        """Load time, memory and speed as JSON."""
        return self.folder / TIMINGS

    def check_results(self) -> None:
        """Raise InputError where a file that no sweep wrote has the name of a table."""
        check_replaceable(self.results, _is_table)
        check_replaceable(self.timings, _are_timings)

    def save_results(self, result: SweepResult) -> None:
        """Write the table."""
        write_atomic(self.results, json_text(result), is_ours=_is_table)

    def save_timings(self, timings: SweepTimings) -> None:
        """Write load times, memory and speeds."""
        write_atomic(self.timings, json_text(timings), is_ours=_are_timings)

    def save_quality(self, outcome: Outcome) -> None:
        """Write a comparison: its per-token numbers, then the record that vouches for them."""
        record = QualityRecord.model_validate_json(outcome.record)
        write_atomic(self._file(QUALITY, record.key, "npz"), outcome.arrays)
        write_atomic(self._file(QUALITY, record.key, "json"), outcome.record + "\n")

    def save_speed(self, outcome: Outcome) -> None:
        """Write a speed measurement."""
        record = SpeedRecord.model_validate_json(outcome.record)
        write_atomic(self._file(SPEED, record.key, "json"), outcome.record + "\n")

    def load_quality(self, key: str) -> tuple[QualityRecord, TokenNumbers] | None:
        """Return a finished comparison; None where there is none, or a damaged one."""
        try:
            text = self._file(QUALITY, key, "json").read_text()
            arrays = self._file(QUALITY, key, "npz").read_bytes()
            record = QualityRecord.model_validate_json(text)
        except (FileNotFoundError, ValidationError):
            return None
        if record.key != key or hashlib.sha256(arrays).hexdigest() != record.arrays_sha256:
            return None
        return record, read_arrays(arrays)

    def load_speed(self, key: str) -> SpeedRecord | None:
        """Return a finished speed measurement; None where there is none, or a damaged one."""
        try:
            record = SpeedRecord.model_validate_json(self._file(SPEED, key, "json").read_text())
        except (FileNotFoundError, ValidationError):
            return None
        return record if record.key == key else None

    def _file(self, kind: str, key: str, suffix: str) -> Path:
        return self.folder / kind / f"{key}.{suffix}"


@contextmanager
def open_store(folder: Path, *, resume: bool) -> Iterator[Store]:
    """Yield the store in a folder, which is made where missing and held by one sweep at a time.

    A sweep that ends on an error before anything was made leaves nothing.

    Raises:
        OptionError: the folder holds an earlier sweep and `resume` is not given.
        InputError: the folder cannot be made, a file of somebody else has the name of a table, or
            another sweep is at work in it.
    """
    store = Store(folder)
    parts = [folder / name for name in (MODELS, QUALITY, SPEED)]
    if (folder / LOCK).exists() and not resume:
        raise OptionError(
            f"{folder}: holds an earlier sweep; --resume continues it, another folder starts anew"
        )
    store.check_results()
    with making_folder(folder), _locked(folder), ExitStack() as made:
        for part in parts:
            made.enter_context(making_folder(part))
        for place in (folder, *parts):
            remove_leftovers(place)
        yield store


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
            if is_new and not any((folder / name).exists() for name in (MODELS, QUALITY, SPEED)):
                path.unlink()
            raise
    finally:
        os.close(handle)


def _is_table(path: Path) -> bool:
    return is_record(path, "sweep")


def _are_timings(path: Path) -> bool:
    return is_record(path, "sweep-timings")
