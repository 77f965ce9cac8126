"""Read records back from JSON files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import ValidationError

from pyengine.errors import ResultFileError
from pyengine.run import storage
from pyengine.run.record import Run

if TYPE_CHECKING:
    from pyengine.results import Result

Saved: TypeAlias = "Result | Run"

# Kind of record -> module and class. Modules are imported when a record of theirs is read.
KINDS: dict[str, str] = {}


def record_class(kind: str) -> type[Result]:
    """Return the class of a kind of record.

    Raises ResultFileError for a kind that this version does not know.
    """
    if kind not in KINDS:
        known = ", ".join(KINDS)
        raise ResultFileError(f"unknown kind of record {kind!r}; known are {known}")
    module, _, name = KINDS[kind].partition(":")
    found: type[Result] = getattr(import_module(module), name)
    return found


def command_of(record: Saved) -> str:
    """Return the command that made a record."""
    return record.command if isinstance(record, Run) else record.kind


def load_result(path: str | Path) -> Saved:
    """Read a record from a JSON file as a command wrote it with --json.

    Raises ResultFileError where the file is missing, no record, of another schema version (both
    versions are named) or does not fit its schema.
    """
    content = storage.read_json(path)
    if not isinstance(content, dict) or str(content.get("kind")) not in KINDS:
        return storage.parse(content, str(path))
    from pyengine.results import SCHEMA_VERSION

    kind, schema = content["kind"], content.get("schema_version")
    if schema != SCHEMA_VERSION:
        raise ResultFileError(f"{path}: {_other_schema(schema, content, SCHEMA_VERSION)}")
    try:
        # As JSON: there texts such as "NaN" stand for numbers.
        return record_class(kind).model_validate_json(json.dumps(content))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the record"
        raise ResultFileError(f"{path}: damaged {kind} record: {where}: {first['msg']}") from error


@contextmanager
def records_that_fit(paths: Sequence[str | Path]) -> Iterator[None]:
    """Hold what fails inside against the records: each fits its schema, its values need not.

    Raises ResultFileError.
    """
    try:
        yield
    except (ArithmeticError, LookupError, ValueError, TypeError, AttributeError) as error:
        names = ", ".join(map(str, paths))
        raise ResultFileError(
            f"{names}: damaged record: its values do not fit together "
            f"({type(error).__name__}: {error!s:.100})"
        ) from error


def _other_schema(schema: object, content: dict[str, Any], current: int) -> str:
    provenance = content.get("provenance")
    maker = provenance.get("pyengine") if isinstance(provenance, dict) else None
    number = "no schema version" if schema is None else f"schema version {schema!r:.20}"
    text = f"written with {number} by pyengine {maker or '(unknown version)'}; "
    text += f"this version reads schema version {current}"
    newer = isinstance(schema, int) and schema > current
    return text + ("; update pyengine" if newer else "; measure again")
