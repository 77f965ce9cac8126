"""Write the JSON Schemas that are shipped, and the page that documents them.

Run as `python -m pyengine.reports.schemas DOCS` in the repository after a record changed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pyengine.files import write_atomic
from pyengine.reports.loading import KINDS, record_schema, schema_text
from pyengine.results import SCHEMA_VERSION

SCHEMAS = Path(__file__).resolve().parent.parent / "data" / "schemas"

_HEAD = f"""# Records

Every measuring command prints its record with `--json`. A record is one JSON object with a
`kind`, a `schema_version` (now {SCHEMA_VERSION}) and its `provenance`. This page is generated from
the same models that write the records; the JSON Schemas (2020-12) lie in `pyengine/data/schemas`
and are printed by `pyengine report --schema KIND`. A record of another schema version is refused,
with both versions named. Numbers that are not finite are written as the strings `NaN`, `Infinity`
and `-Infinity`.
"""


def write_schemas(docs: Path) -> None:
    """Write one schema for each kind, and `records.md` into the folder of the documentation."""
    SCHEMAS.mkdir(exist_ok=True)
    for kind in KINDS:
        write_atomic(SCHEMAS / f"{kind}.json", schema_text(kind))
    write_atomic(docs / "records.md", records_page())


def records_page() -> str:
    """Describe every kind of record: its fields, their types and what the docstrings say."""
    parts = [_HEAD]
    for kind in KINDS:
        schema = record_schema(kind)
        parts.append(f"## {kind}\n")
        parts.append(_model(schema))
        for name, definition in sorted(schema.get("$defs", {}).items()):
            if "properties" in definition:
                parts.append(f"### {kind}: {name}\n")
                parts.append(_model(definition))
    return "\n".join(parts)


def _model(schema: dict[str, Any]) -> str:
    lines = [f"{_prose(schema.get('description', ''))}\n", "| field | type |", "| :-- | :-- |"]
    lines += [f"| `{name}` | {_type(field)} |" for name, field in schema["properties"].items()]
    return "\n".join(lines) + "\n"


def _prose(docstring: str) -> str:
    """Turn a docstring into Markdown: its list of attributes becomes a list."""
    summary, _, attributes = docstring.partition("Attributes:")
    text = summary.strip()
    for line in attributes.splitlines():
        if line.startswith("    ") and not line.startswith("     ") and ":" in line:
            text += f"\n- {line.strip()}"
        elif line.strip():
            text += f" {line.strip()}"
    return text.replace("\n- ", "\n\n- ", 1)


def _type(field: dict[str, Any]) -> str:
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    if "anyOf" in field:
        return " or ".join(_type(option) for option in field["anyOf"])
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if field.get("type") == "array":
        return f"list of {_type(field.get('items', {}))}"
    if isinstance(field.get("additionalProperties"), dict):
        return f"object of {_type(field['additionalProperties'])}"
    return str(field.get("type", "any"))


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]))
