"""Read records back from files, and merge those that belong together."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pyengine.errors import InputError, ResultFileError
from pyengine.inputs import read_bytes
from pyengine.run.record import SCHEMA_VERSION, Run


def holds_run(path: Path, command: str) -> bool:
    """Tell whether a file holds the record of a command, of this schema version."""
    return _told(path) == (SCHEMA_VERSION, command)


def _told(path: Path) -> tuple[Any, Any]:
    """Return schema version and command of a record; None of what is none."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None, None
    content = found if isinstance(found, dict) else {}
    return content.get("schema_version"), content.get("command")


def record_files(paths: Iterable[str | Path]) -> list[Path]:
    """Return the files that are named, and in place of a folder the records that lie in it.

    Raises:
        ResultFileError: a folder holds none.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if not os.path.isdir(path):  # noqa: PTH112  # Path.is_dir raises where it may not look
            found.append(path)
            continue
        files = sorted(file for file in path.glob("*.json") if file.is_file())
        inside = [file for file in files if _told(file)[0] is not None]
        if not inside:
            raise ResultFileError(f"{path}: the folder holds no record, as --json writes it")
        found += inside
    return found


def load(path: str | Path) -> Run:
    """Read a run from a JSON file.

    Args:
        path: a file that `--json` or `Run.save` wrote, or one in the folder of a sweep.

    Raises:
        ResultFileError: the file is missing, no record of pyengine, damaged, or of another schema
            version; nothing of an older version is read.

    Examples:
        >>> pyengine.load("result.json").table("kl")
    """
    return parse(read_json(path), str(path))


def parse(content: object, name: str) -> Run:
    """Turn the content of a JSON file into a record; `name` is what errors call it."""
    if not isinstance(content, dict) or "schema_version" not in content:
        raise ResultFileError(f"{name}: not a record of pyengine: it has no schema_version")
    if content["schema_version"] != SCHEMA_VERSION:
        raise ResultFileError(f"{name}: {_other_schema(content)}")
    try:
        return Run.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the record"
        raise ResultFileError(f"{name}: damaged record: {where}: {first['msg']}") from error
    except RecursionError as error:
        raise ResultFileError(f"{name}: damaged record: it is nested too deeply") from error


def read_json(path: str | Path) -> object:
    """Read a JSON file once, since it may be a pipe; PowerShell's `>` writes UTF-16.

    Raises:
        ResultFileError: it cannot be read, is larger than any record, or is not JSON.
    """
    data = read_bytes(path, error=ResultFileError, pipes=True)
    try:
        return json.loads(data.decode(json.detect_encoding(data)))
    except (ValueError, RecursionError) as error:
        raise ResultFileError(f"{path}: not JSON: {error}") from error


@contextmanager
def values_that_fit(paths: Sequence[str | Path]) -> Iterator[None]:
    """Hold what fails inside against records: each fits its schema, its values need not.

    Raises:
        ResultFileError: something fails, other than by an error of ours.
    """
    try:
        yield
    except (ArithmeticError, LookupError, ValueError, TypeError, AttributeError) as error:
        names = ", ".join(map(str, paths))
        raise ResultFileError(
            f"{names}: damaged record: its values do not fit together "
            f"({type(error).__name__}: {error!s:.100})"
        ) from error


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a record, as it is written."""
    found = Run.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


def merge(runs: Sequence[Run]) -> Run:
    """Join runs of one command over one population and one reference.

    A variant that was measured tomorrow joins today's table. Of variants that stand in several
    runs the first is kept.

    Raises:
        InputError: there is none, or they differ in command, options, population or reference.
    """
    if not runs:
        raise InputError("nothing to merge: name at least one record")
    first = runs[0]
    for other in runs[1:]:
        _check_mergeable(first, other)
    known = {model.id for model in first.models}
    merged: dict[str, list[Any]] = {
        "models": list(first.models),
        "measurements": list(first.measurements),
        "exhibits": list(first.exhibits),
        "notes": list(first.notes),
    }
    for other in runs[1:]:
        new = [model for model in other.models if model.id not in known]
        ids = {model.id for model in new}
        known |= ids
        merged["models"] += new
        for part in ("measurements", "exhibits", "notes"):
            merged[part] += [row for row in getattr(other, part) if row.model in ids]
    return first.model_copy(update=merged)


def _check_mergeable(first: Run, other: Run) -> None:
    if (first.command, first.options) != (other.command, other.options):
        raise InputError("the records come of other commands or options, so they do not merge")
    if first.population != other.population:
        raise InputError("the records are over other documents, so they do not merge")
    references = [_references(run) for run in (first, other)]
    if references[0] != references[1]:
        raise InputError("the records have other references, so they do not merge")
    for model in other.models:
        same = next((m for m in first.models if m.id == model.id), model)
        if (same.sha256, same.settings) != (model.sha256, model.settings):
            raise InputError(f"two different files are called {model.id!r}; rename one of them")


def _references(run: Run) -> set[str]:
    by_id = {model.id: model.sha256 for model in run.models}
    return {by_id.get(row.reference, row.reference) for row in run.measurements if row.reference}


def _other_schema(content: dict[str, Any]) -> str:
    provenance = content.get("provenance")
    maker = provenance.get("pyengine") if isinstance(provenance, dict) else None
    version = content["schema_version"]
    told = f"written with schema version {version!r:.20} by pyengine {maker or '(unknown version)'}"
    newer = isinstance(version, int) and version > SCHEMA_VERSION
    advice = "update pyengine" if newer else "measure again"
    return f"{told}; this version reads schema version {SCHEMA_VERSION}; {advice}"
