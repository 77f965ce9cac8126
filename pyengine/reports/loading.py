"""Read result records back from JSON files, and describe them by JSON Schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pyengine.errors import ResultFileError
from pyengine.inputs import read_bytes
from pyengine.results import SCHEMA_VERSION, Result

# Kind of record -> module and class. Modules are imported when a record of theirs is read.
KINDS: dict[str, str] = {
    "probe": "pyengine.probes.records:ProbeResult",
    "vocab": "pyengine.vocabulary.records:VocabResult",
    "tokenize": "pyengine.vocabulary.tokenization:TokenizeResult",
    "compare": "pyengine.comparison.records:ComparisonResult",
    "quantize": "pyengine.sweep.quantization:QuantizeResult",
    "sweep": "pyengine.sweep.records:SweepResult",
    "sweep-timings": "pyengine.sweep.records:SweepTimings",
    "evaluate": "pyengine.codegen.records:EvaluationResult",
    "recommend": "pyengine.recommendation.records:RecommendResult",
    "models": "pyengine.discovery.records:ModelsResult",
    "doctor": "pyengine.doctor.records:DoctorResult",
}


def record_class(kind: str) -> type[Result]:
    """Return the class of a kind of record.

    Raises ResultFileError for a kind that this version does not know.
    """
    if kind not in KINDS:
        raise ResultFileError(f"unknown kind of record {kind!r}; known are {', '.join(KINDS)}")
    module, _, name = KINDS[kind].partition(":")
    found: type[Result] = getattr(import_module(module), name)
    return found


def load_result(path: str | Path) -> Result:
    """Read a record from a JSON file as a command wrote it with --json.

    Raises ResultFileError where the file is missing, no record, of another schema version (both
    versions are named) or does not fit its schema.
    """
    text = _read(path)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ResultFileError(f"{path}: not JSON: {error}") from error
    if not isinstance(content, dict) or "kind" not in content:
        raise ResultFileError(f"{path}: not a record of pyengine: it has no `kind`")
    kind, schema = content["kind"], content.get("schema_version")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ResultFileError(f"{path}: unknown kind {kind!r:.40}; known are {', '.join(KINDS)}")
    if schema != SCHEMA_VERSION:
        raise ResultFileError(f"{path}: {_other_schema(schema, content)}")
    try:
        return record_class(kind).model_validate_json(text)
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


def _read(path: str | Path) -> str:
    """Read a file once, since it may be a pipe; PowerShell's `>` writes UTF-16."""
    data = read_bytes(path, error=ResultFileError, pipes=True)
    try:
        return data.decode(json.detect_encoding(data))
    except UnicodeDecodeError as error:
        raise ResultFileError(f"{path}: not JSON: {error}") from error


def _other_schema(schema: object, content: dict[str, Any]) -> str:
    provenance = content.get("provenance")
    maker = provenance.get("pyengine") if isinstance(provenance, dict) else None
    number = "no schema version" if schema is None else f"schema version {schema!r:.20}"
    text = f"written with {number} by pyengine {maker or '(unknown version)'}; "
    text += f"this version reads schema version {SCHEMA_VERSION}"
    newer = isinstance(schema, int) and schema > SCHEMA_VERSION
    return text + ("; update pyengine" if newer else "; measure again")


def record_schema(kind: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a kind of record, as it is serialised."""
    schema = record_class(kind).model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def schema_text(kind: str) -> str:
    """Write a record's JSON Schema as it is shipped in `pyengine/data/schemas`."""
    return json.dumps(record_schema(kind), indent=2, ensure_ascii=False) + "\n"
