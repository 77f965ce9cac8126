"""Finished tasks on disk, so that a killed evaluation goes on where it was."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pyengine.code.answers import Answer
from pyengine.code.tasks import Task
from pyengine.measure.store import load_json, save_json

FORMAT = 3  # of what is kept; another where answers are read otherwise
ANSWERS: TypeAdapter[Answer] = TypeAdapter(Answer)


def fingerprint(parts: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what decides a measurement, as hexadecimal."""
    text = json.dumps({"format": FORMAT, **parts}, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


class TaskStore:
    """A folder for one model and one set of settings, which holds a file for each finished task.

    A file is named by the hash of its task's whole content: a changed task is another task.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = folder / key[:32]

    def get(self, task: Task) -> Answer | None:
        """Return the answer to a task; None where there is none, or a damaged one."""
        content = load_json(self.folder, fingerprint(task.model_dump()))
        try:
            return None if content is None else ANSWERS.validate_python(content, strict=True)
        except ValidationError:
            return None

    def put(self, task: Task, answer: Answer) -> None:
        """Keep the answer to a task, on disk when this returns; it replaces one kept before."""
        save_json(self.folder, fingerprint(task.model_dump()), answer)

    def forget(self, task: Task) -> None:
        """Remove the answer to a task, so that it is measured again."""
        (self.folder / f"{fingerprint(task.model_dump())}.json").unlink(missing_ok=True)
