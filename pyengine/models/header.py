"""Read the few header fields that a listing needs, without llama.cpp and without weights."""

from __future__ import annotations

import mmap
import re
import struct
from dataclasses import dataclass
from pathlib import Path

from pyengine.errors import ModelFileError
from pyengine.inputs import check_regular
from pyengine.models.file_types import file_type_name
from pyengine.plain_text import usable_name

_FIXED = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_HASH = re.compile(r"(?:sha256-)?[0-9a-f]{64}")
_WANTED = frozenset(
    {
        *("general.architecture", "general.name", "general.type", "general.file_type"),
        *("split.count", "split.no"),
    }
)


@dataclass(frozen=True, slots=True)
class Header:
    """Hold what the header of a GGUF says about itself; None where it says nothing.

    `content` is its general.type: model, adapter, mmproj, imatrix.
    """

    version: int
    n_tensors: int
    architecture: str | None
    name: str | None
    file_type: str | None
    content: str | None
    n_parts: int
    part: int


def read_header(path: Path) -> Header:
    """Read the header of a GGUF file.

    Raises ModelFileError where the file cannot be read or is no GGUF.
    """
    check_regular(path, error=ModelFileError)
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _parse(_Cursor(data))
    except (struct.error, OverflowError, ValueError) as error:
        raise ModelFileError(f"{path}: not a readable GGUF file: {error}") from error
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read: {error.strerror or error}") from error


def short_name(path: Path) -> str:
    """Return a file's name without its ending.

    A store may name a file by its SHA-256: that one goes by its model's name and type.
    """
    if not _HASH.fullmatch(path.stem if path.suffix == ".gguf" else path.name):
        return path.stem
    try:
        header = read_header(path)
    except ModelFileError:
        return path.stem[:19]
    words = f"{usable_name(header.name or '') or ''} {header.file_type or ''}".split()
    return " ".join(words) or path.stem[:19]


class _Cursor:
    """Walk over the bytes of a header; struct.error where they end too soon."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.offset = 0

    def number(self, code: str) -> int | float | bool:
        layout = struct.Struct(f"<{code}")
        (value,) = layout.unpack_from(self.data, self.offset)
        self.offset += layout.size
        assert isinstance(value, int | float)
        return value

    def length(self) -> int:
        value = int(self.number("Q"))
        if value > len(self.data) - self.offset:
            raise ValueError("a length points beyond the end of the file")
        return value

    def string(self) -> bytes:
        n = self.length()
        self.offset += n
        return self.data[self.offset - n : self.offset]

    def skip_array(self) -> None:
        kind = int(self.number("I"))
        n = self.length()
        if kind in _FIXED:
            self.offset += n * struct.calcsize(_FIXED[kind])
            return
        if kind != _STRING:
            raise ValueError(f"an array of type {kind}")
        unpack, offset = struct.Struct("<Q").unpack_from, self.offset
        for _ in range(n):
            offset += 8 + unpack(self.data, offset)[0]
        self.offset = offset

    def value(self) -> str | int | float | bool | None:
        kind = int(self.number("I"))
        if kind == _STRING:
            return self.string().decode("utf-8", errors="replace")
        if kind == _ARRAY:
            self.skip_array()
            return None
        if kind not in _FIXED:
            raise ValueError(f"a value of unknown type {kind}")
        return self.number(_FIXED[kind])


def _parse(cursor: _Cursor) -> Header:
    if cursor.data[:4] != b"GGUF":
        raise ValueError("it does not begin with GGUF")
    cursor.offset = 4
    version = int(cursor.number("I"))
    if version not in (2, 3):
        raise ValueError(f"GGUF version {version}; 2 and 3 are known")
    n_tensors, n_values = int(cursor.number("Q")), int(cursor.number("Q"))
    found: dict[str, str | int | float | bool | None] = {}
    for _ in range(n_values):
        key = cursor.string().decode("utf-8", errors="replace")
        if key.startswith("tokenizer.") and "general.file_type" in found:
            break
        value = cursor.value()
        if key in _WANTED:
            found[key] = value
    return Header(
        version=version,
        n_tensors=n_tensors,
        architecture=_text(found.get("general.architecture")),
        name=_text(found.get("general.name")),
        file_type=file_type_name(found.get("general.file_type")),
        content=_text(found.get("general.type")),
        n_parts=_whole(found.get("split.count"), 1),
        part=_whole(found.get("split.no"), 0),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _whole(value: object, default: int) -> int:
    return value if isinstance(value, int) and value > 0 else default
