"""The corpus as it is kept: one JSON record a line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Document:
    """One whole source file. held_out is true for the files that training never sees."""

    language: str
    package: str
    path: str
    sha256: str
    held_out: bool
    text: str


def write_documents(path: Path, documents: Iterable[Document]) -> None:
    """Write one JSON record a line, through a temporary file."""
    part = path.with_suffix(".part")
    with part.open("w") as out:
        for item in documents:
            out.write(json.dumps(asdict(item)) + "\n")
    part.rename(path)


def read_documents(path: Path) -> list[Document]:
    """Read what write_documents wrote."""
    with path.open() as stream:
        return [Document(**json.loads(line)) for line in stream]
