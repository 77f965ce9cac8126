"""The folder of a sweep: every finished measurement at once, whole or not at all."""

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from pyengine.errors import InputError, OptionError
from pyengine.files import write_atomic
from pyengine.sweep.measurements import QualityRecord
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

    Raises:
        OptionError: the folder holds an earlier sweep and `resume` is not given.
        InputError: the folder cannot be made, or another sweep is at work in it.
    """
    if (folder / LOCK).exists() and not resume:
        raise OptionError(
            f"{folder}: holds an earlier sweep; --resume continues it, another folder starts anew"
        )
    try:
        for name in (MODELS, QUALITY, SPEED):
            (folder / name).mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("w")
    except OSError as error:
        raise InputError(f"{folder}: cannot be used: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(f"{folder}: another sweep is at work there") from None
        _remove_halves(folder)
        yield Store(folder)


def _remove_halves(folder: Path) -> None:
    """Remove the temporary files that a killed sweep left; nobody else writes here."""
    for place in (folder, folder / MODELS, folder / QUALITY, folder / SPEED):
        for path in place.glob(".*"):
            if path.is_file():
                path.unlink()
