"""Finished tasks on disk, so that a killed evaluation goes on where it was."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pyengine.codegen.records import TaskRecord
from pyengine.codegen.tasks import Task
from pyengine.errors import InputError

FORMAT = 1


def fingerprint(parts: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what decides a measurement, as hexadecimal."""
    text = json.dumps({"format": FORMAT, **parts}, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def task_key(task: Task) -> str:
    """Return the hash of a task's whole content: a changed task is another task."""
    return fingerprint(task.model_dump())


class TaskStore:
    """One file of JSON lines for one model and one set of settings.

    A line is written and flushed to the disk when its task is finished. A last line that a kill cut
    in half is dropped when the file is opened again.
    """

    def __init__(self, folder: Path, key: str) -> None:
        """Open the file; raises InputError where the folder cannot be written."""
        self.path = folder / f"{key[:32]}.jsonl"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._found = self._read()
            self._stream = self.path.open("ab", buffering=0)  # nothing is left to write at the end
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written: {error.strerror}") from error

    def _read(self) -> dict[str, TaskRecord]:
        if not self.path.exists():
            return {}
        data = self.path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            with self.path.open("r+b") as stream:
                stream.truncate(len(whole))
        found = {}
        for line in whole.splitlines():
            try:
                entry = json.loads(line)
                found[str(entry["key"])] = TaskRecord.model_validate(entry["record"])
            except (ValueError, KeyError, TypeError, ValidationError):
                continue  # measured again: nothing is taken from a line that is not sound
        return found

    def get(self, key: str) -> TaskRecord | None:
        """Return the finished task of that key, if there is one."""
        return self._found.get(key)

    def put(self, key: str, record: TaskRecord) -> None:
        """Keep a finished task, on disk when this returns; it replaces one kept before."""
        line = json.dumps({"key": key, "record": record.model_dump(mode="json")})
        data = line.encode() + b"\n"
        try:
            while data:
                data = data[self._stream.write(data) :]
            os.fsync(self._stream.fileno())
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written: {error.strerror}") from error
        self._found[key] = record

    def forget(self) -> None:
        """Start from nothing: what was kept under this key is measured again."""
        self._stream.truncate(0)
        self._found.clear()

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
