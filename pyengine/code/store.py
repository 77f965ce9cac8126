"""Finished tasks on disk, so that a killed evaluation goes on where it was."""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pyengine.code.answers import Answer
from pyengine.code.tasks import Task
from pyengine.errors import InputError
from pyengine.files import making_folder

FORMAT = 1
# How every line begins; a file that begins otherwise is somebody else's.
HEAD = b'{"key": "'
ANSWERS: TypeAdapter[Answer] = TypeAdapter(Answer)


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
        """Open the file.

        Raises:
            InputError: the folder cannot be written, or the file is somebody else's.
        """
        self.path = folder / f"{key[:32]}.jsonl"
        self._found: dict[str, Answer] = {}
        with making_folder(folder):
            try:
                # Without a buffer nothing is left to write at the end.
                self._stream = self.path.open("a+b", buffering=0)
            except OSError as error:
                raise self._unwritable(error) from error
            try:
                with self._alone():
                    self._read()
            except BaseException:
                self._stream.close()
                raise

    def _read(self) -> None:
        """Take what is there; nothing is taken from a line that is not sound."""
        self._stream.seek(0)
        data = self._stream.read()
        if not (data.startswith(HEAD) or HEAD.startswith(data)):
            raise InputError(
                f"{self.path}: exists and holds no finished tasks; move it away or choose another "
                "folder"
            )
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            self._stream.truncate(len(whole))
        for line in whole.splitlines():
            try:
                entry = json.loads(line)
                self._found[str(entry["key"])] = ANSWERS.validate_python(
                    entry["answer"], strict=True
                )
            except (ValueError, KeyError, TypeError, ValidationError):
                continue

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the file while it is read or a line is written: two evaluations may share it."""
        try:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(self._stream, fcntl.LOCK_EX)
            yield
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            with suppress(OSError):
                fcntl.flock(self._stream, fcntl.LOCK_UN)

    def _unwritable(self, error: OSError) -> InputError:
        return InputError(f"{self.path}: cannot be written: {error.strerror}")

    def get(self, key: str) -> Answer | None:
        """Return the finished task of that key, if there is one."""
        return self._found.get(key)

    def put(self, key: str, answer: Answer) -> None:
        """Keep a finished task, on disk when this returns; it replaces one kept before."""
        line = json.dumps({"key": key, "answer": answer})
        data = line.encode() + b"\n"
        with self._alone():
            end = self._stream.seek(0, os.SEEK_END)
            try:
                while data:
                    data = data[self._stream.write(data) :]
                os.fsync(self._stream.fileno())
            except OSError:
                with suppress(OSError):
                    self._stream.truncate(end)  # half a line helps nobody
                raise
        self._found[key] = answer

    def forget(self) -> None:
        """Start from nothing: what was kept under this key is measured again."""
        with self._alone():
            self._stream.truncate(0)
        self._found.clear()

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
